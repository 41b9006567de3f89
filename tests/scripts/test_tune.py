"""The tune script: a table, a recommendation, JSON, an exit status."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.config import load_settings
from core.metric import Metric
from core.store.lite import is_locked
from core.store.vector_store import open_store
from scripts.tune import main
from tests.support.made_up import make_database

FEW = ["--types", "flat", "ivf_sq8", "--sample", "30"]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("tune")
    make_database(folder)
    return folder


@pytest.fixture(autouse=True)
def _settings(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHARD_DATA_DIR", str(data_dir))


def test_every_setting_has_a_line_and_one_is_recommended(
    capsys: pytest.CaptureFixture[str], data_dir: Path
) -> None:
    assert main([*FEW, "--limit-ms", "10000", "--require", "recall >= 0"]) == 0
    said = capsys.readouterr().out
    # 66 rows are enough for one list.
    assert "IVF_SQ8, nlist 1, nprobe 1" in said and " FLAT " in said
    assert "int8 numbers, exact" in said
    # Rounded numbers take less than whole ones.
    assert said.splitlines()[-1].startswith("IVF_SQ8, nlist 1, nprobe 1: 0.0 MB")
    assert not is_locked(data_dir / "orchard.db")


def test_limits_that_nothing_meets_give_status_1_and_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*FEW, "--require", "p50 <= 0"]) == 1
    assert "No setting meets p50 <= 0. Nearest is" in capsys.readouterr().out


def test_json_holds_everything_and_leaves_the_sentence_to_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*FEW, "--json", "--require", "recall >= 0"]) == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert {one["index"]["index_type"] for one in found["measured"]} == {"FLAT", "IVF_SQ8"}
    assert found["asked"]["k"] == 10 and found["is_complete"]
    assert "precision@10" in told.err


def test_what_cannot_be_measured_is_an_error_before_anything_is_built(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--require", "quality >= 1"]) == 2
    assert "is no condition" in capsys.readouterr().err
    assert main(["-k", "0"]) == 2
    assert "k is 0, allowed are 1 to 100" in capsys.readouterr().err
    assert main(["--collection", "nothing"]) == 2
    with pytest.raises(SystemExit):
        main(["--types", "BTREE"])
    store = open_store(load_settings())
    assert store.info("fruit_vector", Metric.COSINE).index_type == "IVF_FLAT"
    store.close()
