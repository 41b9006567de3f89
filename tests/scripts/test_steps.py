"""The five steps, one command each: they end in the collection that build_index makes."""

import json
from pathlib import Path

import pytest

from core.config import load_settings
from core.metric import Metric
from core.store.vector_store import VectorStore
from scripts import build_index, steps
from tests.conftest import draw_dataset
from tests.support.bare_client import bare_client
from tests.support.milvus_server import MilvusServer

FAMILY = "fruit_vector"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return draw_dataset(tmp_path / "photos", [f"{c}/{n}.png" for c in "ab" for n in range(4)])


@pytest.fixture(params=["lite", pytest.param("server", marks=pytest.mark.server)])
def engine(
    request: pytest.FixtureRequest, no_settings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHARD_ARCHITECTURE", "resnet14")
    if request.param == "server":
        server: MilvusServer = request.getfixturevalue("server")
        # Its database is dropped with what is in it.
        store: VectorStore = request.getfixturevalue("server_store")
        monkeypatch.setenv("ORCHARD_MILVUS_URI", server.uri)
        monkeypatch.setenv("ORCHARD_MILVUS_DATABASE", store.database)
        monkeypatch.setenv("ORCHARD_MILVUS_TIMEOUT", "30")


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert steps.main(list(arguments)) == 0, capsys.readouterr().err
    return capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.usefixtures("engine")
def test_five_steps_lead_to_a_search(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database = load_settings().milvus_database
    assert f"database {database} at" in said(capsys, "create-database")
    made = said(capsys, "create-collection")
    assert "m_id INT64 primary key, embedding FLOAT_VECTOR of 2048" in made
    assert "0 rows, L2, IVF_FLAT with nlist 2" in said(capsys, "create-index", "--nlist", "2")
    loaded = said(capsys, "load", str(photos))
    assert "8 added, 0 updated, 0 unchanged, 0 skipped" in loaded
    assert "fruit_vector_l2: 8 rows, L2, IVF_FLAT with nlist 2" in loaded
    assert "a/0.png" in said(capsys, "search", str(photos / "a" / "0.png")).splitlines()[1]
    # the rows are kept under another index
    assert "8 rows, L2, FLAT" in said(capsys, "create-index", "--index-type", "FLAT")
    # and it is the collection that build_index goes on with
    assert build_index.main([str(photos), "--metrics", "L2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unchanged"] == 8


@pytest.mark.usefixtures("no_settings")
def test_collection_as_a_tutorial_describes_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ORCHARD_ARCHITECTURE", "resnet14")
    said(capsys, "create-collection")
    store = VectorStore(load_settings().uri, database="image_vector_db")
    described = bare_client(store).describe_collection("fruit_vector_l2")
    assert store.info(FAMILY, Metric.L2).index_type == "IVF_FLAT"
    assert described["enable_dynamic_field"]
    assert [field["name"] for field in described["fields"]][:3] == ["m_id", "embedding", "path"]
    store.close()


@pytest.mark.usefixtures("no_settings")
def test_step_out_of_turn_says_what_to_do(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ORCHARD_ARCHITECTURE", "resnet14")
    for early in (["create-index"], ["load", str(photos)]):
        assert steps.main(early) == 2
        assert "'fruit_vector' has no L2 index (there is none of that name)" in (
            capsys.readouterr().err
        )
    said(capsys, "create-collection")
    assert steps.main(["create-collection"]) == 2
    assert "fruit_vector has a collection for L2 already, with 0 rows" in capsys.readouterr().err
