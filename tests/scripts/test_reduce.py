"""A smaller collection from the command line, and everything that then uses it as any other."""

import json
import shutil
from pathlib import Path

import pytest

from core.config import load_settings
from core.metric import Metric
from core.reduction.files import file_of
from core.runs.history import load_history
from core.runs.task import TaskKind
from core.store.vector_store import open_store
from scripts import build_index, reduce, search, transfer
from tests.support import dashboard

SMALL = "fruit_small"


@pytest.fixture
def pictures(
    indexed: dashboard.Indexed, no_settings: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Eighteen pictures, encoded; each test has a data folder of its own."""
    dashboard.set_environment(monkeypatch, tmp_path / "data")
    return indexed.copied_to(tmp_path / "data")


def found(picture: Path, capsys: pytest.CaptureFixture[str]) -> list[tuple[str, float]]:
    capsys.readouterr()
    assert search.main([str(picture), "--collection", SMALL, "--metric", "L2", "--json"]) == 0
    hits = json.loads(capsys.readouterr().out)["hits"]
    return [(hit["path"], hit["score"]) for hit in hits]


@pytest.mark.slow
def test_pictures_that_are_searched_with_or_added_go_the_same_way(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reduce.main(["pca8", SMALL, "--metrics", "L2"]) == 0
    said = capsys.readouterr().out
    assert "fruit_vector: 18 rows copied" in said
    assert "fruit_small_l2: 18 rows, IVF_FLAT" in said
    first = pictures / "lime" / "0.jpg"
    path, score = found(first, capsys)[0]
    # Encoded anew and reduced: no further from its row than rounding.
    assert (path, score) == ("lime/0.jpg", pytest.approx(0, abs=1e-2))
    # One more picture in the folder: a build encodes it alone, as small as the others.
    more = tmp_path / "more"
    shutil.copytree(pictures, more)
    shutil.copy(first, more / "lime" / "copy.jpg")
    assert build_index.main([str(more), "--collection", SMALL, "--metrics", "L2"]) == 0
    assert "1 added, 0 updated, 18 unchanged" in capsys.readouterr().out
    assert {path for path, _ in found(first, capsys)[:2]} == {"lime/0.jpg", "lime/copy.jpg"}
    (run,) = [r for r in load_history(load_settings().data).runs if r.kind is TaskKind.REDUCE]
    assert (run.title, run.rows) == ("Build from fruit_vector at the command line", 18)


@pytest.mark.slow
def test_what_was_fitted_moves_with_the_rows(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert reduce.main(["pca8", SMALL, "--metrics", "L2", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    here, file = tmp_path / "data" / "orchard.db", tmp_path / "rows.parquet"
    common = ["--collection", SMALL]
    assert transfer.main([str(here), str(tmp_path / "there" / "orchard.db"), *common]) == 0
    assert transfer.main([str(here), str(file), *common]) == 0
    monkeypatch.setenv("ORCHARD_DATA_DIR", str(tmp_path / "far"))
    there = ["--metrics", "L2", *common]
    assert transfer.main([str(file), str(tmp_path / "far" / "orchard.db"), *there]) == 0
    for name in ("there", "far"):
        monkeypatch.setenv("ORCHARD_DATA_DIR", str(tmp_path / name))
        assert found(pictures / "plum" / "3.jpg", capsys)[0][0] == "plum/3.jpg"
    settings = load_settings()
    store = open_store(settings)
    encoder = store.info(SMALL, Metric.L2).encoder
    store.close()
    assert str(encoder) == report["encoder"]
    file_of(encoder.reduction, settings.reductions).unlink()
    far = str(tmp_path / "far" / "orchard.db")
    for target in ("bare.db", "other.parquet"):
        assert transfer.main([far, str(tmp_path / target), *common]) == 2
        assert "Copy the file" in capsys.readouterr().err
    assert search.main([str(pictures / "plum" / "3.jpg"), *common, "--metric", "L2"]) == 2
    assert "Copy the file" in capsys.readouterr().err


@pytest.mark.usefixtures("pictures")
def test_what_cannot_be_built_is_an_error_that_says_what_to_give(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for given, said in (
        (["pca", SMALL], "Give pca256"),
        (["pca8-1a2b3c4d", SMALL], "Give pca256"),
        (["pca18", SMALL], "PCA to 18 numbers is not possible of 18 pictures"),
        (["int8", "fruit_vector"], "another name"),
        (["int8", SMALL, "--collection", "nothing"], "nothing"),
    ):
        assert reduce.main(given) == 2
        told = capsys.readouterr().err
        assert said in told and "Traceback" not in told
    assert reduce.main(["int8", SMALL, "--metrics", "L2"]) == 0
    assert "stored as float32 all the same" in capsys.readouterr().err
