"""The corrections script: list, correct, export, import, undo."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.corrections.book import Book
from core.corrections.correction import Correction
from core.store.lite import is_locked
from scripts import evaluate
from scripts.corrections import main
from tests.conftest import draw_dataset
from tests.support.made_up import make_database

FAMILY = "fruit_vector"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("corrections")
    make_database(folder)
    return folder


@pytest.fixture(autouse=True)
def data_dir(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ORCHARD_DATA_DIR", str(shared))
    for file in (shared / "corrections").glob("*.json"):
        file.unlink()
    return shared


def said(data_dir: Path) -> dict[str, Correction]:
    return dict(Book(data_dir / "corrections").of(FAMILY).by_path)


def test_pictures_are_corrected_listed_and_given_back(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out == "nothing is corrected in fruit_vector\n"
    assert main(["--relabel", "banana", "apple/test_0.jpg", "./apple/train_1.jpg"]) == 0
    assert main(["--exclude", "cherry\\test_0.jpg"]) == 0
    assert main(["--tag", "small, green", "apple/test_0.jpg"]) == 0
    assert main(["--exclude", "cherry/test_0.jpg"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1: 2 pictures now banana",
        "2: 1 picture left out",
        "3: 1 picture tagged small, green",
        "it was so already",
    ]
    assert main([]) == 0
    listed = capsys.readouterr().out
    assert "fruit_vector: 3 pictures corrected" in listed
    assert "  apple/test_0.jpg: now banana, tagged small, green" in listed
    assert listed.index("   3  ") < listed.index("   1  ")
    assert main(["--undo", "2"]) == 0
    assert main(["--undo"]) == 0
    assert main(["--untag", "none", "apple/test_0.jpg"]) == 0
    assert said(data_dir) == dict.fromkeys(
        ("apple/test_0.jpg", "apple/train_1.jpg"), Correction("banana")
    )
    capsys.readouterr()
    assert main(["--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["pictures"]["apple/test_0.jpg"] == {
        "class": "banana",
        "excluded": False,
        "tags": [],
    }
    assert not is_locked(data_dir / "orchard.db")


def test_what_is_exported_is_imported(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--relabel", "banana", "apple/test_0.jpg"])
    main(["--exclude", "cherry/test_0.jpg"])
    before, table = said(data_dir), tmp_path / "out" / "corrections.csv"
    assert main(["--export", str(table)]) == 0
    main(["--undo"])
    main(["--undo"])
    assert said(data_dir) == {}
    table.write_text(table.read_text() + "gone.jpg,lime,,\n")
    capsys.readouterr()
    assert main(["--import", str(table)]) == 0
    out, err = capsys.readouterr()
    assert said(data_dir) == before
    assert "2 pictures as in corrections.csv" in out
    assert "1 row about pictures that are not there (gone.jpg)" in err
    assert main(["--export", "-"]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines() == table.read_text().splitlines()[:3]
    table.write_text(shown)
    assert main(["--import", str(table)]) == 0
    assert capsys.readouterr() == ("it was so already\n", "")


def test_of_two_names_that_look_the_same_the_one_that_is_named_is_meant(
    data_dir: Path, tmp_path: Path
) -> None:
    twins = ["caf\u00e9.png", "cafe\u0301.png"]
    draw_dataset(tmp_path, twins)
    for path in twins:
        assert main(["--exclude", path, "--dataset", str(tmp_path)]) == 0
    assert said(data_dir) == dict.fromkeys(twins, Correction(excluded=True))


def test_a_table_may_be_called_anything(
    data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "fruit {1}{.csv"
    table.write_text("path,excluded\ncherry/test_0.jpg,yes\n")
    assert main(["--import", str(table)]) == 0
    assert capsys.readouterr().out == "1: 1 picture as in fruit {1}{.csv\n"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--exclude", "aple/test_0.jpg"], "there is no picture 'aple/test_0.jpg'; nothing was"),
        (["--exclude"], "name the pictures"),
        (["apple/test_0.jpg"], "say what to do with these pictures"),
        (["--import", "none.csv"], "cannot be read (No such file"),
        (["--undo"], "nothing has been corrected"),
    ],
)
def test_what_cannot_be_done_is_told(
    arguments: list[str], why: str, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert why in capsys.readouterr().err
    assert said(data_dir) == {}


def test_a_read_only_orchard_refuses_and_lists(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--exclude", "cherry/test_0.jpg"])
    monkeypatch.setenv("ORCHARD_READ_ONLY", "true")
    assert main([]) == 0
    assert main(["--undo"]) == 2
    assert "read-only" in capsys.readouterr().err
    assert len(said(data_dir)) == 1


def test_a_report_says_which_corrections_it_used(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--relabel", "banana", "apple/test_0.jpg"])
    main(["--exclude", "cherry/test_0.jpg"])
    capsys.readouterr()
    assert evaluate.main(["--json", "--nprobe", "exact"]) == 0
    used = json.loads(capsys.readouterr().out)["configuration"]["corrections"]
    assert (used["relabelled"], used["excluded"], len(used["fingerprint"])) == (1, 1, 32)
    assert evaluate.main(["--nprobe", "exact"]) == 0
    assert "Corrections: 1 relabelled, 1 left out." in capsys.readouterr().out
