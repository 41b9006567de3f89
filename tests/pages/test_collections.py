"""Several collections in one process: which of them a session looks at, and that none is mixed up.

The pages are opened through the router, as in a browser.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.corrections.correction import Edit
from core.dataset.files import image_id
from core.embeddings.matrix import load_matrix
from core.evaluation.files import save_report
from core.evaluation.report import Request
from core.evaluation.run import evaluate
from core.metric import Metric
from core.runs.task import Rename
from core.ui import links, resources
from core.ui.choosing import looked_at
from tests.support import dashboard, search_page, second

ROUTER = str(Path(__file__).parents[2] / "core" / "ui" / "router.py")
USUAL, OTHER, LESS = "fruit_vector", second.NAME, "without_limes"
LIME = image_id("lime/2.jpg")


@pytest.fixture(scope="module")
def pictures(
    indexed: dashboard.Indexed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Three collections: as indexed, the same pictures with other embeddings, some of them."""
    root = tmp_path_factory.mktemp("several")
    pictures = indexed.copied_to(root / "data")
    with pytest.MonkeyPatch.context() as patch:
        dashboard.set_environment(patch, root / "data")
        second.add()
        second.add(LESS, keep=lambda record: record.label != "lime", metrics=[Metric.L2])
        yield from search_page.opened(pictures, root)


def opened(**parameters: str) -> AppTest:
    at = AppTest.from_file(ROUTER, default_timeout=60)
    for name, value in parameters.items():
        at.query_params[name] = value
    return at.run()


def chosen(at: AppTest) -> str:
    assert not at.exception and not at.error
    return str(at.selectbox(key="collection_picked").value)


def address(at: AppTest) -> dict[str, str]:
    told = dict(at.query_params).items()
    return {name: value if isinstance(value, str) else value[0] for name, value in told}


def warned(at: AppTest) -> str:
    return "\n".join(one.value for one in at.warning).replace("\\", "")


def test_the_picker_names_rows_and_encoder_and_the_address_says_what_is_chosen(
    pictures: Path,
) -> None:
    at = opened()
    picker = at.selectbox(key="collection_picked")
    assert chosen(at) == USUAL and address(at)["collection"] == USUAL
    assert picker.options == [
        "fruit_vector (18, resnet14)",
        "second (18, resnet18)",
        "without_limes (12, resnet18)",
    ]
    at = picker.set_value(LESS).run()
    assert chosen(at) == LESS and address(at) == {"collection": LESS}
    assert "one of the 12 in the collection" in "\n".join(m.value for m in at.markdown)
    # As the way back, or a link, has it.
    at.query_params["collection"] = USUAL
    assert chosen(at.run()) == USUAL
    # The menu leads to a page without it.
    at.selectbox(key="collection_picked").set_value(OTHER).run()
    del at.query_params["collection"]
    assert chosen(at.run()) == OTHER and address(at)["collection"] == OTHER


def test_a_link_to_an_unknown_collection_says_so_and_shows_the_usual_one(pictures: Path) -> None:
    at = opened(collection="no_such")
    assert "There is no collection 'no_such'" in warned(at)
    assert chosen(at) == USUAL and address(at)["collection"] == USUAL
    at = next(b for b in at.button if b.label == "Dismiss").click().run()
    assert warned(at) == ""


def test_collections_of_as_many_rows_share_nothing(pictures: Path) -> None:
    infos = {name: resources.get_collections(name)[Metric.COSINE] for name in (USUAL, OTHER)}
    assert {info.rows for info in infos.values()} == {18}
    found = {
        name: (
            resources.get_catalogue(name),
            resources.get_stored_embedding(info, LIME),
            resources.prepare(name).future.result(60).matrix.embeddings.shape[1],
        )
        for name, info in infos.items()
    }
    (one, here, wide), (other, there, narrow) = found[USUAL], found[OTHER]
    assert one.fingerprint != other.fingerprint
    assert here is not None and there is not None
    assert (len(here), len(there)) == (wide, narrow) == (infos[USUAL].dimension, 8)
    # Two stay in memory, to be looked at in turn; a third takes the place of the first.
    both = [resources.prepare(name).future for name in (USUAL, OTHER)]
    assert [resources.prepare(name).future for name in (USUAL, OTHER)] == both
    resources.prepare(LESS).future.result(60)
    assert resources.prepare(OTHER).future is both[1]
    assert resources.prepare(USUAL).future is not both[0]


def test_two_sessions_look_at_two_collections_at_once(pictures: Path) -> None:
    first = opened(queries=str(LIME))
    second_one = opened(collection=OTHER, queries=str(LIME), k="5")
    for _ in range(2):
        first, second_one = first.run(), second_one.run()
        assert (chosen(first), chosen(second_one)) == (USUAL, OTHER)
        assert search_page.count_line(first) == "**16 of 16 hits**"
        # In the second one each class has a direction of its own: all hits are limes.
        labels = search_page.hit_alts(second_one)
        assert len(labels) == 5 and all(", lime, " in alt for alt in labels)
    assert len(search_page.hit_alts(first)) == 16


def test_a_correction_is_undone_where_it_was_made(pictures: Path) -> None:
    book = resources.get_store().book
    assert book is not None
    mine = opened(queries=str(LIME))
    at = search_page.choose(mine, "lime/3.jpg", "Leave out")
    assert book.of(USUAL).excluded == {"lime/3.jpg"} and not book.of(OTHER).by_path
    # Somebody says something else of the other one, by the same number.
    book.change(OTHER, ["lime/4.jpg"], Edit(excluded=True))
    at = at.selectbox(key="collection_picked").set_value(OTHER).run()
    at.button(key="correction_undo").click().run()
    assert not book.of(USUAL).by_path and book.of(OTHER).excluded == {"lime/4.jpg"}
    book.undo(OTHER)


def test_the_query_goes_along_as_the_row_it_is_there_or_as_a_file(pictures: Path) -> None:
    at = opened(queries=str(LIME), k="3")
    at = at.selectbox(key="collection_picked").set_value(OTHER).run()
    (picture,) = at.session_state["search"].pictures
    assert picture.record is not None and picture.record.id == LIME
    assert address(at)["queries"] == str(LIME) and address(at)["k"] == "3"
    at = at.selectbox(key="collection_picked").set_value(LESS).run()
    (picture,) = at.session_state["search"].pictures
    assert picture.record is None
    assert picture.content == (pictures / "lime" / "2.jpg").read_bytes()
    # Its encoder is not at hand, which is said where it is needed.
    assert "resnet18" in at.error[0].value and "queries" not in address(at)
    # And back to the row.
    at = at.selectbox(key="collection_picked").set_value(USUAL).run()
    assert chosen(at) == USUAL and len(search_page.hit_alts(at)) == 3


def test_ways_to_other_pages_carry_the_collection(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone: list[links.Destination] = []
    monkeypatch.setattr(links, "leave", gone.append)
    opened(collection=OTHER, queries=str(LIME), k="3").button(key="hits_on_map").click().run()
    (way,) = gone
    assert way.parameters["collection"] == OTHER and "ring" in way.parameters


def test_two_collections_answer_side_by_side(pictures: Path) -> None:
    at = opened(queries=str(LIME), k="5", show="Two collections", beside=OTHER)
    assert not at.exception and not at.error
    assert at.selectbox(key="beside").value == OTHER and address(at)["beside"] == OTHER
    said = next(m.value for m in at.markdown if "in both" in m.value)
    # Each lime but the query is right there; how many the offline encoder finds, its hits tell.
    own = {alt.split(", ")[1] for alt in search_page.hit_alts(at)}
    assert "lime" in own and len(search_page.hit_alts(at)) == 10
    assert said.startswith("**") and "pictures of 5 in both" in said
    assert "precision@5" in said
    # Both are in the address as it is handed on, and a picture of the other one leads there.
    button = next(b for b in at.button if b.label.startswith("Search with rank 1 of second"))
    at = button.click().run()
    assert chosen(at) == OTHER and address(at)["collection"] == OTHER
    assert at.slider(key="k").value == 5


def test_a_collection_without_a_usable_encoder_says_so_beside(pictures: Path) -> None:
    # The lime is no row there, so its file has to be encoded.
    at = opened(queries=str(LIME), k="5", show="Two collections", beside=LESS)
    assert not at.exception
    assert LESS in warned(at) and "resnet18" in warned(at)
    unknown = opened(queries=str(LIME), show="Two collections", beside="no_such")
    assert "beside=no_such is not possible here" in warned(unknown)


def report_of(name: str) -> str:
    """Measure a collection; returns the name of the report."""
    store, data = resources.get_store(), resources.get_settings().data
    report = evaluate(
        load_matrix(store, name, Metric.L2, data.embeddings),
        store=store,
        info=store.info(name, Metric.L2),
        collection=name,
        request=Request(ks=(1,), nprobe=None),
    )
    return save_report(report, data.reports).name


def test_a_report_is_opened_for_its_collection_and_told_for_another(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone: list[links.Destination] = []
    monkeypatch.setattr(links, "leave", gone.append)
    own, other = report_of(USUAL), report_of(OTHER)
    page = AppTest.from_file(links.EVALUATION_PAGE, default_timeout=60)
    at = page.run()
    # The other one is newer.
    report = at.selectbox(key="report")
    assert report.value == own and report.options[1].endswith(", second")
    assert warned(at) == ""
    at = report.set_value(other).run()
    assert "about the collection second" in warned(at)
    at.button(key="report_there").click().run()
    assert gone[0].parameters == {"collection": OTHER, "report": other}


def test_a_session_follows_a_collection_that_is_renamed(pictures: Path) -> None:
    at = opened(collection=LESS)
    runner = resources.get_runner()
    try:
        runner.start(Rename(LESS, "plums_and_more"))
        runner.wait(60)
        at = at.run()
        assert chosen(at) == address(at)["collection"] == "plums_and_more"
        assert f"{LESS} is called plums_and_more now" in warned(at)
        # Who comes later by the old name is told that there is none.
        resources.get_runner.clear()
        assert "There is no collection 'without_limes'" in warned(opened(collection=LESS))
    finally:
        resources.get_runner().start(Rename("plums_and_more", LESS))
        resources.get_runner().wait(60)


# The last one: it drops a collection.
def test_a_collection_that_is_dropped_by_somebody_else_is_not_looked_at_any_more(
    pictures: Path,
) -> None:
    at = opened(collection=LESS)
    assert chosen(at) == LESS
    resources.get_store().drop(LESS, Metric.L2)
    resources.forget_collections()
    at = at.run()
    assert chosen(at) == USUAL and f"no collection '{LESS}', or no longer" in warned(at)
    # Outside a session it is that of the settings, as for the API and the scripts.
    assert looked_at.usual() == USUAL
