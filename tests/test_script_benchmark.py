"""The benchmark runs and reports what it measured; speed itself is not asserted."""

import json

import pytest

from scripts.benchmark import PARTS, main
from scripts.measuring import median_seconds


def test_evaluation(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "evaluation",
        "--rows",
        "300",
        "--dimension",
        "8",
        "--searches",
        "2",
        "--rounds",
        "1",
    ]
    assert main([*arguments, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["rows"] == 300
    ratio = figures["all_seconds"] / figures["product_seconds"]
    assert figures["times_the_product"] == pytest.approx(ratio)
    assert figures["seconds_per_database_search"] > 0


@pytest.mark.parametrize("part", PARTS)
def test_every_part_explains_itself(part: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([part, "--help"])
    assert stopped.value.code == 0
    assert "--rows" in capsys.readouterr().out


def test_an_unknown_part_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["evalation"])
    assert stopped.value.code == 2
    assert "evalation" in capsys.readouterr().err


def test_pieces_of_work_take_turns_and_the_warm_up_is_not_timed() -> None:
    calls: list[str] = []
    works = {name: lambda name=name: calls.append(name) for name in ("a", "b")}
    assert set(median_seconds(works, rounds=2)) == {"a", "b"}
    assert calls == ["a", "b", "a", "b", "a", "b"]
    calls.clear()
    median_seconds(works, rounds=1, warm_up=False)
    assert calls == ["a", "b"]
