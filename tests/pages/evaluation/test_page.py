"""The Evaluation page through Streamlit's AppTest, on a real Milvus Lite file."""

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Multiselect, TextInput

from core.corrections.correction import Edit
from core.embeddings.near_duplicates import NEAR_DUPLICATE
from core.errors import ReadOnlyError, StoreError
from core.evaluation.report import Request
from core.metric import Metric
from core.progress import silent
from core.runs import turn as turns
from core.ui import links, resources
from core.ui.tiles import Frame
from pages.evaluation import cache
from pages.evaluation.reports import making, request
from scripts import evaluate
from tests.support import dashboard
from tests.support.exports import exports
from tests.support.made_up import make_database

PAGE = str(Path(__file__).parents[3] / "pages" / "evaluation" / "page.py")


def page(**query: str) -> AppTest:
    at = AppTest.from_file(PAGE, default_timeout=60)
    at.query_params.update(query)
    return at


def clear_caches() -> None:
    # What was cancelled, deleted or measured in an earlier test says nothing in the next.
    st.cache_resource.clear()
    st.cache_data.clear()
    turns._ended[0] = -math.inf


def close_store() -> None:
    try:
        resources.get_store().close()
    finally:
        clear_caches()


def _made(folder: Path, sizes: dict[str, int] | None = None) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        dashboard.set_environment(patch, folder)
        if sizes is None:
            make_database(folder)
        else:
            make_database(folder, sizes)
        clear_caches()
        yield folder
        close_store()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield from _made(tmp_path_factory.mktemp("evaluation"))


@pytest.fixture
def data_dir(shared: Path) -> Path:
    """The shared collection, without reports."""
    for file in (shared / "reports").glob("*"):
        file.unlink()
    clear_reports()
    return shared


def clear_reports() -> None:
    st.cache_data.clear()
    cache._declined.clear()
    turns._ended[0] = -math.inf


def press(at: AppTest, label: str) -> AppTest:
    return next(b for b in at.button if b.label == label).click().run()


def new_report(at: AppTest) -> AppTest:
    """The page with the form of a new report open."""
    return press(at, "New report")


def run_report(at: AppTest) -> AppTest:
    return press(new_report(at), "Run report")


def in_address(at: AppTest, name: str) -> str:
    value = at.query_params.get(name, "")
    return value if isinstance(value, str) else value[0]


def reports_of(data_dir: Path) -> list[Path]:
    return list((data_dir / "reports").glob("*.json"))


def cut_offs(at: AppTest) -> Multiselect:
    return next(m for m in at.multiselect if m.label == "Top k")


def path_of(at: AppTest, what: str) -> TextInput:
    return next(t for t in at.text_input if t.label == f"Only {what} whose path matches")


def texts(at: AppTest) -> str:
    kinds = (at.caption, at.markdown, at.warning, at.error, at.info, at.subheader)
    text = "\n".join(element.value for kind in kinds for element in kind)
    # Text of data is escaped letter by letter.
    return text.replace("\\", "")


def metrics(at: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in at.metric}


def test_the_first_report_makes_itself_once(data_dir: Path) -> None:
    at = page().run()
    assert not at.exception
    [made] = reports_of(data_dir)
    assert at.selectbox(key="report").value == made.stem
    saved = json.loads(made.read_text())["configuration"]["request"]
    # What the form of a new report offers: nprobe is 8 of 8 lists.
    assert (saved["ks"], saved["nprobe"], saved["queries"]) == ([1, 5, 10], 8, "all")
    page().run()
    assert reports_of(data_dir) == [made]


def test_precision_is_shown_by_the_values_of_a_column(data_dir: Path) -> None:
    at = page(view="Columns", at="5").run()
    assert not at.exception
    assert at.selectbox(key="column").options == ["part"]
    [table] = [t.value for t in at.dataframe if "part" in t.value.columns]
    # Every fourth of 40, 20 and 3 pictures that have something to find: 10 + 5 + 1.
    assert dict(zip(table["part"], table["n"], strict=True)) == {"test": 16, "train": 47}
    by_part = {row["part"]: row for _, row in table.iterrows()}
    assert by_part["test"]["Others"] == by_part["train"]["P@5"]
    # Two pictures have no class, and of these nothing else is known either.
    assert any("Of 2 of 66 queries nothing is known" in caption.value for caption in at.caption)


def test_the_first_report_of_a_large_collection_asks_with_a_part_of_it(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request, "_FIRST_QUERIES", 20)
    at = page().run()
    assert not at.exception
    saved = json.loads(reports_of(data_dir)[0].read_text())
    assert saved["configuration"]["request"]["sample"] == 20
    # Its name says so, and a new report asks with all again.
    assert ", up to 20 of all pictures" in at.selectbox(key="report").options[0]
    run_report(at)
    samples = [json.loads(file.read_text()) for file in reports_of(data_dir)]
    assert {one["configuration"]["request"]["sample"] for one in samples} == {20, None}


def offered(at: AppTest) -> bool:
    return any(button.label == "Measure accuracy" for button in at.button)


def test_a_large_collection_is_measured_when_asked(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "_MOST_AT_ONCE", 65)
    at = page().run()
    assert not at.exception and offered(at)
    assert "Each of 66 pictures is searched with" in texts(at)
    assert not reports_of(data_dir)
    at = press(at, "Measure accuracy")
    assert "Macro precision@10" in metrics(at)
    assert len(reports_of(data_dir)) == 1


def test_a_dashboard_that_may_not_change_anything_makes_no_report_by_itself(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHARD_READ_ONLY", "true")
    resources.get_settings.clear()
    at = page().run()
    monkeypatch.delenv("ORCHARD_READ_ONLY")
    resources.get_settings.clear()
    assert offered(at)
    assert not reports_of(data_dir)


def test_no_report_makes_itself_while_a_run_goes_on(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "is_running", lambda folder: folder == data_dir / "runs")
    assert offered(page().run())
    assert not reports_of(data_dir)


def test_a_collection_that_is_still_being_built_is_not_measured_by_itself(data_dir: Path) -> None:
    store, family = resources.get_store(), resources.get_settings().collection
    store.set_complete(family, Metric.COSINE, complete=False)
    resources.forget_collections()
    try:
        assert offered(page().run())
    finally:
        store.set_complete(family, Metric.COSINE, complete=True)
        resources.forget_collections()
    assert not reports_of(data_dir)


def test_a_first_report_that_failed_is_not_tried_again_by_itself(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StoreError("the database failed. Look into its log.")

    monkeypatch.setattr(cache, "evaluate", fail)
    at = page().run()
    assert not at.exception
    assert "the database failed" in texts(at)
    # The next visitor is not made to wait for the same.
    monkeypatch.setattr(cache, "evaluate", None)
    at = page().run()
    assert not at.error and offered(at)


def test_a_visitor_waits_for_the_first_report_of_another(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with turns.turn():
        at = page().run()
        assert "being made for somebody else" in texts(at)
        assert not offered(at)
    # The other one may have pressed Cancel, which it says in a moment.
    assert "for somebody else" in texts(at.run())
    monkeypatch.setattr(turns, "_ended", [-math.inf])
    # It has left, so the report is made here.
    at = at.run()
    assert "Macro precision@10" in metrics(at)
    assert len(reports_of(data_dir)) == 1


def test_of_two_visitors_in_the_same_moment_one_makes_the_report(data_dir: Path) -> None:
    page().run()
    [made] = reports_of(data_dir)
    # As the second one asks who saw no report when its page began.
    wanted = Request(nprobe=8)
    assert cache.make_first_report(wanted, Metric.COSINE, on_progress=silent) == made.stem
    assert reports_of(data_dir) == [made]


def test_the_form_of_a_new_report_closes_when_it_runs(data_dir: Path) -> None:
    at = new_report(page().run())
    assert any(button.label == "Run report" for button in at.button)
    assert "The last one took" in texts(at)
    at = press(at, "Run report")
    assert not any(button.label == "Run report" for button in at.button)
    assert len(reports_of(data_dir)) == 2


def test_a_report_is_shown(data_dir: Path) -> None:
    at = page().run()
    assert not at.exception
    assert "Macro precision@10" in metrics(at)
    assert "Left out: 1 query of 1 class" in texts(at)
    assert "2 queries without a class" in texts(at)
    table = at.dataframe[0].value
    # Three cherries: at most two of ten hits can be right.
    assert table["Class"][0] == "cherry"
    assert table["Ceiling"][0] == pytest.approx(0.2)
    assert table["95 % interval"][0].endswith(" *")


def test_files_are_behind_one_button_and_none_is_made_before_it_is_asked_for(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("made before anybody asked")

    makers = ("html_report", "class_rows", "slice_rows", "query_rows", "picture_rows")
    for name in (*makers, "read_json_text"):
        monkeypatch.setattr(f"pages.evaluation.takeaway.downloads.{name}", never)
    at = page().run()
    assert not at.exception and not at.error
    tables = ["Classes (CSV)", "Columns (CSV)", "Queries (CSV)", "Pictures (CSV)"]
    assert exports(at) == [["Report (HTML)", *tables, "Report (JSON)"]]


def test_columns_that_tell_nothing_are_left_out(data_dir: Path) -> None:
    at = page().run()
    # Ceiling and chance differ by class; the exact figures and the ceiling are not the same.
    assert {"Ceiling", "Of ceiling", "Chance"} <= set(at.dataframe[0].value)
    at.select_slider(key="at").set_value(2).run()
    # Three cherries: each finds two others for two hits, as many as the larger classes.
    assert "P@2" in at.dataframe[0].value
    assert not {"Ceiling", "Of ceiling"} & set(at.dataframe[0].value)


def test_the_worst_class_stands_beside_the_bars_until_one_is_chosen(data_dir: Path) -> None:
    at = page(target="0.6").run()
    assert not at.exception and at.slider(key="target").value == 0.6
    beside = [m.value for m in at.markdown if m.value.startswith("Worst query of")]
    assert len(beside) == 1 and "**cherry**" in beside[0]
    at.selectbox(key="class").set_value("apple").run()
    assert "Worst query of **apple**" in texts(at)
    # And on to the mistakes of that class alone.
    at = press(at, "Confusions")
    assert in_address(at, "view") == "Confusion" and in_address(at, "class") == "apple"
    assert pair_shown(at)[0] == "apple"


def test_the_headline_is_a_sentence_and_names_the_weakest_class(data_dir: Path) -> None:
    at = page().run()
    figure = next(m for m in at.metric if m.label == "Macro precision@10")
    hundredths = round(100 * float(figure.value))
    assert at.subheader[0].value.startswith(f"{hundredths} of 100 of the first 10 hits are right (")
    # 40 and 20 pictures fill ten places; three cherries have two others for ten: (1 + 1 + 0.2) / 3.
    assert "At most 73 can be" in texts(at)
    # One of three classes: with two of them named, the best would be among the weakest.
    [chip] = [m.value for m in at.markdown if "-badge[" in m.value]
    table = at.dataframe[0].value
    share = table["P@10"] / table["Ceiling"]
    assert table["Class"][share.idxmin()] in chip


def test_the_weakest_classes_are_judged_by_the_target_as_their_bars_are(data_dir: Path) -> None:
    # At k 2 all three classes have enough to find.
    for target, word, colour in [("0.0", "reached", "green"), ("1.0", "below", "orange")]:
        at = page(target=target, at="2").run()
        bars = json.loads(at.get("plotly_chart")[0].proto.spec)["data"]
        names = {label: bar["name"] for bar in bars for label in bar.get("y", ())}
        [chip] = [m for m in at.markdown if "-badge[" in m.value]
        label = chip.value.split("-badge[")[1].split()[0]
        assert names[label].startswith(word) and f", {word}]" in chip.value
        assert f":{colour}-badge" in chip.value and f"target of {float(target):.2f}" in chip.help


def test_page_and_script_give_the_same_figures(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = page().run()
    close_store()
    assert evaluate.main(["--json", "--nprobe", "8"]) == 0
    clear_caches()
    by_script = json.loads(capsys.readouterr().out)
    name = at.selectbox(key="report").value
    assert name != by_script["name"]
    by_page = json.loads((data_dir / "reports" / f"{name}.json").read_text())
    assert by_page["exact"] == by_script["exact"]
    assert by_page["index"] == by_script["index"]
    shown = float(metrics(at)["Macro precision@10"])
    assert shown == pytest.approx(by_script["exact"]["macro"]["precision@10"]["value"], abs=5e-3)


def forbid_searching(patch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("searched again")

    patch.setattr("core.evaluation.run.exact_neighbours", never)
    patch.setattr("core.store.vector_store.VectorStore.search", never)
    patch.setattr("core.store.vector_store.VectorStore.search_ids", never)


def test_classes_and_duplicates_are_changed_without_searching_again(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = page().run()
    before = metrics(at)["Macro precision@10"]
    forbid_searching(monkeypatch)
    at.multiselect(key="curve_classes").set_value(["banana", "apple"]).run()
    assert not at.exception and not at.error
    assert metrics(at)["Macro precision@10"] == before
    at.slider(key="near").set_value(0.5).run()
    assert not at.exception and not at.error
    # At 0.5 some neighbours of the overlapping clouds are left out.
    assert metrics(at)["Macro precision@10"] != before


def test_k_is_changed_without_searching_again(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = page().run()
    forbid_searching(monkeypatch)
    at.select_slider(key="at").set_value(20).run()
    assert not at.exception
    assert "Macro precision@20" in metrics(at)
    # The index was asked for ten hits only, so it has no precision@20.
    assert "Index precision@20" not in metrics(at)


def test_leaving_out_copies_shows_the_gap(data_dir: Path) -> None:
    at = page().run()
    before = metrics(at)["Macro precision@10"]
    at.toggle(key="copies").set_value(True).run()
    gap = next(info.value for info in at.info)
    assert "Exact copies of the query left out" in gap
    told = re.search(r"instead of (0\.\d{3}),", gap)
    assert told and float(told[1]) == pytest.approx(float(before), abs=5e-3)
    at.slider(key="near").set_value(0.9).run()
    assert "similarity of 0.90" in at.info[0].value


def test_figures_beside_each_other_leave_out_the_same(data_dir: Path) -> None:
    at = page(at="5", copies="true").run()
    # nprobe is 8 of 8 lists: the index has what exact search has, also without the copies.
    assert metrics(at)["Index precision@5"] == metrics(at)["Macro precision@5"]
    at.toggle(key="copies").set_value(False).run()
    assert metrics(at)["Index precision@5"] == metrics(at)["Macro precision@5"]
    # Ten hits less a copy are nine: the index has no precision@10 on the same terms.
    at.select_slider(key="at").set_value(10)
    at.toggle(key="copies").set_value(True).run()
    assert "Index precision@10" not in metrics(at)
    assert "it was asked for 10 hits" in texts(at)


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        ("Confusion", "Confused most"),
        ("Worst queries", "Worst queries"),
        ("Scores", "What a score is worth"),
        ("nprobe", "How many lists are worth searching?"),
        ("Duplicates", "What duplicates add"),
        ("Labels", "suspected labels"),
        ("Hubs", "Hubs"),
        ("Compare", "All reports"),
    ],
)
@pytest.mark.parametrize("metric", ["COSINE", "L2", "IP"])
def test_every_view_opens_by_its_link(
    data_dir: Path, view: str, expected: str, metric: str
) -> None:
    close_store()
    assert evaluate.main(["--metric", metric, "--nprobe", "2"]) == 0
    clear_caches()
    at = page(view=view).run()
    assert not at.exception
    assert not at.error
    assert any(expected in subheader.value for subheader in at.subheader)


def test_the_address_names_the_view_and_follows_the_tabs(data_dir: Path) -> None:
    at = page(view="Hubs").run()
    tab, part = "evaluation_tab", "evaluation_tab Mistakes"
    assert at.segmented_control(key=tab).value == "Mistakes"
    assert at.pills(key=part).value == "Hubs"
    assert in_address(at, "view") == "Hubs"
    at.pills(key=part).set_value("Labels").run()
    assert in_address(at, "view") == "Labels"
    at.segmented_control(key=tab).set_value("Settings").run()
    assert in_address(at, "view") == "nprobe"
    # The usual view needs no word in the address.
    at.segmented_control(key=tab).set_value("Overview").run()
    assert in_address(at, "view") == ""
    # Back, in the browser.
    at.query_params["view"] = "Scores"
    at.run()
    assert at.segmented_control(key=tab).value == "Settings"
    assert any("What a score is worth" in s.value for s in at.subheader)
    assert not at.exception


def test_a_link_to_a_view_that_is_none_opens_the_first(data_dir: Path) -> None:
    at = page(view="Nothing").run()
    assert not at.exception
    assert at.segmented_control(key="evaluation_tab").value == "Overview"


def test_the_way_back_leads_to_the_report_before(data_dir: Path) -> None:
    at = page().run()
    first = in_address(at, "report")
    at = run_report(at)
    second = in_address(at, "report")
    assert second != first
    at.query_params["report"] = first
    at.run()
    assert at.selectbox(key="report").value == first
    # An address from before the report was written into it is not written anew: that would lead
    # forward again, and there would be no way back to the page before.
    del at.query_params["report"]
    at.run()
    assert not at.exception
    assert at.selectbox(key="report").value == first
    assert in_address(at, "report") == ""


def pair_shown(at: AppTest) -> tuple[str, str]:
    """The two classes whose pictures are shown."""
    [told] = [m.value for m in at.markdown if "pictures that brought back" in m.value]
    found = re.match(r"\*\*(.+)\*\* pictures that brought back \*\*(.+)\*\*", told)
    assert found
    return found[1], found[2]


def test_a_confusion_is_chosen_by_button_control_and_address(data_dir: Path) -> None:
    at = page(view="Confusion").run()
    listed = [b for b in at.button if "→" in b.label]
    # The largest first, and its pictures are shown until another one is chosen.
    shares = [int(b.label.split()[-1].rstrip("%")) for b in listed]
    assert shares == sorted(shares, reverse=True)
    assert listed[0].label.startswith("{} → {} ".format(*pair_shown(at)))
    assert in_address(at, "asked") == ""
    chosen = listed[1].label.split(" ")
    at = listed[1].click().run()
    assert pair_shown(at) == (chosen[0], chosen[2])
    assert (in_address(at, "asked"), in_address(at, "got")) == (chosen[0], chosen[2])
    at.selectbox(key="asked").set_value("banana").run()
    at.selectbox(key="got").set_value("banana").run()
    assert pair_shown(at) == ("banana", "banana")
    assert (in_address(at, "asked"), in_address(at, "got")) == ("banana", "banana")
    # Back, in the browser.
    at.query_params.update({"asked": chosen[0], "got": chosen[2]})
    at.run()
    assert not at.exception
    assert pair_shown(at) == (chosen[0], chosen[2])


def test_whoever_comes_back_from_another_page_sees_the_same_confusion(data_dir: Path) -> None:
    left = page(view="Confusion", asked="banana", got="apple").run()
    # The menu leads here without a word in the address; what was pressed is forgotten by then.
    at = page()
    at.session_state["evaluation"] = left.session_state["evaluation"]
    at.run()
    assert not at.exception
    assert pair_shown(at) == ("banana", "apple")
    assert (in_address(at, "asked"), in_address(at, "got")) == ("banana", "apple")


def test_a_link_to_a_class_opens_what_it_is_confused_with_most(data_dir: Path) -> None:
    at = page(view="Confusion", asked="cherry").run()
    assert "has no class" not in texts(at)
    of_cherry = [b.label for b in at.button if b.label.startswith("cherry → ")]
    assert pair_shown(at) == ("cherry", of_cherry[0].split()[2])


def test_a_link_to_classes_that_are_none_says_so_once(data_dir: Path) -> None:
    at = page(**{"view": "Confusion", "asked": "b*d", "got": "worse", "class": "bad"}).run()
    assert not at.exception
    [told] = [w.value for w in at.warning if "has no class" in w.value]
    assert told.replace("\\", "").startswith("This report has no class **bad**, **b*d**, **worse**")
    # The largest confusion is shown, as without a link.
    assert pair_shown(at) == pair_shown(page(view="Confusion").run())


def test_pictures_of_a_confusion_lead_to_the_map_and_to_search(data_dir: Path) -> None:
    at = page(view="Confusion").run()
    at = next(b for b in at.button if b.label.startswith("Show these ")).click().run()
    to = at.session_state["leaving"]
    assert to.page == links.MAP_PAGE
    label = next(b.label for b in at.button if b.label.startswith("Show these "))
    assert label == f"Show these {len(to.parameters['ring'].split(','))} pictures on the map"
    assert to.parameters["map_metric"] == "COSINE"
    at = press(at, "Search with this query")
    to = at.session_state["leaving"]
    assert to.page == links.SEARCH_PAGE
    assert (to.parameters["metric"], to.parameters["k"]) == ("COSINE", "10")


@pytest.mark.parametrize("view", ["Confusion", "Worst queries", "Hubs", "Duplicates"])
def test_every_picture_leads_on(data_dir: Path, view: str) -> None:
    close_store()
    assert evaluate.main(["--metric", "L2", "--nprobe", "2"]) == 0
    clear_caches()
    at = page(view=view).run()
    at = next(b for b in at.button if b.label.startswith("Search with ")).click().run()
    to = at.session_state["leaving"]
    # By the report's metric: by another one the hits would be others.
    assert (to.page, to.parameters["metric"]) == (links.SEARCH_PAGE, "L2")
    # No path stands below a picture; here no file is there, and the tile says so above.
    assert not [one.value for one in (*at.caption, *at.markdown) if ".jpg" in one.value]


def test_one_class_is_looked_at_alone_until_its_chip_is_pressed(data_dir: Path) -> None:
    at = page(**{"view": "Worst queries", "class": "banana"}).run()
    assert not at.exception
    headings = [m.value for m in at.markdown if m.value.endswith("of 10 right")]
    assert headings and all(text.startswith("**banana**") for text in headings)
    at.pills(key="evaluation_tab Mistakes").set_value("Confusion").run()
    assert pair_shown(at)[0] == "banana"
    assert {b.label.split()[0] for b in at.button if "→" in b.label} == {"banana"}
    at = at.button(key="all classes").click().run()
    assert in_address(at, "class") == ""
    assert {b.label.split()[0] for b in at.button if "→" in b.label} != {"banana"}


def test_sweep_recommends_and_hands_over(data_dir: Path) -> None:
    at = page(view="nprobe").run()
    next(b for b in at.button if b.label == "Measure nprobe").click().run()
    assert not at.exception
    assert any(b.label.startswith("Search with nprobe ") for b in at.button)
    assert "ANN recall@10 of" in texts(at)


def test_a_sweep_over_a_collection_that_changed_is_refused_in_place(data_dir: Path) -> None:
    page().run()
    set_fingerprint(data_dir, "0" * 16)
    at = page(view="nprobe").run()
    next(b for b in at.button if b.label == "Measure nprobe").click().run()
    assert not at.exception
    assert "changed since this report" in texts(at)
    # The rest of the page is still there.
    assert exports(at)


def test_reports_that_cannot_be_compared_say_why_in_place(data_dir: Path) -> None:
    close_store()
    assert evaluate.main(["--nprobe", "exact", "--gallery-paths", "*/train_*"]) == 0
    clear_caches()
    at = run_report(page(view="Compare").run())
    assert "their galleries differ" in texts(at)
    assert exports(at)


def test_duplicates_show_what_they_add(data_dir: Path) -> None:
    at = page(view="Duplicates", near="0.5").run()
    assert not at.exception
    table = at.dataframe[0].value
    assert list(table["Neighbours"]) == [
        "as they are",
        "without exact copies",
        "without near-duplicates",
        "neighbours from a similarity of 0.50 on left out",
    ]
    # One pair of copies: each of the two is the other's hit.
    assert list(table["Queries with such"])[:2] == [0, 2]
    # The gap is the difference of the values beside it.
    values = [float(text.split()[0]) for text in table["Macro precision@10"]]
    assert list(table["Gap"]) == pytest.approx([v - values[0] for v in values], abs=1e-3)
    assert table["Gap"][3] != 0
    told = next(s for s in at.subheader if s.value == "What duplicates add").help
    assert f"above {NEAR_DUPLICATE}, as on the other pages" in told


def test_a_cut_off_that_is_typed_in_is_measured(data_dir: Path) -> None:
    at = new_report(page().run())
    cut_offs(at).set_value([1, 7])
    at = press(at, "Run report")
    # Whoever has not chosen a k sees the largest. By its link: two reports of one second are in no
    # order.
    assert "Macro precision@7" in metrics(page(report=in_address(at, "report")).run())


def test_folders_called_train_and_test_are_found_and_used(
    tmp_path: Path, shared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    close_store()
    for _ in _made(tmp_path, {"train/apple": 9, "train/pear": 9, "test/apple": 4, "test/pear": 4}):
        at = page().run()
        assert not at.exception
        assert "Queries are the pictures whose path matches 'test/*', 8 of them" in texts(at)
        assert "those that match 'train/*', 18 of them" in texts(at)
        assert set(at.dataframe[0].value["Class"]) == {"apple", "pear"}
        shown = metrics(at)["Macro precision@10"]
        close_store()
        # The script finds the same split, and the same figures.
        assert evaluate.main(["--json"]) == 0
        made = json.loads(capsys.readouterr().out)
        assert f"{made['exact']['macro']['precision@10']['value']:.2f}" == shown
    clear_caches()


def test_two_reports_are_compared(data_dir: Path) -> None:
    at = run_report(page(view="Compare").run())
    assert not at.exception
    # The same twice: its names do not tell the two apart by metric or nprobe.
    said = at.subheader[1].value.replace("\\", "")
    assert said.startswith("No measurable difference between ")
    assert said.count(", COSINE, nprobe 8, all pictures") == 2
    assert said.endswith(": +0.00 (+0.00 to +0.00)")
    assert "No class got measurably worse, no class got measurably better, over 63 " in texts(at)
    assert set(at.dataframe[0].value["Verdict"]) == {"no difference"}


def test_all_metrics_are_measured_by_one_button_and_stand_side_by_side(data_dir: Path) -> None:
    at = page(view="Compare").run()
    opened = in_address(at, "report")
    at = press(at, "Measure the missing metrics (L2, IP)")
    assert not at.exception and not at.error
    # The same request for all, and the report that was open still is.
    made = [json.loads(file.read_text())["configuration"] for file in reports_of(data_dir)]
    assert {one["metric"] for one in made} == {"COSINE", "L2", "IP"}
    assert len({json.dumps(one["request"]) for one in made}) == 1
    assert in_address(at, "report") == opened
    assert not [b for b in at.button if b.label.startswith("Measure the missing")]
    board = at.dataframe[1].value
    assert list(board["P@10"]) == sorted(board["P@10"], reverse=True)
    # All eight lists are searched.
    assert set(board["ANN recall@10"]) == {1.0}
    assert set(board["nprobe"]) == {"8"}


def test_which_reports_are_compared_is_in_the_address_once_chosen(data_dir: Path) -> None:
    at = page(view="Compare").run()
    at = press(at, "Measure the missing metrics (L2, IP)")
    first, second = at.selectbox(key="a").value, at.selectbox(key="b").value
    # What nobody chose is not written: the way back would lead forward again.
    assert in_address(at, "a") == ""
    names = re.search(r"(?:between (\w+) and (\w+)|(\w+) is \w+ than (\w+)):", texts(at))
    assert names
    at = press(at, "Swap")
    assert (in_address(at, "a"), in_address(at, "b")) == (second, first)
    assert (at.selectbox(key="a").value, at.selectbox(key="b").value) == (second, first)
    del at.query_params["a"], at.query_params["b"]
    at.run()
    assert at.selectbox(key="a").value == first


def test_a_report_is_given_a_name(data_dir: Path) -> None:
    at = page().run()
    [label] = at.selectbox(key="report").options
    assert label.endswith(", COSINE, nprobe 8, all pictures")
    at = press(at, "Rename")
    next(t for t in at.text_input if t.label == "Name").set_value("Before **the** move")
    at = press(at, "Save")
    assert at.selectbox(key="report").options == ["Before **the** move"]
    assert not any(button.label == "Save" for button in at.button)
    # The link to it is as it was.
    assert in_address(at, "report") == reports_of(data_dir)[0].stem


def test_a_report_is_deleted_after_a_question(data_dir: Path) -> None:
    at = run_report(page().run())
    opened = at.selectbox(key="report").value
    at = press(press(at, "Delete"), "Keep it")
    assert len(reports_of(data_dir)) == 2
    at = press(press(at, "Delete"), "Delete it")
    assert not at.exception and "deleted" not in texts(at)
    [kept] = reports_of(data_dir)
    assert at.selectbox(key="report").value == kept.stem != opened
    assert not list((data_dir / "reports").glob(f"{opened}*"))


def test_a_report_that_somebody_else_deleted_is_told(data_dir: Path) -> None:
    mine, theirs = page().run(), page().run()
    press(press(theirs, "Delete"), "Delete it")
    mine = mine.run()
    assert not mine.exception
    assert "The report that was open here has been deleted. There is no other" in texts(mine)
    # Nobody who deletes the last report wants to see it made anew.
    assert offered(mine) and offered(theirs)
    mine = press(mine, "Measure accuracy")
    assert "deleted" not in texts(mine)
    assert len(reports_of(data_dir)) == 1


def test_reports_of_a_dashboard_that_may_not_change_anything_stay(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page().run()
    [made] = reports_of(data_dir)
    monkeypatch.setenv("ORCHARD_READ_ONLY", "true")
    resources.get_settings.clear()
    at = page().run()
    with pytest.raises(ReadOnlyError):
        cache.delete_report(made.stem)
    with pytest.raises(ReadOnlyError):
        cache.rename_report(made.stem, "mine")
    monkeypatch.delenv("ORCHARD_READ_ONLY")
    resources.get_settings.clear()
    assert not [b.label for b in at.button if b.label in ("Rename", "Delete")]
    assert reports_of(data_dir) == [made]


def test_unknown_report_in_a_link_is_told(data_dir: Path) -> None:
    at = page(report="../../secret").run()
    assert not at.exception
    assert "There is no report" in texts(at)
    # Whoever follows a link wants that report, and does not wait for another.
    assert not reports_of(data_dir)


@pytest.mark.parametrize("content", ["{", '{"format": 99}'])
def test_damaged_and_newer_reports_do_not_stop_the_page(data_dir: Path, content: str) -> None:
    page().run()
    good = next((data_dir / "reports").glob("*.json")).stem
    (data_dir / "reports" / "bad.json").write_text(content)
    clear_reports()
    at = page().run()
    assert not at.exception
    assert at.selectbox(key="report").value == good
    assert len(at.selectbox(key="report").options) == 1
    assert any("1 report file cannot be opened" in e.label for e in at.expander)
    assert "bad.json" in texts(at)
    at = page(report="bad").run()
    assert "damaged" in texts(at) or "newer" in texts(at)


def test_report_of_another_dataset_says_so(data_dir: Path) -> None:
    page().run()
    set_fingerprint(data_dir, "0" * 16, rows=70)
    at = page().run()
    assert "no longer the one this report is about" in texts(at)
    assert "then 70 rows, now 66" in texts(at)


def set_fingerprint(data_dir: Path, mark: str, rows: int = 66) -> None:
    """Make the only report look as if it were about other pictures."""
    file = next((data_dir / "reports").glob("*.json"))
    content = json.loads(file.read_text())
    content["configuration"] |= {"fingerprint": mark, "stored": mark, "rows": rows}
    file.write_text(json.dumps(content))
    clear_caches_of_reports()


def clear_caches_of_reports() -> None:
    st.cache_data.clear()
    cache.get_report.clear()
    cache.get_figures.clear()


def test_no_cut_off_is_refused(data_dir: Path) -> None:
    at = new_report(page().run())
    cut_offs(at).set_value([])
    press(at, "Run report")
    assert "There is no k" in texts(at)
    # The form is still open, to be mended.
    cut_offs(at).set_value([3])
    press(at, "Run report")
    assert not at.error
    assert len(reports_of(data_dir)) == 2


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"apple": 12}, "only one class to find"),
        ({"a": 1, "b": 1, "c": 1}, "Left out: 3 queries of 3 classes"),
        ({"": 5}, "Left out: 5 queries without a class"),
        ({"only": 1}, "Left out: 1 query of 1 class"),
    ],
)
@pytest.mark.parametrize(
    "view", ["Classes", "Confusion", "Worst queries", "Scores", "Labels", "Hubs"]
)
def test_collections_with_little_to_say(
    tmp_path: Path, shared: Path, sizes: dict[str, int], expected: str, view: str
) -> None:
    close_store()
    for _ in _made(tmp_path, sizes):
        at = page(view=view).run()
        assert not at.exception
        assert not at.error
        assert expected in texts(at)
        assert ("nothing to measure" in texts(at)) == (sizes != {"apple": 12})
    clear_caches()


def test_without_a_collection_the_page_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: Path
) -> None:
    close_store()
    monkeypatch.setenv("ORCHARD_DATA_DIR", str(tmp_path))
    clear_caches()
    at = page().run()
    assert not at.exception
    assert "Nothing is indexed yet" in texts(at)
    close_store()


def test_split_by_paths_from_the_page(data_dir: Path) -> None:
    at = new_report(page().run())
    path_of(at, "queries").set_value("*test_*")
    path_of(at, "hits").set_value("*train_*")
    refused = press(at, "Run report")
    assert "only exact search" in texts(refused)
    at = new_report(at)
    path_of(at, "queries").set_value("*test_*")
    path_of(at, "hits").set_value("*train_*")
    next(s for s in at.select_slider if s.label == "Index: nprobe").set_value("exact")
    press(at, "Run report")
    assert not at.exception
    assert "Exact search only" in texts(at)


def test_wrong_hits_of_the_index_say_whether_exact_search_has_them(data_dir: Path) -> None:
    close_store()
    assert evaluate.main(["--nprobe", "1"]) == 0
    clear_caches()
    at = page(view="Worst queries").run()
    # Exact search is what found these.
    assert not blamed(at)
    at.toggle(key="worst_index").set_value(True).run()
    assert not at.exception
    # One list of eight misses some of the exact neighbours, and the encoder errs all the same.
    assert blamed(at) == {Frame.ENCODER.words, Frame.INDEX.words}


def blamed(at: AppTest) -> set[str]:
    """Whose wrong hits there are among the pictures, as their helps say."""
    helps = [line.help.replace("\\", "") for line in at.markdown if line.help]
    return {text.rsplit("; ", 1)[1] for text in helps if "of another class: " in text}


def test_more_of_the_worst_queries_are_shown_when_asked(data_dir: Path) -> None:
    at = page(view="Worst queries").run()
    rows = texts(at).count("of 10 right")
    next(b for b in at.button if b.label.startswith("Show more")).click().run()
    assert texts(at).count("of 10 right") == 2 * rows


def test_corrections_since_a_report_are_told_with_what_it_would_say(data_dir: Path) -> None:
    at = page().run()
    assert not at.info
    book = resources.get_store().book
    assert book
    try:
        book.change("fruit_vector", ["apple/train_1.jpg"], Edit(label="banana"))
        book.change("fruit_vector", ["cherry/test_0.jpg"], Edit(excluded=True))
        at = page().run()
        [info] = at.info
        assert info.value.startswith(
            "Corrected since this report\\: with 1 relabelled and 1 left out"
        )
        assert "macro precision\\@10" in info.value
        assert "no longer the one" not in texts(at)
        # A new report has them: nothing is left to say.
        making.shared.make_report(Request(nprobe=None), Metric.COSINE, on_progress=silent)
        st.cache_data.clear()
        assert not page().run().info
        assert "Corrections\\: 1 relabelled\\, 1 left out\\." in "".join(
            str(m.value) for m in page().run().markdown
        )
        book.undo("fruit_vector")
        assert "is back" in page().run().info[0].value
    finally:
        for _ in book.steps("fruit_vector"):
            book.undo("fruit_vector")


def test_a_suspected_label_is_corrected_with_one_press_and_says_so(data_dir: Path) -> None:
    book = resources.get_store().book
    assert book
    try:
        # An apple among apples that is said to be a banana, in the report too.
        book.change("fruit_vector", ["apple/train_1.jpg"], Edit(label="banana"))
        making.shared.make_report(Request(nprobe=None), Metric.COSINE, on_progress=silent)
        clear_reports()
        at = page(view="Labels").run()
        assert "**banana**, or apple?" in texts(at)
        press(at, "Relabel as apple")
        assert not at.exception
        assert "Now apple" in texts(at) and "Relabel as apple" not in [b.label for b in at.button]
        assert "Corrected since this report" in at.info[0].value
        book.undo("fruit_vector")
        assert "Relabel as apple" in [b.label for b in page(view="Labels").run().button]
        book.change("fruit_vector", ["apple/train_1.jpg"], Edit(excluded=True))
        assert "Left out since" in texts(page(view="Labels").run())
    finally:
        for _ in book.steps("fruit_vector"):
            book.undo("fruit_vector")
