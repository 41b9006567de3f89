"""One line about a run: stage, counts, rate, time left, and what it did."""

from core.metric import Metric
from core.progress import Stage
from core.runs.run_record import RunState, RunStatus
from core.runs.task import Build
from pages.collection.run import run_text, summary
from tests.support.reports import index_report

TASK = Build("fruit", "/photos", (Metric.L2,))


def state(**facts: object) -> RunState:
    return RunState("run-1", TASK, RunStatus.RUNNING, 0.0, **facts)  # type: ignore[arg-type]


def test_progress_has_counts_rate_and_time_left() -> None:
    # 900 pictures at 10 a second take 90 s, which is said in minutes: 1.5 rounds to 2.
    running = state(stage=Stage.ENCODE, done=100, total=1_000, rate=10.0)
    assert run_text(running) == (
        "Encoding pictures: 100 of 1,000, 10.0 pictures a second, about 2 min left"
    )
    assert run_text(state()) == "Starting"
    assert run_text(state(stage=Stage.DOWNLOAD, done=5_000_000, total=98_000_000)) == (
        "Fetching the weights: 5 of 98 MB"
    )
    assert "Stopping" in run_text(state(stage=Stage.ENCODE, cancelling=True))


def test_summary_names_what_was_done_and_skipped() -> None:
    done = state(report=index_report(added=1_253, unchanged=2), seconds=12.0, skipped_count=3)
    assert summary(done) == (
        "Build fruit from /photos: done in 12 s. 1,253 added, 2 unchanged, 3 files skipped"
    )
