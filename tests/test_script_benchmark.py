"""The benchmark runs and reports what it measured; speed itself is not asserted."""

import json

import pytest

from scripts.benchmark import main


def test_evaluation(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["evaluation", "--rows", "300", "--dimension", "8", "--searches", "2", "--json"]
    assert main(arguments) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["rows"] == 300
    ratio = figures["all_seconds"] / figures["product_seconds"]
    assert figures["times_the_product"] == pytest.approx(ratio)
    assert figures["seconds_per_database_search"] > 0
