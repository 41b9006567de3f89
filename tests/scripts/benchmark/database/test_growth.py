"""The growth benchmark runs on a small scale and tells every figure for every size."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from scripts.benchmark import __main__
from tests.pages.search.test_page import clear_caches


@pytest.mark.slow
def test_a_size_has_all_its_figures(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # It changes the environment, since each step usually runs in a process of its own.
    monkeypatch.setattr(os, "environ", os.environ.copy())
    clear_caches()
    figures: dict[str, float] = {}
    size = ["--rows", "200", "--dimension", "8", "--searches", "3", "--folder", str(tmp_path)]
    for step in ("write", "settle", "bare", "page"):
        assert __main__.main(["growth", "--step", step, *size]) == 0
        figures |= json.loads(capfd.readouterr().out)
    # 4 x sqrt(rows), kept below rows / 39: 200 / 39 = 5.1.
    assert (figures["rows"], figures["nlist"]) == (200, 5)
    assert all(value > 0 for value in figures.values())
    # The run has kept both, and the page has read neither again.
    assert len(list((tmp_path / "data" / "embeddings").iterdir())) == 3
    clear_caches()


def test_every_size_has_a_process_and_a_column(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        rows = int(command[command.index("--rows") + 1])
        figures: dict[str, float] = {
            "write": {"rows": rows},
            "settle": {},
            "bare": {"open_bare_seconds": 2.0, "bare_peak_memory_mb": 100.0},
            "page": {"open_page_first_seconds": 3.0, "peak_memory_with_page_mb": 110.0},
        }[command[command.index("--step") + 1]]
        return subprocess.CompletedProcess(command, 0, json.dumps(figures))

    monkeypatch.setattr(subprocess, "run", measured)
    assert __main__.main(["growth", "--rows", "100", "2000", "--json"]) == 0
    small, large = json.loads(capsys.readouterr().out)
    assert (small["rows"], large["rows"]) == (100, 2000)
    # 3 of 2 s, 110 of 100 MB.
    assert large["first_page_times_the_bare"] == 1.5
    assert large["page_memory_times_the_bare"] == pytest.approx(1.1)
    assert __main__.main(["growth", "--rows", "100", "2000"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["rows", "100", "2,000"]


def test_a_server_that_is_down_is_a_message(capfd: pytest.CaptureFixture[str]) -> None:
    words = ["growth", "--rows", "100", "--uri", "http://127.0.0.1:1"]
    assert __main__.main(words) == 2
    assert "does not answer" in capfd.readouterr().err
