"""One run at a time: started once, seen by all, cancelled, remembered past the end of a process."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from core.errors import (
    ArchiveError,
    BusyError,
    FileError,
    OrchardError,
    ReductionError,
    SettingsError,
    StoreError,
)
from core.metric import Metric
from core.progress import Stage
from core.records import SkippedFile
from core.runs.reports import Report
from core.runs.run_record import MOST_SKIPPED, RunStatus, load_states
from core.runs.runner import CancelledRunError, Runner, RunProgress, is_running
from core.runs.task import Build, Drop, Task, TaskKind, title_of
from tests.support.reports import index_report
from tests.support.tasks import one_of_each

NOTHING = index_report()
TASK = Build("fruit", folder="/photos", metrics=(Metric.L2, Metric.IP))


class Work:
    """A task that goes on until it is let go or cancelled."""

    def __init__(self) -> None:
        self.started, self.release = threading.Event(), threading.Event()

    def __call__(self, task: Task, progress: RunProgress) -> Report:
        self.started.set()
        done = 0
        while not self.release.wait(0.01):
            done += 1
            progress(Stage.ENCODE, done, 1_000_000)
        return index_report(added=done)


@pytest.fixture
def work() -> Work:
    return Work()


def state_after(runner: Runner) -> Any:
    runner.wait(10)
    state = runner.state()
    assert state is not None
    assert not state.is_open
    return state


def test_run_tells_stage_count_rate_and_time_left(tmp_path: Path, work: Work) -> None:
    runner = Runner(tmp_path, work)
    runner.start(TASK)
    # The rate of less than a second is not told.
    time.sleep(1.5)
    state = runner.state()
    assert state.is_open
    assert (state.stage, state.total) == ("encode", 1_000_000)
    # A step takes 10 ms and more, so at most 100 a second; a loaded machine makes fewer.
    assert 1 < state.rate <= 100
    assert state.seconds_left == pytest.approx((1_000_000 - state.done) / state.rate)
    work.release.set()
    final = state_after(runner)
    assert (final.status, final.error) == (RunStatus.DONE, "")
    assert final.report.added >= state.done
    assert final.seconds > 0.5


def test_whether_a_run_goes_on_can_be_asked_without_a_runner(tmp_path: Path, work: Work) -> None:
    assert not is_running(tmp_path / "none")
    runner = Runner(tmp_path, work)
    runner.start(TASK)
    assert is_running(tmp_path)
    work.release.set()
    runner.wait(10)
    assert not is_running(tmp_path)


def test_second_start_is_refused_and_the_first_goes_on(tmp_path: Path, work: Work) -> None:
    runner = Runner(tmp_path, work)
    first = runner.start(TASK)
    with pytest.raises(BusyError, match=r"another run is going on: Build fruit"):
        runner.start(Drop("fruit", (Metric.L2,)))
    assert runner.state().name == first.name
    work.release.set()
    assert state_after(runner).status is RunStatus.DONE


def test_of_many_visitors_who_press_at_once_one_gets_through(tmp_path: Path, work: Work) -> None:
    runner, started, refused = Runner(tmp_path, work), [], []
    barrier = threading.Barrier(16)

    def press() -> None:
        barrier.wait()
        try:
            started.append(runner.start(TASK))
        except BusyError as error:
            refused.append(error)

    threads = [threading.Thread(target=press) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(started), len(refused)) == (1, 15)
    work.release.set()
    state_after(runner)
    assert len(list(load_states(tmp_path))) == 1


def test_cancelled_run_can_be_continued_until_it_is_dismissed(tmp_path: Path, work: Work) -> None:
    runner = Runner(tmp_path, work)
    runner.start(TASK)
    assert work.started.wait(5)
    assert runner.unfinished("fruit") is None
    runner.cancel()
    state = state_after(runner)
    assert (state.status, state.cancelling) == (RunStatus.CANCELLED, False)
    unfinished = runner.unfinished("fruit")
    assert unfinished is not None
    assert unfinished.task == TASK
    assert runner.unfinished("other") is None
    runner.dismiss(unfinished)
    assert runner.unfinished("fruit") is None


def test_only_the_run_that_is_meant_is_cancelled(tmp_path: Path, work: Work) -> None:
    runner = Runner(tmp_path, work)
    work.release.set()
    first = runner.start(TASK)
    state_after(runner)
    work.release.clear()
    second = runner.start(TASK)
    # As one presses whose page does not show the second yet.
    runner.cancel(first.name)
    assert not runner.state().cancelling
    runner.cancel(second.name)
    assert state_after(runner).status is RunStatus.CANCELLED


def test_failure_is_told_in_words_and_can_be_continued(tmp_path: Path) -> None:
    def fail(task: Task, progress: RunProgress) -> Report:
        raise StoreError("the database does not answer. Try again.")

    runner = Runner(tmp_path, fail)
    runner.start(TASK)
    state = state_after(runner)
    assert (state.status, state.error) == (
        RunStatus.FAILED,
        "the database does not answer. Try again.",
    )
    assert runner.unfinished("fruit") is not None
    # And a later one may start.
    runner.start(TASK)


@pytest.mark.parametrize(
    ("task", "error", "is_offered"),
    [
        (TASK, StoreError("The database does not answer."), True),
        (TASK, None, False),
        # The same again would be refused again.
        (TASK, ArchiveError("The archive is damaged."), False),
        (TASK, SettingsError("There is no such architecture."), False),
        (TASK, ReductionError("More components than rows."), False),
        # Done in one step, so that there is nothing to go on with.
        (Drop("fruit", (Metric.L2,)), StoreError("The database does not answer."), False),
    ],
)
def test_a_run_is_offered_to_be_continued_where_that_may_succeed(
    tmp_path: Path, task: Task, error: OrchardError | None, *, is_offered: bool
) -> None:
    def perform(task: Task, progress: RunProgress) -> Report:
        if error:
            raise error
        return NOTHING

    runner = Runner(tmp_path, perform)
    runner.start(task)
    state_after(runner)
    # Of the file, as the next process would have it.
    for process in (runner, Runner(tmp_path, perform)):
        assert (process.unfinished("fruit") is not None) == is_offered


def test_run_of_a_process_that_ends_was_cut_off_and_not_cancelled(
    tmp_path: Path, work: Work
) -> None:
    runner = Runner(tmp_path, work)
    runner.start(TASK)
    runner.end(10)
    assert state_after(runner).status is RunStatus.INTERRUPTED
    assert runner.unfinished("fruit") is not None


def test_run_ends_whatever_its_thread_is_ended_by(tmp_path: Path) -> None:
    class Panic(BaseException):
        """As a library that is written in Rust raises it."""

    def fail(task: Task, progress: RunProgress) -> Report:
        raise Panic

    runner = Runner(tmp_path, fail)
    runner.start(TASK)
    assert "an internal error ended the run (Panic)" in state_after(runner).error
    runner.start(TASK)


def test_run_ends_although_what_follows_it_fails(tmp_path: Path) -> None:
    def forget() -> None:
        raise RuntimeError("secret")

    runner = Runner(tmp_path, lambda task, progress: NOTHING, on_end=forget)
    runner.start(TASK)
    state = state_after(runner)
    assert (state.status, state.report) == (RunStatus.DONE, NOTHING)
    assert state.notes == ("The pages may show what was known before this run. Reload them.",)
    # And the next one may start.
    runner.start(TASK)
    state_after(runner)


def test_fault_of_ours_shows_no_details(tmp_path: Path) -> None:
    def fail(task: Task, progress: RunProgress) -> Report:
        raise ZeroDivisionError("secret")

    runner = Runner(tmp_path, fail)
    runner.start(TASK)
    error = state_after(runner).error
    assert "ZeroDivisionError" in error
    assert "secret" not in error


OTHER_PROCESS = """
import sys, time
from pathlib import Path
from core.runs.reports import Report
from core.runs.runner import Runner
from tests.runs.test_runner import TASK

runner = Runner(Path(sys.argv[1]), lambda task, progress: time.sleep(600))
runner.start(TASK)
print("started", flush=True)
runner.wait(600)
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that works on the same folder."""
    with subprocess.Popen(
        [sys.executable, "-c", OTHER_PROCESS, str(tmp_path)],
        cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        yield process
        process.kill()


def test_run_of_another_process_is_left_alone_until_that_has_ended(
    tmp_path: Path, work: Work, other: subprocess.Popen[str]
) -> None:
    runner = Runner(tmp_path, work)
    assert [state.status for state in load_states(tmp_path)] == [RunStatus.RUNNING]
    assert runner.unfinished("fruit") is None
    with pytest.raises(BusyError, match=r"another process works on .*cancel it there"):
        runner.start(TASK)
    other.kill()
    other.wait()
    found = runner.unfinished("fruit")
    assert found is not None
    assert (found.status, found.task) == (RunStatus.INTERRUPTED, TASK)
    runner.start(TASK)
    work.release.set()
    assert state_after(runner).status is RunStatus.DONE


def test_run_that_a_process_did_not_live_to_finish_is_offered_by_the_next(
    tmp_path: Path, other: subprocess.Popen[str]
) -> None:
    other.kill()
    other.wait()
    runner = Runner(tmp_path, Work())
    assert runner.state() is None
    assert [state.status for state in load_states(tmp_path)] == [RunStatus.INTERRUPTED]


def test_what_is_finished_or_cannot_go_on_is_not_offered(tmp_path: Path) -> None:
    runner = Runner(tmp_path, lambda task, progress: NOTHING)
    runner.start(TASK)
    state_after(runner)
    assert runner.unfinished("fruit") is None


def test_skipped_files_are_all_counted_and_the_first_are_kept(tmp_path: Path) -> None:
    def skip(task: Task, progress: RunProgress) -> Report:
        for number in range(MOST_SKIPPED + 5):
            progress.skip(SkippedFile(f"{number}.jpg", "damaged"))
        progress.note("waiting")
        progress.note("waiting")
        return NOTHING

    runner = Runner(tmp_path, skip)
    runner.start(TASK)
    state = state_after(runner)
    assert (len(state.skipped), state.skipped_count) == (MOST_SKIPPED, MOST_SKIPPED + 5)
    assert state.notes == ("waiting",)
    assert next(load_states(tmp_path)) == state


def test_end_is_told_to_the_caller_before_it_shows(tmp_path: Path) -> None:
    seen: list[bool] = []
    runner = Runner(
        tmp_path, lambda task, progress: NOTHING, on_end=lambda: seen.append(runner.state().is_open)
    )
    runner.start(TASK)
    state_after(runner)
    assert seen == [True]


def test_start_is_refused_where_its_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    runner = Runner(tmp_path / "runs", lambda task, progress: NOTHING)
    with pytest.raises(FileError, match="cannot be written"):
        runner.start(TASK)
    assert runner.state() is None


def test_damaged_file_of_a_run_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "run-1.json").write_text("{")
    (tmp_path / "run-2.json").write_text('{"task": {}}')
    assert list(load_states(tmp_path)) == []


@pytest.mark.parametrize("task", one_of_each("fruit"), ids=title_of)
def test_task_survives_its_file(tmp_path: Path, task: Task) -> None:
    def stop(task: Task, progress: RunProgress) -> Report:
        raise CancelledRunError

    runner = Runner(tmp_path, stop)
    runner.start(task)
    state_after(runner)
    saved = next(load_states(tmp_path)).task
    # The token, which is not compared, tells a replacement its own rows.
    assert asdict(saved) == asdict(task)


def test_there_is_a_task_of_every_kind() -> None:
    assert [task.kind for task in one_of_each("fruit")] == list(TaskKind)
