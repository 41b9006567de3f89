"""The evaluate script: figures, exit status, requirements."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import QueryError
from core.evaluation.requirement import parse_requirement
from core.store.lite import is_locked
from scripts.evaluate import main
from tests.support.made_up import make_database


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("evaluate")
    make_database(folder)
    return folder


@pytest.fixture(autouse=True)
def _settings(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHARD_DATA_DIR", str(data_dir))


def test_text_names_classes_worst_first_and_what_is_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([]) == 0
    text = capsys.readouterr().out
    assert "macro precision@10" in text
    assert "Left out: 1 query of 1 class" in text
    assert "Left out: 2 queries without a class" in text
    assert "ANN recall@10" in text
    # Three cherries: at most two of ten hits can be right.
    assert text.index("cherry") < text.index("banana")


def test_json_is_the_saved_report(capsys: pytest.CaptureFixture[str], data_dir: Path) -> None:
    assert main(["--json", "--k", "1", "3", "--nprobe", "exact", "--metric", "l2"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["configuration"]["request"]["ks"] == [1, 3]
    assert content["configuration"]["metric"] == "L2"
    assert "index" not in content
    assert (data_dir / "reports" / f"{content['name']}.npz").is_file()


def test_hits_are_told_by_the_values_of_a_column(
    capsys: pytest.CaptureFixture[str], data_dir: Path
) -> None:
    assert main(["--by", "part", "--k", "5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    table = lines[lines.index(next(line for line in lines if line.startswith("part"))) + 1 :]
    # Of 40, 20 and 3 pictures every fourth is of the part `test`: 10 + 5 + 1; the lone one and
    # those without a class have nothing to find.
    assert sorted((line.split()[0], line.split()[1].strip("*")) for line in table) == [
        ("test", "16"),
        ("train", "47"),
    ]
    assert main(["--json", "--k", "5"]) == 0
    [test, train] = sorted(
        json.loads(capsys.readouterr().out)["columns"]["part"], key=lambda one: one["value"]
    )
    assert test["queries"] == train["other_queries"] == 16
    assert test["measure"] == train["others"]


def test_a_column_that_no_row_has_is_refused_before_a_report_is_saved(
    capsys: pytest.CaptureFixture[str], data_dir: Path
) -> None:
    before = set((data_dir / "reports").glob("*"))
    assert main(["--by", "variety"]) == 2
    assert "no column 'variety' (--by); they have: part" in capsys.readouterr().err
    assert set((data_dir / "reports").glob("*")) == before


def test_database_can_be_opened_by_others_afterwards(data_dir: Path) -> None:
    assert main([]) == 0
    assert not is_locked(data_dir / "orchard.db")


def test_requirement_decides_the_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--require", "macro precision@1 >= 0.0"]) == 0
    assert main(["--require", "macro precision@1 > 1", "--require", "micro MRR@10 > 0"]) == 1
    assert "does not hold" in capsys.readouterr().err


def test_no_requirement_holds_where_every_hit_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_database(tmp_path, {"images": 12})
    monkeypatch.setenv("ORCHARD_DATA_DIR", str(tmp_path))
    assert main(["--k", "5", "--require", "macro precision@5 >= 0.8"]) == 1
    said = capsys.readouterr().err
    assert "does not hold: 1. There is only one class to find" in said


def test_a_requirement_without_a_measure_is_told_before_anything_is_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("queries were asked")

    monkeypatch.setattr("scripts.evaluate.evaluate", never)
    assert main(["--require", "macro precison@10 >= 0.8"]) == 2
    assert "'precison@10', which the report does not have. It has" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--require", "precision"],
        ["--require", "macro precision@7 >= 0.5"],
        ["--require", "class pear precision@1 >= 0.5"],
        ["--k", "0"],
        ["--nprobe", "99"],
        ["--nprobe", "many"],
        ["--queries", "held-out"],
        ["--collection", "missing"],
    ],
)
def test_errors_are_told_and_give_two(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert "error: " in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("macro precision@10 >= 0.8", ("macro", None, "precision@10", ">=", 0.8)),
        ("micro MAP@R<1e-1", ("micro", None, "MAP@R", "<", 0.1)),
        ("class Red grapefruit hit rate@5 > .5", ("", "Red grapefruit", "hit rate@5", ">", 0.5)),
    ],
)
def test_requirements_are_read(text: str, expected: tuple[object, ...]) -> None:
    found = parse_requirement(text)
    assert (found.mean, found.label, found.measure, found.sign, found.limit) == expected
    # What is undefined never holds.
    assert not found.holds(math.nan)


@pytest.mark.parametrize("text", ["", "macro", "macro x = 1", "mean x > 1", "macro x > 1.2.3"])
def test_other_requirements_are_refused(text: str) -> None:
    with pytest.raises(QueryError, match="cannot be read"):
        parse_requirement(text)
