"""The log file: what goes in, once, and never at the price of the program."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.logs import FILE_NAME, start_logging


@pytest.fixture(autouse=True)
def _handlers_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = list(root.handlers)
    levels = {name: logging.getLogger(name).level for name in ("core", "scripts")}
    yield
    for handler in [h for h in root.handlers if h not in before]:
        root.removeHandler(handler)
        handler.close()
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def added(before: list[logging.Handler]) -> list[logging.Handler]:
    return [handler for handler in logging.getLogger().handlers if handler not in before]


def test_messages_of_our_modules_and_warnings_of_others_are_kept(tmp_path: Path) -> None:
    start_logging(tmp_path / "data")
    logging.getLogger("core.somewhere").info("ours, 苹果")
    logging.getLogger("scripts.somewhere").info("a script's")
    logging.getLogger("library").info("not this")
    logging.getLogger("library").warning("but this")
    text = (tmp_path / "data" / FILE_NAME).read_text(encoding="utf-8")
    assert "INFO core.somewhere: ours, 苹果" in text
    assert "a script's" in text
    assert "but this" in text
    assert "not this" not in text


def test_starting_twice_writes_every_line_once(tmp_path: Path) -> None:
    start_logging(tmp_path)
    start_logging(tmp_path)
    logging.getLogger("core.somewhere").warning("only once")
    assert (tmp_path / FILE_NAME).read_text(encoding="utf-8").count("only once") == 1


def test_tracebacks_are_kept(tmp_path: Path) -> None:
    start_logging(tmp_path)
    try:
        raise ValueError("the cause")
    except ValueError:
        logging.getLogger("core.somewhere").exception("failed")
    assert "Traceback" in (tmp_path / FILE_NAME).read_text(encoding="utf-8")


def test_a_data_folder_that_is_a_file_is_passed_over(tmp_path: Path) -> None:
    before = list(logging.getLogger().handlers)
    (tmp_path / "data").touch()
    start_logging(tmp_path / "data")
    assert added(before) == []


def test_a_log_file_that_cannot_be_written_is_passed_over_without_noise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = list(logging.getLogger().handlers)
    (tmp_path / FILE_NAME).mkdir()  # also the superuser cannot write to a folder
    start_logging(tmp_path)
    logging.getLogger("core.somewhere").warning("lost")
    assert added(before) == []
    assert "Logging error" not in capsys.readouterr().err
