"""The growth benchmark runs on a small scale and tells every figure for every size."""

import json
import os
import subprocess

import pytest

from scripts.benchmark import __main__
from tests.pages.search.test_page import clear_caches

ONE = ["growth", "--one", "--rows", "200", "--dimension", "8", "--searches", "3"]


@pytest.mark.slow
def test_a_size_has_all_its_figures(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # It changes the environment, since it usually runs in a process of its own.
    monkeypatch.setattr(os, "environ", os.environ.copy())
    clear_caches()
    assert __main__.main(ONE) == 0
    figures = json.loads(capfd.readouterr().out)
    # 4 x sqrt(rows), kept below rows / 39: 200 / 39 = 5.1.
    assert (figures["rows"], figures["nlist"]) == (200, 5)
    assert all(value > 0 for value in figures.values())
    clear_caches()


def test_every_size_has_a_process_and_a_column(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        rows = int(command[command.index("--rows") + 1])
        assert "--one" in command
        return subprocess.CompletedProcess(command, 0, json.dumps({"rows": rows, "ms": 1.5}))

    monkeypatch.setattr(subprocess, "run", measured)
    assert __main__.main(["growth", "--rows", "100", "2000"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["rows", "100", "2,000"], ["ms", "1.5", "1.5"]]


def test_a_server_that_is_down_is_a_message(capfd: pytest.CaptureFixture[str]) -> None:
    words = ["growth", "--rows", "100", "--uri", "http://127.0.0.1:1"]
    assert __main__.main(words) == 2
    assert "does not answer" in capfd.readouterr().err
