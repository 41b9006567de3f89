"""Time left follows the pace, and a line about progress says no more than is known."""

import pytest

from core.progress import Stage, Stopwatch, progress_text, seconds_left, share_done


def test_time_left_follows_the_pace() -> None:
    # 100 steps took 8 s, so the other 400 take 32 s.
    assert seconds_left(100, 500, 8.0) == 32


@pytest.mark.parametrize(
    ("done", "total", "elapsed"), [(0, 500, 8.0), (500, 500, 8.0), (0, 0, 8.0), (1, 500, 0.4)]
)
def test_time_left_is_unknown_before_a_pace_and_after_the_end(
    done: int, total: int, elapsed: float
) -> None:
    assert seconds_left(done, total, elapsed) is None


def test_a_stage_that_cannot_be_counted_has_neither_count_nor_share() -> None:
    assert progress_text(Stage.LOAD, 0, 0) == "Loading the encoder"
    assert share_done(0, 0) == 0.0


def test_the_share_never_passes_the_end() -> None:
    # A file may grow while it is read.
    assert share_done(3, 4) == 0.75
    assert share_done(5, 4) == 1.0


def test_a_line_says_stage_count_rate_and_time_left() -> None:
    said = progress_text(Stage.ENCODE, 100, 1_000, rate=10.0, left=75.0)
    assert said == "Encoding pictures: 100 of 1,000, 10.0 pictures a second, about 75 s left"


def test_a_download_is_counted_in_megabytes() -> None:
    said = progress_text(Stage.DOWNLOAD, 5_000_000, 98_000_000, rate=1e6)
    assert said == "Fetching the weights: 5 of 98 MB"


def test_the_last_moments_are_not_said_to_take_no_time() -> None:
    assert progress_text(Stage.EXACT, 9, 10, left=0.2).endswith("about 1 s left")


def test_a_stopwatch_starts_anew_with_every_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 10.0, 10.0, 12.0])
    monkeypatch.setattr("core.progress.time.monotonic", lambda: next(now))
    watch = Stopwatch()
    watch.text(Stage.EXACT, 0, 100)
    # 50 of 100 took 10 s.
    assert watch.text(Stage.EXACT, 50, 100) == "Exact search: 50 of 100, about 10 s left"
    watch.text(Stage.SEARCH, 0, 100)
    # 20 of 100 took 2 s, counted from the start of this stage.
    assert watch.text(Stage.SEARCH, 20, 100) == "Index search: 20 of 100, about 8 s left"


def test_a_stage_is_found_by_the_value_that_files_hold() -> None:
    assert Stage("encode") is Stage.ENCODE
    assert all(stage.text for stage in Stage)
