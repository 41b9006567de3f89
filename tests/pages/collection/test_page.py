"""The Collection page through AppTest, on a real Milvus Lite file; the encoder is a quick one."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.collection.index_choice import IndexChoice, IndexType
from core.corrections.correction import Edit
from core.dataset.files import digest_of, image_id
from core.encoder import weights
from core.errors import StoreError, StoreUnavailableError, WeightsDownloadError
from core.health.self_test import Check, Outcome, SelfTest
from core.metric import Metric
from core.progress import Stage
from core.runs import workshop
from core.runs.reports import Dropped, Renamed, Report
from core.runs.run_record import RunState, RunStatus, save_state
from core.runs.runner import RunProgress
from core.runs.task import Build, Drop, Prune, Rename, RunSelfTest, Task, TaskKind
from core.ui import frame, links, resources
from core.ui.text import plain
from pages.collection import cache, history, run
from pages.collection.browse import browsing
from pages.collection.state import pop_refusal
from tests.conftest import ColourEncoder, damaged_zip, draw_dataset, picture_bytes
from tests.support.reports import collection, index_report

ROOT = Path(__file__).parents[3]
PAGE = str(ROOT / "pages" / "collection" / "page.py")
NOT_WRONG = "No problem found in what was checked"
ROUTER = str(ROOT / "core" / "ui" / "router.py")
AWKWARD = "<b>plum</b> **x**"


def page(**parameters: str) -> AppTest:
    at = AppTest.from_file(PAGE, default_timeout=60)
    for name, value in parameters.items():
        at.query_params[name] = value
    return at.run()


def texts(at: AppTest) -> str:
    assert not at.exception
    shown = [*at.markdown, *at.caption, *at.info, *at.warning, *at.error, *at.success]
    return "\n".join(str(element.value) for element in shown)


@pytest.fixture(autouse=True)
def fresh(
    no_settings: None, monkeypatch: pytest.MonkeyPatch, encoder: ColourEncoder, tmp_path: Path
) -> Iterator[None]:
    monkeypatch.setattr(workshop, "load_encoder", lambda *_, **__: encoder)
    monkeypatch.setenv("ORCHARD_ARCHITECTURE", "resnet14")
    monkeypatch.setenv("ORCHARD_ROOTS", str(tmp_path))
    # Another test of this process may have loaded one.
    monkeypatch.setattr(resources, "_running", deque(maxlen=2))
    clear()
    yield
    resources.get_runner().cancel()
    resources.get_runner().wait(30)
    with contextlib.suppress(StoreUnavailableError):
        resources.get_store().close()
    clear()


def clear() -> None:
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    names = [f"{label}/{n}.png" for label in ("apple", "pear", AWKWARD) for n in range(4)]
    return draw_dataset(tmp_path / "photos", [n.replace("</", "<|") for n in names])


def ended() -> RunState:
    runner = resources.get_runner()
    runner.wait(60)
    state = runner.state()
    assert state is not None
    assert not state.is_open
    return state


@pytest.fixture
def built(photos: Path) -> Path:
    metrics = (Metric.L2, Metric.COSINE)
    task = Build("fruit_vector", folder=str(photos), metrics=metrics)
    resources.get_runner().start(task)
    assert ended().status is RunStatus.DONE
    return photos


def hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the next run go on until it is cancelled."""

    def forever(task: Task, progress: RunProgress, **_: object) -> Report:
        done = 0
        while True:
            done += 1
            progress(Stage.ENCODE, done, 1_000_000)
            time.sleep(0.01)

    monkeypatch.setattr(resources, "perform", forever)


def changing(kind: TaskKind) -> AppTest:
    """The page with the inputs of a change."""
    at = page(part="Change")
    return at.button(key=f"change_{kind.name.lower()}").click().run()


def choose_folder(at: AppTest, folder: str) -> AppTest:
    # AppTest offers the options only; a typed name arrives the same way.
    at.session_state["build_folder"] = folder
    return at.run()


def test_what_a_labels_file_says_is_told_before_a_build(photos: Path) -> None:
    (photos / "labels.csv").write_text("path,class,variety,day\napple/0.png,kiwi,a*b*,1\n")
    at = choose_folder(page(part="Build"), str(photos))
    assert "12 pictures in 1 class, by labels.csv" in texts(at).replace("\\", "")
    assert "Kept besides: day, variety" in texts(at).replace("\\", "")


def test_empty_page_offers_to_build_and_a_build_is_one_press_away(photos: Path) -> None:
    at = page()
    assert "Nothing is indexed yet" in texts(at)
    at = choose_folder(at, str(photos))
    assert "12 pictures in 3 classes" in texts(at)
    at.button(key="build").click().run()
    assert ended().report.added == 12
    assert "12 added" in texts(at.run())
    assert resources.get_store().metrics("fruit_vector") == list(Metric)


def test_build_shows_what_is_there_before_anything_runs_and_why_it_cannot_start(
    photos: Path,
) -> None:
    at = page()
    assert at.button(key="build").disabled
    assert "Choose pictures first" in texts(at)
    at = choose_folder(at, str(photos))
    # One picture of each of three classes; its line tells how many more there are.
    lines = [m.value for m in at.markdown if m.help and ".png" in m.help]
    assert [line.endswith(":small[4]") for line in lines] == [True] * 3
    assert len(at.image) == 3
    assert not at.button(key="build").disabled
    at.segmented_control(key="build_metrics").set_value([]).run()
    assert at.button(key="build").disabled
    assert "Choose at least one metric" in texts(at)
    assert resources.get_store().metrics("fruit_vector") == []


def test_pictures_of_an_upload_are_shown_before_it_is_unpacked() -> None:
    at = upload(zipped("apple/1.png", "pear/1.png"))
    assert len(at.image) == 2
    assert not resources.get_settings().data.uploads.exists()
    # One that is damaged is told of in its place.
    at = upload(damaged_zip())
    assert len(at.image) == 0
    assert not at.button(key="build").disabled


def test_index_of_a_collection_stays_until_another_is_chosen(photos: Path) -> None:
    hnsw = IndexChoice(IndexType.HNSW, m=8, ef_construction=16)
    task = Build("fruit_vector", folder=str(photos), metrics=(Metric.L2,), index=hnsw)
    resources.get_runner().start(task)
    ended()
    at = choose_folder(page(part="Build"), str(photos))
    assert "The index stays as it is" in texts(at)
    assert "COSINE and IP are added" in texts(at)
    at.button(key="build").click().run()
    ended()
    kinds = {info.index_type for info in resources.get_collections("fruit_vector").values()}
    assert kinds == {"HNSW"}
    at.run().segmented_control(key="build_known_index").set_value(IndexType.IVF_FLAT).run()
    assert "is rebuilt as IVF\\_FLAT" in texts(at)
    at.button(key="build").click().run()
    ended()
    kinds = {info.index_type for info in resources.get_collections("fruit_vector").values()}
    assert kinds == {"IVF_FLAT"}


def test_nlist_that_is_left_open_is_worked_out_for_the_source(tmp_path: Path) -> None:
    # 4 * sqrt(80) is 36, but a list is made for 39 rows and more: 80 // 39 is 2.
    names = [f"{label}/{n}.png" for label in ("apple", "pear") for n in range(40)]
    photos = draw_dataset(tmp_path / "more", names)
    at = choose_folder(page(), str(photos))
    assert at.number_input(key="build_nlist").placeholder == "2, for 80 rows"
    at.button(key="build").click().run()
    ended()
    assert {info.nlist for info in resources.get_collections("fruit_vector").values()} == {2}
    at = changing(TaskKind.REINDEX)
    assert at.number_input(key="change_index_nlist").placeholder == "2, for 80 rows"


def test_index_is_rebuilt_with_the_parameters_that_were_typed(built: Path) -> None:
    at = changing(TaskKind.REINDEX)
    at.segmented_control(key="change_metrics_COSINE_L2").set_value([Metric.L2]).run()
    at.number_input(key="change_index_nlist").set_value(3).run()
    at.button(key="change_start").click().run()
    assert ended().status is RunStatus.DONE
    infos = resources.get_collections("fruit_vector")
    assert (infos[Metric.L2].nlist, infos[Metric.COSINE].nlist) == (3, 1)


def test_other_pictures_can_only_replace_the_collection(built: Path, tmp_path: Path) -> None:
    other = draw_dataset(tmp_path / "others", ["kiwi/1.png", "plum/1.png"])
    at = choose_folder(page(part="Build"), str(other))
    assert at.button(key="build").disabled
    # None of its twelve pictures is there.
    said = texts(at).replace("\\", "")
    assert "holds 12 pictures" in said
    assert "only 0 of them have the path of a picture below" in said
    assert "They join" not in said
    at.toggle(key="build_replace").set_value(True).run()
    assert not at.button(key="build").disabled
    at.button(key="build").click().run()
    assert ended().report.added == 2


@pytest.mark.parametrize("kind", ["ZIP upload", "Sample"])
def test_other_pictures_of_an_upload_or_the_sample_are_refused_as_well(
    built: Path, kind: str
) -> None:
    at = page(part="Build")
    at.segmented_control(key="build_source").set_value(kind).run()
    if kind == "ZIP upload":
        content = zipped("kiwi/1.png", "plum/1.png")
        at.file_uploader(key="build_archive").upload("up.zip", content, "application/zip")
        at.run()
    assert at.button(key="build").disabled
    assert "only 0 of them" in texts(at)


def test_folder_outside_the_roots_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "get_suggestions", lambda _: ["/etc"])
    at = choose_folder(page(), "/etc")
    assert "ORCHARD\\_ROOTS" in texts(at)
    assert at.error[0].value.startswith("The folder")
    assert at.button(key="build").disabled


def test_health_says_no_more_than_was_checked_and_the_self_test_runs(built: Path) -> None:
    at = page(part="Health")
    assert NOT_WRONG in texts(at)
    said = texts(at).replace("\\", "")
    assert "Not loaded yet" in said
    assert "12 rows, 12 files." in said and "each with its row" not in said
    # Told in the order that metrics have everywhere.
    assert said.index("COSINE: **fruit_vector_cosine, 12 rows") < said.index("L2: **fruit_vector")
    assert "Never run" in said and "Never checked" in said
    at.button(key="self_test").click().run()
    assert ended().report.passed
    said = texts(at.run())
    # Beside the other words of a sentence, so with a capital.
    assert at.toast[0].value.replace("\\", "").endswith(". All checks passed")
    assert "at rank 1" in said
    assert "All checks passed, 2" in said
    # Nobody has compared files and rows.
    assert NOT_WRONG in said
    at.button(key="verify").click().run()
    assert ended().report.findings == ()
    said = texts(at.run())
    assert "All is well" in said and "12 pictures, each with its row" in said
    # A build may change what was checked, so nothing is known again.
    cache.start(Build("fruit_vector", folder=str(built), metrics=(Metric.L2,)))
    ended()
    said = texts(page(part="Health"))
    assert NOT_WRONG in said
    assert said.count("The collection has changed since") == 2


def test_a_comparison_holds_no_longer_where_rows_have_gone_without_a_run(built: Path) -> None:
    at = page(part="Health")
    at.button(key="verify").click().run()
    assert ended().report.findings == ()
    assert "12 pictures, each with its row" in texts(at.run())
    # As a program does that works on the same server.
    store = resources.get_store()
    for metric in store.metrics("fruit_vector"):
        store.delete("fruit_vector", metric, [image_id("pear/0.png")])
    cache.forget()
    said = texts(page(part="Health"))
    assert "The collection has changed since" in said and "each with its row" not in said
    assert "11 rows, 12 files: at least 1 file without a row." in said


def test_what_a_check_has_found_stands_above_and_in_the_cards(built: Path) -> None:
    broken = built / "apple" / "broken.png"
    broken.write_bytes(b"no picture")
    cache.start(Build("fruit_vector", folder=str(built), metrics=(Metric.L2,)))
    ended()
    said = texts(page(part="Health"))
    assert "could not read 1 file" in said and NOT_WRONG not in said
    # 12 rows; the thirteenth file has none.
    assert "12 rows, 13 files: 1 unreadable." in said
    for name in ("apple/0.png", "pear/0.png"):
        (built / name).unlink()
    (built / "pear" / "1.png").write_bytes(b"no picture")
    (built / "pear" / "new.png").write_bytes(picture_bytes(77))
    cache.forget()
    # 13 - 2 + 1 = 12 files and 12 rows: the counts tell of nothing.
    assert "12 rows, 12 files: 1 unreadable." in texts(page(part="Health"))
    at = page(part="Health")
    at.button(key="verify").click().run()
    report = ended().report
    assert report.findings
    said = texts(at.run())
    assert f"{len(report.findings)} findings\\, see below" in said
    assert "All is well" not in said and NOT_WRONG not in said
    assert "12 rows, 12 files: 1 file without a row, 2 rows without a file, 2 unreadable." in said


def test_a_self_test_that_failed_is_told_above(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = Check(Metric.L2, "itself", Outcome.FAILED, "not found")
    monkeypatch.setattr(workshop, "run_self_test", lambda *_, **__: SelfTest((failed,), 1, 12))
    at = page(part="Health")
    at.button(key="self_test").click().run()
    assert not ended().report.passed
    said = texts(at.run())
    assert "The self\\-test has failed" in said and NOT_WRONG not in said


@pytest.mark.parametrize("where", ["encoder", "disk"])
def test_a_card_that_warns_is_told_above(
    built: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    if where == "encoder":
        other = ColourEncoder("11111111").identity
        monkeypatch.setattr(resources, "loaded_encoders", lambda: [other])
    else:
        monkeypatch.setattr(cache, "get_free", lambda: 1e9)
    at = page(part="Health")
    assert ("Encoder differs" if where == "encoder" else "1\\.0 GB free") in at.warning[0].value
    assert NOT_WRONG not in texts(at)


def test_health_tells_what_a_comparison_of_files_and_rows_has_found(built: Path) -> None:
    (built / "apple" / "0.png").write_bytes(picture_bytes(99))
    at = page(part="Health")
    at.button(key="verify").click().run()
    report = ended().report
    said = texts(at.run()).replace("\\", "")
    # One file has changed, which every metric's row differs from.
    count = len(report.findings)
    assert count > 1 and said.count("rows whose file has changed") == count
    # Above, and with the day in the card.
    assert f"{count} findings, see below" in said and f"{count} findings, 2" in said
    assert "12 rows, 12 files: 1 file changed." in said


def test_missing_file_and_dropped_collection_are_seen(built: Path) -> None:
    next((built / "apple").iterdir()).unlink()
    assert "the folder holds 11 pictures" in texts(page(part="Health")).replace("The", "the")
    at = changing(TaskKind.PRUNE)
    # Somebody else drops it while the page is open.
    for metric in resources.get_store().metrics("fruit_vector"):
        resources.get_store().drop("fruit_vector", metric)
    at.button(key="change_start").click().run()
    assert ended().status is RunStatus.FAILED
    said = texts(at.run())
    assert "somebody has dropped it" in said
    assert "Nothing is indexed yet" in said


def pruning() -> AppTest:
    return changing(TaskKind.PRUNE)


def test_prune_says_how_many_and_asks_again_when_they_are_many(built: Path) -> None:
    at = pruning()
    assert "nothing to prune" in texts(at)
    assert at.button(key="change_start").disabled
    # 1 of 12 is 8 %.
    (built / "pear" / "0.png").unlink()
    cache.forget()
    at = pruning()
    assert "1 of 12 pictures" in texts(at)
    assert not at.button(key="change_start").disabled
    # 4 of 12 are 33 %: more than 20 %.
    shutil.rmtree(built / "apple")
    (built / "pear" / "0.png").write_bytes(picture_bytes(0))
    cache.forget()
    at = pruning()
    assert "4 of 12 pictures" in texts(at)
    assert at.button(key="change_start").disabled
    at.checkbox(key="change_prune_4").check().run()
    at.button(key="change_start").click().run()
    assert ended().report.removed == 4


def test_prune_offers_nothing_where_the_folder_is_empty(built: Path) -> None:
    built.rename(built.with_name("away"))
    built.mkdir()
    at = pruning()
    assert "not one of the 12 pictures" in texts(at)
    assert at.button(key="change_start").disabled


def test_a_file_that_cannot_be_read_is_told_until_it_is_left_out(photos: Path) -> None:
    (photos / "pear" / "broken.png").write_bytes(b"no picture")
    cache.start(Build("fruit_vector", folder=str(photos), metrics=(Metric.L2,)))
    assert ended().skipped_count == 1
    said = texts(page(part="Health"))
    assert "could not read 1 file" in said and NOT_WRONG not in said
    assert "12 rows, 13 files: 1 unreadable." in said and "Unreadable: **1**" in said
    at = page(part="Health")
    at.button(key="verify").click().run()
    assert ended().report.unreadable == ("pear/broken.png",)
    assert "1 finding\\, see below" in texts(at.run())
    # What a person accepts is at once no fault any more, without another comparison.
    at.button(key="accept_unreadable").click().run()
    said = texts(page(part="Health"))
    assert NOT_WRONG in said and "see below" not in said
    assert "12 rows, 13 files: 1 left out." in said
    assert "Collections and files agree; 1 file left out" in said


def test_health_says_that_a_run_goes_on_and_judges_afterwards(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(monkeypatch)
    clear_runner()
    resources.get_store().set_complete("fruit_vector", Metric.L2, complete=False)
    cache.start(Build("fruit_vector", folder=str(built), metrics=(Metric.L2,)))
    said = texts(page(part="Health")).replace("\\", "")
    assert "A run is going on: Build" in said
    assert "incomplete" not in said
    assert NOT_WRONG not in said
    resources.get_runner().cancel()
    ended()
    assert "is incomplete" in texts(page(part="Health"))


def test_second_visitor_sees_the_run_cannot_start_another_and_may_cancel(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(monkeypatch)
    clear_runner()
    first, second = page(part="Build"), page(part="Build")
    first, second = (choose_folder(at, str(built)) for at in (first, second))
    # Both have the button on their screens; the second presses a moment later.
    first.button(key="build").click().run()
    second.button(key="build").click().run()
    said = texts(second)
    assert "Another run is going on" in said
    assert f"Build fruit\\_vector from {built}".replace("_", "\\_")[:10] in said
    assert second.button(key="build").disabled
    # Also beside the button of whoever started it.
    first.run()
    assert "A run is going on." in texts(first)
    second.button(key="run_cancel").click().run()
    assert ended().status is RunStatus.CANCELLED
    said = texts(first.run())
    assert "was cancelled" in said
    assert first.button(key="run_continue")
    assert not first.button(key="build").disabled


def test_cancel_is_for_the_run_on_the_screen_and_not_for_one_begun_since(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(monkeypatch)
    clear_runner()
    task = Build("fruit_vector", folder=str(built), metrics=(Metric.L2,))
    cache.start(task)
    at = page(part="Build")
    resources.get_runner().cancel()
    ended()
    cache.start(task)
    at.button(key="run_cancel").click().run()
    state = resources.get_runner().state()
    assert state is not None
    assert (state.is_open, state.cancelling) == (True, False)
    resources.get_runner().cancel()
    ended()


def clear_runner() -> None:
    """As a new process would have it, on the same database."""
    resources.get_runner.clear()
    cache.forget()


def cut_off(task: Task) -> None:
    """Leave the file of a run that its process did not live to finish."""
    folder = resources.get_settings().data.runs
    name = f"run-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
    save_state(RunState(name, task, RunStatus.RUNNING, 1.0), folder)
    clear_runner()


def test_stop_in_the_middle_is_offered_again_after_the_next_start(photos: Path) -> None:
    cut_off(Build("fruit_vector", str(photos), (Metric.L2,)))
    at = page()
    assert "was cut off when the dashboard stopped" in texts(at)
    at.button(key="run_continue").click().run()
    assert ended().report.added == 12
    assert "was cut off" not in texts(at.run())


def test_replacement_cut_off_before_its_first_row_is_offered_again(built: Path) -> None:
    # What it is to replace is whole, and was built from the same folder.
    cut_off(Build("fruit_vector", str(built), (Metric.L2, Metric.COSINE), recreate=True))
    at = page()
    assert "was cut off when the dashboard stopped" in texts(at)
    at.button(key="run_continue").click().run()
    assert ended().report.added == 12


def zipped(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, name in enumerate(names):
            is_text = name.endswith(".txt")
            archive.writestr(name, b"words" if is_text else picture_bytes(number))
    return out.getvalue()


def upload(content: bytes) -> AppTest:
    at = page()
    at.segmented_control(key="build_source").set_value("ZIP upload").run()
    at.file_uploader(key="build_archive").upload("up.zip", content, "application/zip")
    return at.run()


def test_zip_is_built_from() -> None:
    at = upload(zipped("apple/1.png", "pear/1.png", "pear/2.png"))
    assert "3 pictures in 2 classes" in texts(at)
    at.button(key="build").click().run()
    assert ended().report.added == 3
    folder = Path(resources.get_collections("fruit_vector")[Metric.COSINE].dataset)
    assert sorted(p.name for p in folder.iterdir()) == ["apple", "pear"]
    assert [p for p in folder.parent.iterdir() if p != folder] == []


def test_upload_is_judged_and_hashed_once_whatever_else_is_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    for name in ("inspect_archive", "upload_folder"):
        real = getattr(cache, name)

        def counting(*args: Any, real: Any = real, function: str = name, **more: Any) -> Any:
            asked.append(function)
            return real(*args, **more)

        monkeypatch.setattr(cache, name, counting)
    at = upload(zipped("apple/1.png", "pear/1.png"))
    at.selectbox(key="build_architecture").select("resnet18").run()
    assert "2 pictures in 2 classes" in texts(at)
    assert asked == ["inspect_archive", "upload_folder"]


def kept_archives() -> list[str]:
    return [p.name for p in (resources.get_settings().data.uploads).glob("*.zip")]


def test_zip_that_turns_out_damaged_leaves_nothing_and_is_not_offered_again() -> None:
    at = upload(damaged_zip())
    at.button(key="build").click().run()
    assert ended().status is RunStatus.FAILED
    assert "The archive is damaged" in texts(at.run())
    assert "run_continue" not in [button.key for button in at.button]
    assert list((resources.get_settings().data.uploads).iterdir()) == []


def test_zip_of_a_stopped_run_is_kept_until_nobody_can_continue_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hold(monkeypatch)
    archives = [zipped("apple/1.png"), zipped("pear/1.png"), zipped("plum/1.png")]
    for number, content in enumerate(archives):
        at = upload(content)
        at.button(key="build").click().run()
        # The one before has given way to this one.
        assert len(kept_archives()) == 1, number
        at.button(key="run_cancel").click().run()
        assert ended().status is RunStatus.CANCELLED
    at.run()
    at.button(key="run_continue").click().run()
    assert len(kept_archives()) == 1
    resources.get_runner().cancel()
    ended()
    at.run()
    at.button(key="run_dismiss").click().run()
    assert kept_archives() == []


def test_zip_whose_run_is_refused_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StoreError("the state of the run cannot be written. Make room.")

    at = upload(zipped("apple/1.png"))
    monkeypatch.setattr(resources.get_runner(), "start", full)
    at.button(key="build").click().run()
    assert "Make room" in texts(at)
    assert kept_archives() == []


def test_zip_that_a_run_is_unpacking_stays_when_another_start_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hold(monkeypatch)
    at = upload(zipped("apple/1.png"))
    at.button(key="build").click().run()
    state = resources.get_runner().state()
    assert state is not None
    cache.start(state.task)
    assert "another run is going on" in pop_refusal()
    assert len(kept_archives()) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (zipped("../../out.png"), "leads outside"),
        (zipped("readme.txt"), "no pictures"),
        (zipped("a/1.png", "a/2.png")[:60], "cut off"),
    ],
    ids=["outside", "no pictures", "cut off"],  # the bytes hold the time of day
)
def test_bad_zip_is_refused_in_words_and_nothing_is_written(content: bytes, said: str) -> None:
    at = upload(content)
    assert said in texts(at)
    assert at.button(key="build").disabled
    assert not (resources.get_settings().data.uploads).exists()


def test_what_is_no_picture_is_named_before_the_build_and_after_it(photos: Path) -> None:
    (photos / "notes \x1b[2J.txt").write_text("words")
    (photos / "@eaDir").mkdir()
    at = choose_folder(page(), str(photos))
    named_in(at)
    at.button(key="build").click().run()
    assert ended().report.left_out.count == 2
    named_in(at.run())


def named_in(at: AppTest) -> None:
    said = plain("Left out, not pictures: thumbnails of a Synology drive 1, text 1")
    assert said in [expander.label for expander in at.expander]
    assert plain("notes \x1b[2J.txt: text") in texts(at)
    assert r"\x1b" in plain("notes \x1b[2J.txt: text")
    assert plain("@eaDir/: thumbnails of a Synology drive") in texts(at)


def test_names_of_a_zip_that_says_nothing_are_shown_as_they_are_read() -> None:
    # 0x8e is an A with two dots in code page 437, and no UTF-8.
    content = zipped("Xpfel/1.png").replace(b"Xpfel", b"\x8epfel")
    at = upload(content)
    assert f"western European, DOS: {plain('Äpfel/1.png')}" in texts(at)


def test_add_metric_remove_class_and_drop_by_typing_the_name(built: Path) -> None:
    at = changing(TaskKind.ADD_METRIC)
    # Nothing is said of how long it takes while nobody knows.
    assert "The last such run" not in texts(at)
    at.button(key="change_start").click().run()
    assert ended().report.copied == 12
    at = changing(TaskKind.ADD_METRIC)
    assert "The last such run took" in texts(at)
    at.button(key="change_remove_class").click().run()
    assert at.button(key="change_start").disabled
    at.selectbox(key="change_class").select("apple").run()
    assert "This removes 4 pictures of apple from" in texts(at)
    at.button(key="change_start").click().run()
    assert ended().report.removed == 4
    at = changing(TaskKind.DROP)
    assert at.button(key="change_start").disabled
    at.text_input(key="change_confirm").input("fruit").run()
    assert at.button(key="change_start").disabled
    at.text_input(key="change_confirm").input("fruit_vector").run()
    at.button(key="change_start").click().run()
    assert set(ended().report.dropped) == set(Metric)
    assert resources.get_store().metrics("fruit_vector") == []


def test_changes_are_cards_the_dangerous_two_last_and_one_form_open_at_a_time(
    built: Path,
) -> None:
    at = page(part="Change")
    keys = [b.key for b in at.button if (b.key or "").startswith("change_")]
    assert keys[-2:] == ["change_remove_class", "change_drop"]
    assert len(keys) == 8
    at.button(key="change_drop").click().run()
    at.text_input(key="change_confirm").input("fruit_vector").run()
    assert not at.button(key="change_start").disabled
    at.button(key="change_reindex").click().run()
    assert not at.text_input
    # What was typed for a deletion does not wait there for a second one.
    at.button(key="change_drop").click().run()
    assert at.button(key="change_start").disabled
    at.button(key="change_drop").click().run()
    assert not at.text_input
    # A change that asks for nothing is one press.
    at.button(key="change_verify").click().run()
    assert ended().status is RunStatus.DONE
    assert "Collections and files agree" in texts(at.run())


def test_a_build_under_a_name_of_its_own_stands_beside_what_is_there(built: Path) -> None:
    at = page(part="Build")
    at.text_input(key="build_name_fruit_vector").input("my-veg").run()
    assert "'my\\-veg' is not allowed" in texts(at) or "my-veg" in texts(at).replace("\\", "")
    assert not [button for button in at.button if button.key == "build"]
    at.text_input(key="build_name_fruit_vector").input("veg").run()
    assert "Nothing is indexed yet under the name veg" in texts(at)
    at = choose_folder(at, str(built))
    at.button(key="build").click().run()
    assert ended().report.added == 12
    at.run()
    # The session looks at what it has built.
    assert at.text_input(key="build_name_veg").value == "veg"
    assert "Build veg" in texts(at)
    assert resources.get_store().metrics("veg") == list(Metric)
    assert resources.get_store().count("fruit_vector", Metric.L2) == 12


def test_a_collection_is_renamed_and_back(built: Path) -> None:
    book = resources.get_store().book
    assert book is not None
    book.change("fruit_vector", ["apple/1.png"], Edit(excluded=True))
    at = changing(TaskKind.RENAME)
    field = "change_name_fruit_vector"
    for name, said in (
        ("my-veg", "is not allowed for a collection"),
        ("1veg", "not starting with a digit"),
        ("fruit_vector", "There is a collection fruit_vector already"),
    ):
        at.text_input(key=field).input(name).run()
        assert said in texts(at).replace("\\", "") and at.button(key="change_start").disabled
    at.text_input(key=field).input("veg").run()
    # What a start without a choice opens is said.
    assert "ORCHARD_COLLECTION is fruit_vector: set it to veg" in texts(at).replace("\\", "")
    at.button(key="change_start").click().run()
    assert ended().report == Renamed(12, "veg")
    assert resources.get_store().metrics("veg") == [Metric.COSINE, Metric.L2]
    assert book.of("veg").excluded == {"apple/1.png"}
    resources.get_runner().start(Rename("veg", "fruit_vector"))
    assert ended().status is RunStatus.DONE
    assert book.of("fruit_vector").excluded == {"apple/1.png"}
    # To one that is gone there is nothing to rename.
    resources.get_runner().start(Rename("veg", "obst"))
    assert "there is no collection 'veg' any more" in ended().error


def test_one_metric_is_dropped_and_the_form_begins_anew(built: Path) -> None:
    at = changing(TaskKind.DROP)
    # COSINE comes first where it exists.
    both = at.segmented_control(key="change_drop_COSINE_L2")
    assert both.value == [Metric.COSINE, Metric.L2]
    both.set_value([Metric.L2]).run()
    at.text_input(key="change_confirm").input("fruit_vector").run()
    at.button(key="change_start").click().run()
    assert ended().report == Dropped(12, (Metric.L2,))
    at.run()
    assert at.segmented_control(key="change_drop_COSINE").value == [Metric.COSINE]
    assert at.text_input(key="change_confirm").value == ""
    at.text_input(key="change_confirm").input("fruit_vector").run()
    assert not at.button(key="change_start").disabled


def test_offline_encoder_is_announced_once(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = (weights._offline_notice(WeightsDownloadError("no network.")), "the server was away")
    state = RunState(
        "run-1",
        Build("fruit_vector", "/photos", tuple(Metric)),
        RunStatus.DONE,
        0.0,
        notes=notes,
        report=index_report(),
    )
    monkeypatch.setattr(resources.get_runner(), "state", lambda: state)
    assert "Offline encoder in use" in texts(page(part="Build"))
    # With a collection of it, the frame of every page says so.
    monkeypatch.setattr(run, "is_offline", lambda _: True)
    said = texts(page(part="Build"))
    assert "Offline encoder in use" not in said
    assert "the server was away" in said


def test_a_notice_of_every_page_does_not_lead_to_the_page_it_stands_on(built: Path) -> None:
    resources.get_store().set_complete("fruit_vector", Metric.COSINE, complete=False)
    clear()
    at = AppTest.from_file(ROUTER, default_timeout=60).run()
    unfinished = "Indexing has not finished, so pictures may be missing."
    [said] = [one.value for one in at.warning if unfinished in one.value]
    assert "The Collection page shows how far it is" in said
    at = at.switch_page(links.COLLECTION_PAGE).run()
    assert not at.exception
    assert [one.value for one in at.warning if unfinished in one.value] == [unfinished]


def test_a_box_of_one_class_says_so() -> None:
    def drawn(counts: dict[str, int]) -> None:
        from pages.collection.browse.class_filter import class_filter

        class_filter(counts)

    for counts, said in [({"pear": 2}, "1 class"), ({"pear": 2, "fig": 1}, "All 2 classes")]:
        at = AppTest.from_function(drawn, kwargs={"counts": counts}).run()
        assert not at.exception and at.selectbox[0].placeholder == said


@pytest.mark.parametrize("read_only", ["true", "false"])
def test_notices_of_every_page_ask_for_nothing_that_read_only_forbids(
    built: Path, read_only: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = resources.get_store()
    store.set_complete("fruit_vector", Metric.COSINE, complete=False)
    store.close()
    monkeypatch.setenv("ORCHARD_READ_ONLY", read_only)
    monkeypatch.setattr(frame, "is_offline", lambda _: True)
    clear()
    at = AppTest.from_string("from core.ui import frame; frame.frame()").run()
    said = texts(at)
    assert "A small network for trying things out" in said
    assert "Indexing has not finished" in said
    assert ("Collection page" in said) is (read_only == "false")


def test_page_that_misses_something_in_a_full_collection_does_not_run_in_a_circle(
    built: Path,
) -> None:
    at = AppTest.from_string(
        "import streamlit as st\n"
        "from core.errors import CollectionNotFoundError\n"
        "from core.ui.errors import page_errors\n"
        "st.session_state.runs = st.session_state.get('runs', 0) + 1\n"
        "with page_errors():\n"
        "    if st.session_state.runs < 9:\n"
        "        raise CollectionNotFoundError('no metric')\n"
    ).run()
    assert at.session_state.runs == 1


def test_end_of_a_run_is_told_until_the_visitor_closes_it(built: Path) -> None:
    at = page(part="Change")
    cache.start(Prune("fruit_vector", agreed=0))
    ended()
    assert "0 pictures removed" in texts(at.run())
    at.button(key="run_close").click().run()
    assert "pictures removed" not in texts(at)
    # Another visitor has not read it, and the next run has another end.
    assert "0 pictures removed" in texts(page(part="Change"))
    cache.start(Prune("fruit_vector", agreed=0))
    ended()
    assert "0 pictures removed" in texts(at.run())


def test_a_run_is_shown_where_it_was_started_and_elsewhere_in_one_line(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(monkeypatch)
    clear_runner()
    at = page(part="Change")
    cache.start(Prune("fruit_vector", agreed=0))
    at.run()
    assert [b for b in at.button if b.key == "run_cancel"]
    at.segmented_control(key="part").set_value("History").run()
    assert "**Prune** Encoding pictures" in texts(at)
    assert not [b for b in at.button if b.key == "run_cancel"]
    resources.get_runner().cancel()
    ended()
    # Who saw it going on is told once how it ended, wherever they are.
    at.run()
    assert [t.value.replace("\\", "") for t in at.toast] == ["Prune: fruit_vector: cancelled"]
    assert not at.run().toast
    assert not page(part="History").toast


def test_why_nothing_can_be_dropped_is_said(built: Path) -> None:
    at = changing(TaskKind.DROP)
    at.text_input(key="change_confirm").input("other").run()
    assert "This is not the name fruit\\_vector" in texts(at)
    at.text_input(key="change_confirm").input("fruit_vector").run()
    at.segmented_control(key="change_drop_COSINE_L2").set_value([]).run()
    assert at.button(key="change_start").disabled
    assert "Choose at least one metric" in texts(at)


def test_failure_of_what_cannot_be_continued_is_said_too(built: Path) -> None:
    for metric in resources.get_store().metrics("fruit_vector"):
        resources.get_store().drop("fruit_vector", metric)
    at = page(part="Health")
    cache.start(RunSelfTest("fruit_vector"))
    assert ended().status is RunStatus.FAILED
    said = texts(at.run())
    assert "Self-test: fruit_vector: failed" in said.replace("\\", "")
    assert "run_continue" not in [button.key for button in at.button]


def shown(at: AppTest) -> list[str]:
    """The pictures of the grid, as the help below each names them."""
    assert not at.exception
    return [m.help.replace("\\", "") for m in at.markdown if m.help and ".png" in m.help]


def test_browse_comes_first_with_pictures_of_all_classes_that_lead_on(built: Path) -> None:
    at = page()
    assert at.segmented_control(key="part").options[0] == "Browse"
    assert "12 pictures" in texts(at)
    assert len(shown(at)) == 12
    # Each leads on, by the icons that pictures have everywhere.
    search = [b for b in at.button if (b.key or "").startswith("search_browse_pictures_")]
    assert len(search) == 12


def test_what_a_labels_file_says_besides_the_class_is_a_filter_as_soon_as_it_is_indexed(
    built: Path,
) -> None:
    (built / "labels.csv").write_text(
        f"path,class,variety,day\napple/1.png,apple,{AWKWARD},1\npear/3.png,pear,Anjou,1\n"
    )
    # Flat squares: what is measured of pictures is there at once.
    [box] = [box for box in page().multiselect if box.label == "Only where"]
    assert "picture quality: low information" in box.options
    resources.get_runner().start(Build("fruit_vector", folder=str(built), metrics=tuple(Metric)))
    assert ended().status is RunStatus.DONE
    at = page()
    [box] = [box for box in at.multiselect if box.label == "Only where"]
    told = [option for option in box.options if not option.startswith("picture quality")]
    assert told == ["day: 1", f"variety: {AWKWARD}", "variety: Anjou"]
    box.set_value(["day: 1", "variety: Anjou"]).run()
    assert shown(at) == ["pear/3.png"]
    [menu] = at.menu_button
    menu.click("Details").run()
    [facts] = [table.value for table in at.table]
    record = dict(zip(facts.index, facts.iloc[:, 0], strict=True))
    assert (record["variety"], record["day"]) == ("Anjou", "1")
    at = page(browse_where="variety: Anjou", browse_class="apple")
    assert shown(at) == []


def test_pictures_that_were_never_measured_are_counted(built: Path) -> None:
    assert "not measured" not in texts(page())
    store, family = resources.get_store(), "fruit_vector"
    for metric in store.metrics(family):
        for records, embeddings in store.rows_with_embeddings(family, metric):
            old = [replace(record, further=()) for record in records[:5]]
            store.upsert(family, metric, old, embeddings[:5])
    clear()
    assert "5 not measured" in texts(page())
    resources.get_runner().start(Build(family, folder=str(built), metrics=tuple(Metric)))
    assert ended().status is RunStatus.DONE
    assert "not measured" not in texts(page())


def test_details_of_a_picture_show_it_in_full_with_its_record(built: Path) -> None:
    at = page(browse_words="pear 3")
    [menu] = at.menu_button
    menu.click("Details").run()
    assert not at.exception
    [facts] = [table.value for table in at.table]
    record = dict(zip(facts.index, facts.iloc[:, 0], strict=True))
    content = (built / "pear" / "3.png").read_bytes()
    assert (record["Class"], record["Digest"]) == ("pear", digest_of(content))
    assert record["Path"].replace("\\", "") == "pear/3.png"
    # A thousand bytes are a kilobyte.
    assert record["Size"] == f"{round(len(content) / 1000)} kB"
    # Closed again in the next run, and on the way to another page.
    assert not at.run().table
    (built / "pear" / "3.png").unlink()
    [menu] = at.menu_button
    menu.click("Details").run()
    assert "no longer in the dataset folder" in texts(at)
    next(b for b in at.button if b.label == "Search with this picture").click().run()
    assert at.session_state["leaving"].page == links.SEARCH_PAGE


def test_a_class_is_chosen_by_its_bar_or_in_the_box_and_the_link_carries_it(built: Path) -> None:
    at = page()
    at.radio(key="browse_bar").set_value("pear").run()
    assert at.selectbox(key="browse_class").value == "pear"
    assert at.query_params["browse_class"] == "pear"
    assert {path.partition("/")[0] for path in shown(at)} == {"pear"}
    at.selectbox(key="browse_class").set_value("apple").run()
    assert at.radio(key="browse_bar").value == "apple"
    assert len(shown(at)) == 4
    at.radio(key="browse_bar").set_value(None).run()
    assert at.selectbox(key="browse_class").value is None
    assert len(shown(at)) == 12
    assert len(shown(page(browse_class="pear"))) == 4


def test_pictures_are_found_by_words_and_come_in_the_order_that_is_asked_for(
    built: Path,
) -> None:
    at = page(browse_order="By path")
    assert shown(at) == sorted(shown(at))
    at.text_input(key="browse_words").input("PEAR 3").run()
    assert shown(at) == ["pear/3.png"]
    at.text_input(key="browse_words").input("").run()
    os.utime(built / "pear" / "2.png", (4e9, 4e9))
    at.selectbox(key="browse_order").set_value("Newest first").run()
    assert shown(at)[0] == "pear/2.png"
    assert len(shown(at)) == 12


def test_random_pictures_stay_until_others_are_asked_for(built: Path) -> None:
    at = page()
    first = shown(at)
    assert first != sorted(first)
    assert shown(at.run()) == first
    next(b for b in at.button if b.label == "Shuffle").click().run()
    assert shown(at) != first
    assert sorted(shown(at)) == sorted(first)


def test_pictures_come_in_pages(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsing, "PAGE_SIZE", 5)
    at = page(browse_order="By path")
    everything = []
    for number in (1, 2, 3):
        at.pagination[0].set_value(number).run()
        everything += shown(at)
    # 5, 5 and 2 of 12, none twice.
    assert len(shown(at)) == 2
    assert len(set(everything)) == 12
    # Of fewer pictures the first page is shown.
    at.text_input(key="browse_words").input("p").run()
    assert at.pagination[0].value == 1


def test_browse_opens_without_an_inspection_and_draws_its_details_on_request(built: Path) -> None:
    (built / "apple" / "0.png").write_bytes(b"broken")
    at = page()
    assert "Not inspected yet" in texts(at)
    at.button(key="inspect").click().run()
    ended()
    said = texts(at.run())
    assert "1 file damaged or gone, 0 exact duplicates" in said
    assert not at.get("plotly_chart")
    at.session_state["inspection_details"] = True
    said = texts(at.run())
    assert "Damaged or gone: 1 file" in said
    assert at.get("plotly_chart")


def test_history_lists_runs_and_shows_a_report(built: Path) -> None:
    at = page(part="History")
    assert at.dataframe[0].value["Outcome"].tolist() == ["done"]
    assert '"added": 12' in at.code[0].value
    assert "characters" not in texts(at)


def test_history_shows_the_outcome_first_and_no_word_for_what_there_is_not(built: Path) -> None:
    cache.start(Prune("fruit_vector", agreed=0))
    ended()
    table = page(part="History").dataframe[0]
    # A narrow window shows the first columns.
    assert table.value.columns[0] == "Outcome"
    # A prune encodes nothing: without a placeholder its cell would say None.
    assert table.proto.placeholder == ""
    assert table.proto.HasField("placeholder")


def test_damaged_reports_are_named_and_stop_neither_health_nor_history(built: Path) -> None:
    reports = resources.get_settings().data.index_reports
    reports.mkdir()
    # One collection without its name, as another program may write it.
    foreign = index_report(collections=(collection(),)).to_dict()
    del foreign["collections"][0]["name"]
    (reports / "index-20260101-000000-000000.json").write_text(json.dumps(foreign))
    cache.forget()
    assert NOT_WRONG in texts(page(part="Health"))
    said = texts(page(part="History")).replace("\\", "")
    assert "1 file" in said
    assert "index-20260101-000000-000000.json" in said


def test_history_says_that_a_long_report_is_cut(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "MOST_CHARACTERS", 50)
    at = page(part="History")
    assert len(at.code[0].value) <= 50
    assert "The first 50 of" in texts(at)


def test_failure_has_another_icon_than_a_pause(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(built)
    cache.start(Build("fruit_vector", folder=str(built), metrics=(Metric.L2,)))
    assert ended().status is RunStatus.FAILED
    assert page().error[0].icon == ":material/error:"


def test_health_of_nothing_says_so_and_leads_to_the_build(
    no_settings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = page(part="Health")
    assert "Nothing is indexed yet" in texts(at)
    at.button(key="health_build").click().run()
    assert at.segmented_control(key="part").value == "Build"
    # The log has no stack of it, as for a mistake.
    assert st.get_option("global.disableWidgetStateDuplicationWarning")
    resources.get_store().close()
    monkeypatch.setenv("ORCHARD_READ_ONLY", "true")
    clear()
    at = page(part="Health")
    assert "Nothing is indexed yet" in texts(at)
    assert "health_build" not in [button.key for button in at.button]


def test_collection_without_rows_can_be_dropped(encoder: ColourEncoder) -> None:
    store = resources.get_store()
    store.create(
        "fruit_vector", Metric.IP, encoder=encoder.identity, dataset="/photos",
        index=IndexChoice(), expected_rows=1,
    )  # fmt: skip
    at = page(part="Change")
    assert "fruit\\_vector\\_ip" in texts(at)
    at.text_input(key="change_confirm").input("fruit_vector").run()
    at.button(key="change_start").click().run()
    assert ended().report == Dropped(0, (Metric.IP,))
    assert "Nothing is indexed yet" in texts(page(part="Health"))


def test_read_only_health_says_that_it_is_mended_elsewhere(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    next((built / "apple").iterdir()).unlink()
    assert "read-only" not in texts(page(part="Health"))
    resources.get_store().close()
    monkeypatch.setenv("ORCHARD_READ_ONLY", "true")
    clear()
    assert "This Orchard is read-only" in texts(page(part="Health"))


def test_labels_are_text_never_markup(built: Path) -> None:
    at = page(part="Browse")
    at.selectbox(key="browse_class").select(AWKWARD.replace("</", "<|")).run()
    assert "**x**" not in texts(at).replace("\\*\\*x\\*\\*", "")


def test_read_only_takes_changes_from_the_page_and_refuses_them_below(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources.get_store().close()
    monkeypatch.setenv("ORCHARD_READ_ONLY", "true")
    clear()
    at = page(part="Build")
    options = at.segmented_control(key="part").options
    assert "Build" not in options
    assert "Change" not in options
    assert "Pictures from" not in [control.label for control in at.segmented_control]
    cache.start(Drop("fruit_vector", metrics=tuple(Metric)))
    assert resources.get_runner().state() is None
    assert "read-only" in pop_refusal()
    at = page(part="Health")
    at.button(key="self_test").click().run()
    assert ended().report.passed
    assert resources.get_store().metrics("fruit_vector") == [Metric.COSINE, Metric.L2]


def test_database_that_is_away_is_said_and_can_be_tried_again(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailableError("the database does not answer. Start it, then try again.")

    cache.forget()
    with monkeypatch.context() as patch:
        patch.setattr(resources.get_store(), "metrics", away)
        at = page(part="Health")
        assert "does not answer" in texts(at)
    at.button[0].click().run()
    assert NOT_WRONG in texts(at)


@pytest.mark.slow
def test_page_opens_without_loading_a_model_library(tmp_path: Path) -> None:
    code = (
        "import sys; from streamlit.testing.v1 import AppTest\n"
        f"at = AppTest.from_file({PAGE!r}, default_timeout=60).run()\n"
        "assert not at.exception\n"
        "print(*sorted({'torch', 'umap', 'sklearn'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120,
        check=True,
    )  # fmt: skip
    assert done.stdout.strip() == ""
