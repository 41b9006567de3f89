"""What earlier runs tell: a list newest first, how long things took, how long the next may take."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from core.data_folder import DataFolder
from core.health.self_test import SelfTest
from core.health.verify import Verification
from core.indexing.build import add_metric, build_index
from core.indexing.report import save_index_report
from core.metric import Metric
from core.records import SkippedFile
from core.runs.history import (
    PastRun,
    expected_seconds,
    how_long,
    load_history,
    still_holds,
    unreadable,
)
from core.runs.reports import Removed, Report
from core.runs.run_record import RunStatus
from core.runs.runner import Runner
from core.runs.task import Build, Prune, RunSelfTest, Task, TaskKind, Verify
from core.store.vector_store import VectorStore
from tests.conftest import ColourEncoder
from tests.support.reports import collection, index_report

PRUNED = Removed(12, 3, ())


def ran(folder: Path, task: Task, report: Report) -> None:
    runner = Runner(folder / "runs", lambda task, progress: report)
    runner.start(task)
    runner.wait(5)


def test_runs_of_dashboard_and_scripts_are_listed_newest_first(
    tmp_path: Path, store: VectorStore, dataset: Path, encoder: ColourEncoder
) -> None:
    report = build_index(dataset, store=store, encoder=encoder, family="fruit", metrics=[Metric.L2])
    save_index_report(report, folder=tmp_path / "index_reports")
    copied = add_metric(Metric.IP, store=store, family="fruit")
    save_index_report(copied, folder=tmp_path / "index_reports")
    ran(tmp_path, Prune("fruit", 3), PRUNED)
    history = load_history(DataFolder(tmp_path))
    kinds = [run.kind for run in history.runs]
    assert kinds == [TaskKind.PRUNE, TaskKind.ADD_METRIC, TaskKind.BUILD]
    assert [run.rows for run in history.runs] == [12, 12, 12]
    # What was saved is what is read.
    assert [run.report for run in history.runs] == [PRUNED, copied, report]
    assert all(run.status is RunStatus.DONE for run in history.runs)
    assert history.damaged == ()


def test_what_was_found_holds_until_a_run_changes_the_collection(tmp_path: Path) -> None:
    ran(tmp_path, Verify("fruit"), Verification("fruit", "", {"fruit_l2": 12}, True, ()))
    ran(tmp_path, RunSelfTest("fruit"), SelfTest((), 0, 12))
    runs = load_history(DataFolder(tmp_path)).runs
    assert still_holds(runs[-1], runs)
    ran(tmp_path, Prune("fruit", 3), PRUNED)
    runs = load_history(DataFolder(tmp_path)).runs
    assert [still_holds(run, runs) for run in runs] == [True, False, False]


def test_file_that_tells_of_no_run_is_passed_over_and_named(tmp_path: Path) -> None:
    ran(tmp_path, Prune("fruit", 3), PRUNED)
    saved = json.loads(next((tmp_path / "runs").glob("run-*.json")).read_text())
    reports = tmp_path / "index_reports"
    reports.mkdir()
    whole = index_report().to_dict()
    nameless = index_report(collections=(collection(),)).to_dict()
    del nameless["collections"][0]["name"]
    contents = {
        tmp_path / "runs" / "run-1.json": "{",
        tmp_path / "runs" / "run-2.json": "[]",
        tmp_path / "runs" / "run-3.json": json.dumps({**saved, "status": "asleep"}),
        tmp_path / "runs" / "run-4.json": json.dumps({**saved, "report": {"removed": "many"}}),
        tmp_path / "runs" / "run-5.json": json.dumps({**saved, "report": 3}),
        tmp_path / "runs" / "run-6.json": json.dumps({**saved, "task": "Prune"}),
        tmp_path / "runs" / "run-7.json": json.dumps({**saved, "started": 1e20}),
        reports / "index-20260101-000000-000000.json": "{",
        reports / "index-20260101-000000-000001.json": json.dumps(nameless),
        reports / "index-20260101-000000-000002.json": json.dumps({**whole, "added": "one"}),
        reports / "index-20260101-000000-000003.json": json.dumps({**whole, "skipped": [{}]}),
        reports / "index-of-something.json": json.dumps(whole),
    }
    for path, text in contents.items():
        path.write_text(text)
    history = load_history(DataFolder(tmp_path))
    assert [run.kind for run in history.runs] == [TaskKind.PRUNE]
    assert set(history.damaged) == set(contents)


# Runs as earlier versions have saved them: one record with the fields of every kind.
OLD_TASK = {
    "family": "fruit", "folder": "", "archive": "", "draw": 0, "architecture": "", "metrics": [],
    "index": {"index_type": "IVF_FLAT", "nlist": None, "m": 16, "ef_construction": 200},
    "recreate": False, "label": "", "agreed": 0, "token": "t",
}  # fmt: skip
OLD_VERIFIED = {
    "family": "fruit", "dataset": "/photos", "rows": {"fruit_l2": 12}, "checked_files": True,
    "findings": [
        {"problem": "rows without a file", "where": "fruit_l2", "count": 1, "examples": ["a"]}
    ],
}  # fmt: skip
OLD_CHECK = {"metric": "L2", "name": "n", "verdict": "passed", "detail": "d"}
OLD_INSPECTED = {
    "pictures": 12, "sizes": [[64, 48, 12]], "formats": {"PNG": 12},
    "damaged": [{"path": "a", "reason": "gone"}], "exact": [["a", "b"]], "exact_count": 1,
    "near": [], "near_count": 0, "similarity": 0.98,
}  # fmt: skip
OLD = [
    ({"kind": "Build", "folder": "/photos", "metrics": ["L2", "IP"]},
     index_report(added=12, collections=(collection(),)).to_dict()),
    ({"kind": "Add a metric", "metrics": ["IP"]},
     index_report(copied=12, collections=(collection(),)).to_dict()),
    ({"kind": "Rebuild the index", "metrics": ["L2"]},
     {"collections": index_report(collections=(collection(),)).to_dict()["collections"]}),
    ({"kind": "Verify"}, OLD_VERIFIED),
    ({"kind": "Repair"}, {"written": 3, **OLD_VERIFIED}),
    ({"kind": "Prune", "agreed": 1}, {"removed": 1, "examples": ["a"]}),
    ({"kind": "Remove a class", "label": "apple"}, {"removed": 4, "examples": ["a"]}),
    ({"kind": "Drop", "metrics": ["L2"]}, {"dropped": ["L2"]}),
    ({"kind": "Self-test"}, {"passed": True, "checks": [OLD_CHECK], "queries": 12}),
    ({"kind": "Inspect the pictures"}, OLD_INSPECTED),
]  # fmt: skip


@pytest.mark.parametrize(("task", "outcome"), OLD, ids=[task["kind"] for task, _ in OLD])
def test_run_of_an_earlier_version_is_read(
    tmp_path: Path, task: dict[str, Any], outcome: dict[str, Any]
) -> None:
    saved = {
        "name": "run-1", "task": {**OLD_TASK, **task}, "status": "done", "started": 1.0,
        "stage": "", "done": 0, "total": 0, "rate": 0.0, "cancelling": False, "skipped": [],
        "skipped_count": 0, "notes": ["n"], "error": "", "seconds": 2.0, "dismissed": False,
        "outcome": {"rows_at_start": 12, **outcome}, "hopeless": False,
    }  # fmt: skip
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "run-1.json").write_text(json.dumps(saved))
    history = load_history(DataFolder(tmp_path))
    assert history.damaged == ()
    (run,) = history.runs
    assert (run.kind, run.rows, run.notes) == (task["kind"], 12, ("n",))
    assert run.report is not None


def test_run_that_goes_on_is_not_history(tmp_path: Path) -> None:
    ran(tmp_path, Prune("fruit", 3), PRUNED)
    file = next((tmp_path / "runs").glob("run-*.json"))
    state = json.loads(file.read_text())
    file.write_text(json.dumps({**state, "status": "running"}))
    assert load_history(DataFolder(tmp_path)).runs == ()


def past(
    kind: TaskKind,
    seconds: float,
    report: Report | None = None,
    status: RunStatus = RunStatus.DONE,
) -> PastRun:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return PastRun("", kind, moment, status, seconds, skipped=0, notes=(), error="", report=report)


def test_how_long_counts_finished_runs_of_the_kind() -> None:
    runs = [
        past(TaskKind.PRUNE, 3.0, Removed(1_000, 1, ())),
        past(TaskKind.PRUNE, 100.0, Removed(900, 1, ())),
        past(TaskKind.PRUNE, 900.0, status=RunStatus.CANCELLED),
        past(TaskKind.BUILD, 5_000.0),
    ]
    assert how_long(runs, TaskKind.PRUNE) == (
        "The last 2 such runs took 3 s to 2 min, with up to 1,000 rows."
    )
    assert how_long(runs, TaskKind.BUILD) == "The last such run took 83 min."
    assert how_long(runs, TaskKind.DROP) == ""


def test_unreadable_files_are_those_of_the_newest_finished_build_of_the_collection() -> None:
    def built(name: str, *skipped: str) -> PastRun:
        report = index_report(
            collections=(collection(name),),
            skipped=tuple(SkippedFile(path, "cut off") for path in skipped),
        )
        return past(TaskKind.BUILD, 1, report)

    runs = [
        past(TaskKind.BUILD, 1, status=RunStatus.CANCELLED),
        built("other_l2", "other.png"),
        past(TaskKind.ADD_METRIC, 1, index_report(collections=(collection("fruit_l2"),))),
        built("fruit_l2", "a/new.png"),
        built("fruit_l2", "a/old.png"),
    ]
    assert unreadable(runs, "fruit_l2") == {"a/new.png"}
    assert unreadable(runs, "fruit_ip") == frozenset()


def encoding(rate: float, *, encoded: int = 100, known: int = 0, **facts: Any) -> PastRun:
    """A build that took only as long as it encoded."""
    seconds = encoded / rate
    report = index_report(
        added=encoded, unchanged=known, images_per_second=rate, **{"seconds": seconds, **facts}
    )
    return past(TaskKind.BUILD, seconds, report)


def test_expected_time_is_that_of_the_same_encoder() -> None:
    runs = [encoding(rate) for rate in (10.0, 30.0, 20.0)]
    runs.append(encoding(500.0, encoder="resnet18/a/b/512"))
    # The median of 10, 30, 20 is 20 a second: 1,000 pictures take 50 s.
    assert expected_seconds(runs, 1_000, architecture="resnet50") == pytest.approx(50.0)
    assert expected_seconds(runs, 1_000, architecture="resnet101") is None


def test_expected_time_counts_loading(tmp_path: Path) -> None:
    # 24 pictures at 2.4 a second take 10 s of 15; 40 more to load: the same again takes 55 s.
    report = index_report(added=24, images_per_second=2.4, seconds=15.0, load_seconds=40.0)
    ran(tmp_path, Build("fruit", "/photos", (Metric.L2,)), report)
    runs = load_history(DataFolder(tmp_path)).runs
    assert expected_seconds(runs, 24, architecture="resnet50") == pytest.approx(55.0)
    # Ten times as many take 100 s to encode, and are loaded for once.
    assert expected_seconds(runs, 240, architecture="resnet50") == pytest.approx(145.0)


def test_expected_time_passes_over_runs_that_encoded_little() -> None:
    few = [
        # One new picture among thousands, and too few for a rate at all.
        encoding(0.1, encoded=1, known=4_999),
        encoding(0.1, encoded=19),
        encoding(1.0, encoded=499, known=501),
    ]
    assert expected_seconds(few, 100, architecture="resnet50") is None
    runs = [*few, encoding(20.0, encoded=500, known=500)]
    assert expected_seconds(runs, 100, architecture="resnet50") == pytest.approx(5.0)
