"""What earlier runs tell: a list newest first, how long things took, how long the next may take."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.collection.index import IndexChoice
from core.data_folder import DataFolder
from core.indexing.build import add_metric, build_index
from core.indexing.report import save_index_report
from core.metric import Metric
from core.runs.history import PastRun, expected_seconds, how_long, past_runs, unreadable
from core.runs.runner import Runner
from core.runs.state import Status
from core.runs.task import Kind, Task
from core.store.vector_store import VectorStore
from tests.conftest import ColourEncoder


def ran(folder: Path, kind: Kind, outcome: dict[str, Any]) -> None:
    runner = Runner(folder / "runs", lambda task, progress: outcome)
    runner.start(Task(kind, "fruit", index=IndexChoice()))
    runner.wait(5)


def test_runs_of_dashboard_and_scripts_are_listed_newest_first(
    tmp_path: Path, store: VectorStore, dataset: Path, encoder: ColourEncoder
) -> None:
    report = build_index(dataset, store=store, encoder=encoder, family="fruit", metrics=[Metric.L2])
    save_index_report(report, folder=tmp_path / "index_reports")
    copied = add_metric(Metric.IP, store=store, family="fruit")
    save_index_report(copied, folder=tmp_path / "index_reports")
    ran(tmp_path, Kind.PRUNE, {"removed": 3})
    (tmp_path / "index_reports" / "index-20260101-000000-000000.json").write_text("{")
    found = past_runs(DataFolder(tmp_path))
    assert [run.kind for run in found] == [Kind.PRUNE, Kind.ADD_METRIC, Kind.BUILD]
    assert [run.rows for run in found] == [0, 12, 12]
    assert found[0].report["removed"] == 3
    assert found[2].encoder == str(encoder.identity)
    assert all(run.status is Status.DONE for run in found)


@pytest.mark.parametrize(
    "spoilt",
    [{"collections": [{"rows": 3}]}, {"skipped": [{"reason": "damaged"}]}, {"added": "one"}],
)
def test_report_with_a_part_missing_is_passed_over_as_a_whole(
    tmp_path: Path, spoilt: dict[str, Any]
) -> None:
    usual = {
        "dataset": "/photos", "seconds": 1.0, "images_per_second": 1.0, "copied": 0, "added": 1,
        "collections": [{"name": "fruit_l2", "rows": 3}],
        "skipped": [{"path": "a.png", "reason": "damaged"}],
    }  # fmt: skip
    folder = tmp_path / "index_reports"
    folder.mkdir()
    (folder / "index-20260101-000000-000000.json").write_text(json.dumps(usual))
    (folder / "index-20260102-000000-000000.json").write_text(json.dumps({**usual, **spoilt}))
    ran(tmp_path, Kind.BUILD, {**usual, **spoilt})
    found = past_runs(DataFolder(tmp_path))
    assert [run.title for run in found] == ["Build from /photos at the command line"]
    assert unreadable(found, "fruit_l2") == {"a.png"}


def test_run_that_goes_on_is_not_history(tmp_path: Path) -> None:
    ran(tmp_path, Kind.PRUNE, {})
    file = next((tmp_path / "runs").glob("*.json"))
    state = json.loads(file.read_text())
    file.write_text(json.dumps({**state, "status": "running"}))
    assert past_runs(DataFolder(tmp_path)) == []


def past(kind: Kind, seconds: float, **details: Any) -> PastRun:
    fields = {
        "title": "", "started": None, "status": Status.DONE, "rows": 0, "rate": 0.0,
        "encoded": 100, "looked_at": 100, "overhead": 0.0, "encoder": "", "skipped": 0, "error": "",
        "report": {}, "collections": frozenset(), "skipped_paths": frozenset(), **details,
    }  # fmt: skip
    return PastRun(kind=kind, seconds=seconds, **fields)


def test_how_long_counts_finished_runs_of_the_kind() -> None:
    runs = [
        past(Kind.PRUNE, 3.0, rows=1_000),
        past(Kind.PRUNE, 100.0, rows=900),
        past(Kind.PRUNE, 900.0, status=Status.CANCELLED),
        past(Kind.BUILD, 5_000.0),
    ]
    assert how_long(runs, Kind.PRUNE) == (
        "The last 2 such runs took 3 s to 2 min, with up to 1,000 rows."
    )
    assert how_long(runs, Kind.BUILD) == "The last such run took 83 min."
    assert how_long(runs, Kind.DROP) == ""


def test_unreadable_files_are_those_of_the_newest_finished_build_of_the_collection() -> None:
    def built(name: str, *skipped: str, **details: Any) -> PastRun:
        paths, names = frozenset(skipped), frozenset([name])
        return past(Kind.BUILD, 1, collections=names, skipped_paths=paths, **details)

    runs = [
        built("fruit_l2", "cut-off.png", status=Status.CANCELLED),
        built("other_l2", "other.png"),
        past(Kind.ADD_METRIC, 1, collections=frozenset(["fruit_l2"])),
        built("fruit_l2", "a/new.png"),
        built("fruit_l2", "a/old.png"),
    ]
    assert unreadable(runs, "fruit_l2") == {"a/new.png"}
    assert unreadable(runs, "fruit_ip") == frozenset()


def test_expected_time_is_that_of_the_same_encoder() -> None:
    runs = [
        past(Kind.BUILD, 1, rate=10.0, encoder="resnet50/a/b/2048"),
        past(Kind.BUILD, 1, rate=30.0, encoder="resnet50/a/b/2048"),
        past(Kind.BUILD, 1, rate=20.0, encoder="resnet50/a/b/2048"),
        past(Kind.BUILD, 1, rate=500.0, encoder="resnet18/a/b/512"),
    ]
    # The median of 10, 30, 20 is 20 a second: 1,000 pictures take 50 s.
    assert expected_seconds(runs, 1_000, architecture="resnet50") == pytest.approx(50.0)
    assert expected_seconds(runs, 1_000, architecture="resnet101") is None


def test_expected_time_counts_loading(tmp_path: Path) -> None:
    # 24 pictures at 2.4 a second take 10 s of 15; 40 more to load: the same again takes 55 s.
    outcome = {
        "added": 24, "updated": 0, "unchanged": 0, "skipped": [], "images_per_second": 2.4,
        "seconds": 15.0, "load_seconds": 40.0, "encoder": "resnet50/a/b/2048",
    }  # fmt: skip
    ran(tmp_path, Kind.BUILD, outcome)
    runs = past_runs(DataFolder(tmp_path))
    assert expected_seconds(runs, 24, architecture="resnet50") == pytest.approx(55.0)
    # Ten times as many take 100 s to encode, and are loaded for once.
    assert expected_seconds(runs, 240, architecture="resnet50") == pytest.approx(145.0)


def test_expected_time_passes_over_runs_that_encoded_little() -> None:
    encoder = "resnet50/a/b/2048"
    few = [
        # One new picture among thousands, and too few for a rate at all.
        past(Kind.BUILD, 90, rate=0.1, encoded=1, looked_at=5_000, encoder=encoder),
        past(Kind.BUILD, 90, rate=0.1, encoded=19, looked_at=19, encoder=encoder),
        past(Kind.BUILD, 90, rate=1.0, encoded=499, looked_at=1_000, encoder=encoder),
    ]
    assert expected_seconds(few, 100, architecture="resnet50") is None
    runs = [*few, past(Kind.BUILD, 9, rate=20.0, encoded=500, looked_at=1_000, encoder=encoder)]
    assert expected_seconds(runs, 100, architecture="resnet50") == pytest.approx(5.0)
