"""The growth benchmark runs on a small scale and tells every figure for every size."""

import json

import pytest

from scripts.benchmark import __main__


def test_every_size_has_its_figures(capfd: pytest.CaptureFixture[str]) -> None:
    words = ["growth", "--rows", "100", "200", "--dimension", "8", "--searches", "3", "--json"]
    assert __main__.main(words) == 0
    small, large = json.loads(capfd.readouterr().out)
    assert (small["rows"], large["rows"]) == (100, 200)
    # 4 x sqrt(rows), kept below rows / 39: 100 / 39 = 2.6, 200 / 39 = 5.1.
    assert (small["nlist"], large["nlist"]) == (2, 5)
    assert all(value > 0 for figures in (small, large) for value in figures.values())


def test_a_server_that_is_down_is_a_message(capfd: pytest.CaptureFixture[str]) -> None:
    words = ["growth", "--rows", "100", "--uri", "http://127.0.0.1:1"]
    assert __main__.main(words) == 2
    assert "does not answer" in capfd.readouterr().err
