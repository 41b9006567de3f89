"""The part that measures indexes: measured from the page, a recommendation, built, taken back."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.collection.index_choice import IndexChoice, IndexType
from core.metric import Metric
from core.runs.run_record import RunStatus
from core.store.vector_store import collection_name
from core.tuning.limits import signed
from core.tuning.tuning import Measured, Tuning, load_tuning, save_tuning, tuning_file
from core.ui import resources
from pages.collection import cache
from pages.collection.tuning.chart import pareto_figure
from tests.pages.collection.test_page import built, ended, fresh, page, photos, texts
from tests.tuning.test_limits import GRAPH, SQ8, setting

__all__ = ["built", "fresh", "photos"]


def said(at: AppTest) -> str:
    """What is on the page, without the marks that keep text from being Markdown."""
    return texts(at).replace("\\", "")


def measured(at: AppTest) -> Tuning:
    at.button(key="tune_start").click().run()
    state = ended()
    assert state.status is RunStatus.DONE, state.error
    assert isinstance(state.report, Tuning)
    return state.report


def saved(**changes: object) -> Tuning:
    """What a run has measured, changed."""
    folder = resources.get_settings().data.tunings
    tuning = load_tuning(folder, collection_name("fruit_vector", Metric.COSINE))
    assert tuning
    changed = replace(tuning, **changes)
    save_tuning(changed, folder)
    cache.forget()
    return changed


@pytest.mark.usefixtures("built")
def test_indexes_are_measured_and_the_recommended_one_is_built_and_taken_back() -> None:
    at = page(part="Tune")
    assert {*at.pills(key="tune_types").options} == {*map(str, cache.get_index_types())}
    at.pills(key="tune_types").set_value([IndexType.IVF_SQ8]).run()
    tuning = measured(at)
    assert {one.index.index_type for one in tuning.measured} == {"IVF_SQ8"}
    # Twelve pictures of noise lose any precision: let all of it go.
    at = page(part="Tune")
    at.number_input(key="tune_loss").set_value(1.0)
    at.number_input(key="tune_ms").set_value(10_000.0).run()
    assert "IVF_SQ8, nlist 1, nprobe 1: 0.0 MB" in said(at)
    at.button(key="tune_build").click().run()
    assert ended().status is RunStatus.DONE
    infos = resources.get_collections("fruit_vector")
    assert (infos[Metric.COSINE].index_type, infos[Metric.L2].index_type) == ("IVF_SQ8", "IVF_FLAT")
    at = page(part="Tune")
    at.number_input(key="tune_loss").set_value(1.0)
    at.number_input(key="tune_ms").set_value(10_000.0).run()
    assert [button.label for button in at.button if button.key == "tune_search"] == [
        "Search with it"
    ]
    at.button(key="tune_back").click().run()
    assert ended().status is RunStatus.DONE
    assert resources.get_collections("fruit_vector")[Metric.COSINE].index_type == "IVF_FLAT"


@pytest.mark.usefixtures("built")
def test_what_was_measured_is_a_table_and_what_is_out_of_date_is_said() -> None:
    at = page(part="Tune")
    at.pills(key="tune_types").set_value([IndexType.FLAT]).run()
    tuning = measured(at)
    at = page(part="Tune")
    # A busy machine may take longer than the usual limit.
    at.number_input(key="tune_ms").set_value(10_000.0).run()
    table = at.dataframe[0].value
    assert list(table["Setting"]) == [
        "FLAT",
        *(f"{r.name} (computed, no index)" for r in tuning.rounded),
    ]
    assert table["P@10"][0] == "+0.000 (+0.000 to +0.000)"
    assert not at.warning
    refused = {"index": {"index_type": "SCANN"}, "reason": "it is <b>odd</b>"}
    folder = resources.get_settings().data.tunings
    file = tuning_file(folder, "fruit_vector_cosine")
    saved(is_complete=False)
    # One that is whole stands until the next one is.
    assert "goes on from here" not in texts(page(part="Tune"))
    file.unlink()
    assert "goes on from here" in texts(page(part="Tune"))
    saved(is_complete=True)
    changed = json.loads(file.read_text())
    changed["refused"] = [refused]
    changed["asked"]["fingerprint"] = "0" * 16
    file.write_text(json.dumps(changed))
    cache.forget()
    told = said(page(part="Tune"))
    assert "The pictures have changed" in told
    assert "SCANN could not be measured: it is <b>odd" in told
    file.write_text("{")
    assert "Measure again" in texts(page(part="Tune"))


@pytest.mark.usefixtures("built")
def test_limits_that_nothing_meets_and_a_single_class_are_said() -> None:
    at = page(part="Tune")
    at.pills(key="tune_types").set_value([IndexType.FLAT]).run()
    measured(at)
    saved(classes=1)
    at = page(part="Tune")
    at.number_input(key="tune_ms").set_value(0.1).run()
    assert "No setting meets p95 <= 0.1" in said(at)
    assert "every hit is right" in texts(at)
    assert not [button for button in at.button if button.key == "tune_build"]


@pytest.mark.usefixtures("built")
def test_smaller_embeddings_are_built_as_a_collection_of_their_own() -> None:
    at = page(part="Tune")
    at.pills(key="tune_types").set_value([IndexType.FLAT]).run()
    tuning = measured(at)
    at = page(part="Tune")
    # Twelve pictures are too few for PCA to 128 numbers.
    assert [option.split(":")[0] for option in at.selectbox(key="smaller_way").options] == [
        *("Float16 numbers", "Int8 numbers", "Normalised vectors"),
    ]
    assert signed(tuning.rounded[0].difference) in at.selectbox(key="smaller_way").options[0]
    at.selectbox(key="smaller_way").select_index(1).run()
    name = at.text_input(key="smaller_name_int8")
    assert name.value == "fruit_vector_int8"
    for wrong in ("fruit_vector", "no name"):
        name.set_value(wrong).run()
        assert at.button(key="smaller_start").disabled
    at.text_input(key="smaller_name_int8").set_value("tiny").run()
    at.button(key="smaller_start").click().run()
    assert ended().status is RunStatus.DONE
    store = resources.get_store()
    assert store.metrics("tiny") == [Metric.COSINE]
    assert store.info("tiny", Metric.COSINE).encoder.reduction.title == "int8 numbers"
    at = page(part="Tune")
    assert "12 rows copied" in said(at)
    assert "made smaller already" not in said(at)
    # Of the new one there is a metric, and nothing is measured yet.
    at.button(key="run_look").click().run()
    assert at.segmented_control(key="tune_metric_COSINE").options == ["COSINE"]
    assert not at.dataframe
    assert "run_look" not in [button.key for button in at.button]
    store.drop("tiny", Metric.COSINE)


def test_without_a_collection_there_is_nothing_to_measure(tmp_path: Path) -> None:
    assert "nothing to measure" in texts(page(part="Tune"))


def test_a_read_only_dashboard_has_no_such_part(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources.get_store().close()
    monkeypatch.setenv("ORCHARD_READ_ONLY", "true")
    resources.get_runner.clear()
    resources.get_settings.clear()
    resources.get_store.clear()
    assert "Tune" not in page().segmented_control[0].options


# --- the figure

SETTINGS = [
    setting(nprobe=1, ms=2, loss=0.02, recall=0.8),
    setting(nprobe=64, ms=9, recall=0.98),
    setting(IndexChoice(IndexType.FLAT), ms=80, megabytes=52, recall=1.0),
    setting(GRAPH, ms=10, loss=0.01, recall=0.95),
]


def drawn(
    chosen: Measured | None, *, by_recall: bool
) -> dict[str, tuple[list[float], list[float]]]:
    figure = pareto_figure(SETTINGS, chosen, by_recall=by_recall, k=10, loss=0.005, dark=False)
    return {trace.name: (list(trace.x), list(trace.y)) for trace in figure.data}


def test_every_type_is_a_series_and_a_line_joins_what_no_other_beats() -> None:
    found = drawn(SETTINGS[1], by_recall=True)
    assert found["IVF_SQ8"] == ([2, 9], [0.8, 0.98])
    assert found["best"] == ([2, 9, 80], [0.8, 0.98, 1.0])
    assert found["recommended"] == ([9], [0.98])
    lost = drawn(None, by_recall=False)
    # Nothing is lost from 9 ms on.
    assert lost["best"] == ([2, 9], [-0.02, 0.0])
    assert "recommended" not in lost


def test_the_area_of_a_dot_is_its_memory() -> None:
    figure = pareto_figure(SETTINGS, None, by_recall=True, k=10, loss=0.0, dark=True)
    sizes = {trace.name: trace.marker.size for trace in figure.data if trace.marker.size}
    # 13 of 52 MB: a quarter of the area is half the diameter.
    assert sizes["IVF_SQ8"][0] / sizes["FLAT"][0] == pytest.approx(0.5)
    assert SQ8.index_type == "IVF_SQ8"


@pytest.mark.parametrize(
    ("times", "ticks"),
    [
        # From 0.8 to 7: the ticks between.
        ((0.8, 7.0), ["1", "2", "5"]),
        # None lies between: the nearest ones are taken in.
        ((2.5, 2.6), ["2", "5"]),
        # One alone lies between. 1 is nearer to 1.5 than 5 is to 3, by their ratio.
        ((1.5, 3.0), ["1", "2"]),
        ((40.0, 1_100.0), ["50", "100", "200", "500", "1,000"]),
        ((3.0,), ["2", "5"]),
    ],
)
def test_the_axis_of_times_has_ticks_however_close_they_lie(
    times: tuple[float, ...], ticks: list[str]
) -> None:
    settings = [setting(SQ8, ms=ms) for ms in times]
    figure = pareto_figure(settings, None, by_recall=True, k=10, loss=0.0, dark=False)
    axis = figure.layout.xaxis
    assert list(axis.ticktext) == ticks
    low, high = (10**end for end in axis.range)
    assert low < min(times) and max(times) < high
    # Not beyond the ends, where they would not be seen.
    assert all(low <= tick * 1.0001 and tick <= high * 1.0001 for tick in axis.tickvals)
    assert axis.title.text == "milliseconds of one search (median)"
