"""What every script shares: exit statuses, and tracebacks only in the log."""

import argparse
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.config import Settings, load_settings
from core.errors import DatasetError
from core.logs import FILE_NAME
from core.metric import Metric
from core.progress import Stage
from scripts.shared.terminal import (
    ProgressBar,
    configured,
    guarded,
    interrupt_held,
    parse_metric,
)

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    root = logging.getLogger()
    before = list(root.handlers)
    yield load_settings(data_dir=tmp_path / "data")
    for handler in [h for h in root.handlers if h not in before]:
        root.removeHandler(handler)
        handler.close()


def raising(error: BaseException) -> Callable[[], int]:
    def work() -> int:
        raise error

    return work


def log_of(settings: Settings) -> str:
    return (settings.data_dir / FILE_NAME).read_text(encoding="utf-8")


def test_the_status_of_the_work_is_passed_on(settings: Settings) -> None:
    assert guarded(lambda: 0, settings, on_interrupt="") == 0
    assert guarded(lambda: 7, settings, on_interrupt="") == 7


def test_an_error_a_person_can_mend_is_a_message_and_status_2(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    status = guarded(raising(DatasetError("no such folder")), settings, on_interrupt="")
    captured = capsys.readouterr()
    assert status == 2
    assert captured.err == "error: no such folder\n"
    assert captured.out == ""
    assert "Traceback" in log_of(settings)


def test_an_interrupt_says_what_is_kept_with_status_130(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    status = guarded(raising(KeyboardInterrupt()), settings, on_interrupt="12 rows are kept")
    assert status == 130
    assert capsys.readouterr().err == "\n12 rows are kept\n"


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_an_interrupt_while_python_still_loads_has_no_traceback() -> None:
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import scripts; "
        "signal.raise_signal(signal.SIGINT)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    # A shell makes 130 of it.
    assert ended.returncode == -signal.SIGINT
    assert ended.stderr == "\nstopped\n"


def test_a_held_interrupt_is_noted_and_the_next_ends_the_script_as_ever(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[str] = []

    def work() -> int:
        with interrupt_held() as interrupt:
            signal.raise_signal(signal.SIGINT)
            done.append("what was begun")
            assert interrupt.pressed
            signal.raise_signal(signal.SIGINT)
        return 0

    def held() -> object:
        with interrupt_held():
            return signal.getsignal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert guarded(work, settings, on_interrupt="12 rows are kept") == 130
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        # Nor does anything hold it that was begun where nobody has pressed it.
        with interrupt_held() as interrupt:
            assert not interrupt.pressed
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        # As in what a shell has started in the background: Ctrl-C is meant for others.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with interrupt_held() as interrupt:
            signal.raise_signal(signal.SIGINT)
        assert not interrupt.pressed
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(held).result() is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert done == ["what was begun"]
    assert capsys.readouterr().err == "\n12 rows are kept\n"


def test_a_fault_of_ours_is_one_line_with_status_1_and_its_traceback_in_the_log(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    status = guarded(raising(ZeroDivisionError("oops")), settings, on_interrupt="")
    message = capsys.readouterr().err
    assert status == 1
    assert "ZeroDivisionError: oops" in message
    assert str(settings.data_dir / FILE_NAME) in message
    assert "Traceback" not in message
    assert "Traceback" in log_of(settings)


def run(code: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: PLW1510 - the status is what is looked at
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        **options,  # type: ignore[call-overload]
    )


def test_without_a_log_there_is_still_no_traceback_and_no_promise_of_one(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    done = run(
        "from pathlib import Path\n"
        "from core.config import load_settings\n"
        "from scripts.shared.terminal import guarded\n"
        f"settings = load_settings(data_dir=Path({str(tmp_path / 'taken')!r}))\n"
        "raise SystemExit(guarded(lambda: 1 // 0, settings, on_interrupt=''))"
    )
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert "Traceback" not in done.stderr
    assert "The details are in" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
@pytest.mark.parametrize(
    ("lines", "reader", "shown"), [(100_000, "head -1", "0\n"), (1, "true", "")]
)
def test_a_reader_that_goes_away_is_no_fault(
    tmp_path: Path, lines: int, reader: str, shown: str
) -> None:
    code = (
        "import time\n"
        "from pathlib import Path\n"
        "from core.config import load_settings\n"
        "from scripts.shared.terminal import guarded\n"
        f"settings = load_settings(data_dir=Path({str(tmp_path)!r}))\n"
        "def work():\n"
        "    time.sleep(0.3)\n"
        f"    for line in range({lines}):\n"
        "        print(line)\n"
        "    return 0\n"
        "raise SystemExit(guarded(work, settings, on_interrupt=''))"
    )
    done = subprocess.run(
        ["sh", "-c", '"$0" -c "$1" | ' + reader, sys.executable, code],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        # Unbuffered output would show the fault earlier, and never at the end.
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
    )
    assert done.stdout == shown
    assert done.stderr == ""


@pytest.mark.parametrize("text", ["cosine", "COSINE", "Cosine"])
def test_a_metric_is_read_in_any_case(text: str) -> None:
    assert parse_metric(text) is Metric.COSINE


def test_a_wrong_metric_is_named_with_those_allowed() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"'manhattan'.*COSINE, L2, IP"):
        parse_metric("manhattan")


def test_every_stage_that_can_be_counted_has_a_progress_bar_on_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with ProgressBar() as bar:
        bar(Stage.LOAD, 0, 0)
        bar(Stage.ENCODE, 1, 4)
        bar(Stage.ENCODE, 4, 4)
        bar(Stage.INDEX, 3, 3)
    captured = capsys.readouterr()
    assert Stage.LOAD.text not in captured.err
    lines = [line for line in captured.err.splitlines() if "100%" in line]
    assert [line.split(": 100%")[0] for line in lines] == [
        "Encoding pictures",
        "Building the index",
    ]
    assert ["4/4" in lines[0], "3/3" in lines[1]] == [True, True]
    assert captured.out == ""


def test_a_progress_bar_that_never_ran_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBar():
        pass
    assert capsys.readouterr() == ("", "")


def test_a_setting_that_is_not_allowed_is_said_before_anything_is_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status = configured(lambda settings: 0, on_interrupt="", collection="not a name")
    assert status == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ORCHARD_COLLECTION")
    assert said.count("\n") == 1


def test_what_the_command_line_says_wins_over_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ORCHARD_COLLECTION", "pears")
    seen: list[str] = []

    def work(settings: Settings) -> int:
        seen.append(settings.collection)
        return 0

    for collection in ("plums", None):
        assert configured(work, on_interrupt="", collection=collection, data_dir=tmp_path) == 0
    assert seen == ["plums", "pears"]


def test_what_a_name_would_do_to_a_terminal_is_shown_and_not_done(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> int:
        sys.stdout.write("found \x1b]0;owned\x07.jpg\rover\n")
        sys.stderr.write("note \x1b[2J.jpg\n")
        logging.getLogger("core.test").warning("skipped \x1b[2J.jpg")
        raise DatasetError("no such folder: \x9b31m")

    assert guarded(work, settings, on_interrupt="") == 2
    captured = capsys.readouterr()
    assert captured.out == "found \\x1b]0;owned\\x07.jpg\\rover\n"
    assert captured.err == "note \\x1b[2J.jpg\nerror: no such folder: \\u009b31m\n"
    assert r"skipped \x1b[2J.jpg" in log_of(settings)
    assert "\x1b" not in log_of(settings)


def test_json_stays_json_whatever_the_names_in_it(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"path": "\x1b[2J \x7f \x9b31m \u202e.jpg", "label": 'a "b"\n\t'}

    def work() -> int:
        sys.stdout.write(json.dumps(names, indent=2, ensure_ascii=False) + "\n")
        return 0

    assert guarded(work, settings, on_interrupt="") == 0
    out = capsys.readouterr().out
    assert json.loads(out) == names
    assert not {"\x1b", "\x7f", "\x9b", "\u202e"} & set(out)
