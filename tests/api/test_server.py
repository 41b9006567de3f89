"""The API and the pages' services over a real Milvus server, with two collections in it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.dataset.files import image_id
from core.store.vector_store import VectorStore
from tests.support import api, dashboard, search_page
from tests.support.milvus_server import MilvusServer

pytestmark = [pytest.mark.server, pytest.mark.parametrize("engine", ["server"], indirect=True)]

SMALL = "limes"


@pytest.fixture
def engine(server: MilvusServer, server_store: VectorStore, tmp_path: Path) -> Iterator[Path]:
    """Eighteen pictures in three classes, and six of one class beside them; yields their folder."""
    with pytest.MonkeyPatch.context() as patch:
        dashboard.set_environment(patch, tmp_path / "data")
        patch.setenv("ORCHARD_MILVUS_URI", server.uri)
        patch.setenv("ORCHARD_MILVUS_DATABASE", server_store.database)
        patch.setenv("ORCHARD_MILVUS_TIMEOUT", "30")
        patch.setenv("ORCHARD_API_TOKEN", api.TOKEN)
        pictures = dashboard.draw_pictures(tmp_path / "pictures")
        (tmp_path / "few").mkdir()
        (tmp_path / "few" / "lime").symlink_to(pictures / "lime")
        dashboard.build(pictures, "--metrics", "COSINE", "--nlist", "2")
        patch.setenv("ORCHARD_FOLLOW_LINKS", str(pictures))
        dashboard.build(tmp_path / "few", "--collection", SMALL, "--metrics", "COSINE")
        search_page.clear_caches()
        yield pictures
        search_page.close_store()


def test_collections_of_a_server_are_searched_described_verified_and_measured(
    engine: Path,
) -> None:
    with api.serving() as client:
        listed = client.get("collections").json()["collections"]
        assert {one["name"]: one["rows"] for one in listed} == {"fruit_vector": 18, SMALL: 6}
        stored = client.search(data={"id": image_id("lime/2.jpg"), "k": 5})
        assert stored["hits"][0]["label"] == "lime" and len(stored["hits"]) == 5
        content = (engine / "plum" / "1.jpg").read_bytes()
        for collection, label in (("fruit_vector", "plum"), (SMALL, "lime")):
            found = client.search(
                files={"picture": ("p.jpg", content)}, data={"k": 3, "collection": collection}
            )
            assert found["hits"][0]["label"] == label
        assert client.get("collections/typo").status_code == 404
        assert client.ask("GET", "/readyz").status_code == 200
        begun = client.post(
            "runs", json={"kind": "Verify", "family": SMALL}, headers=api.with_token()
        )
        asked = f"runs/{begun.json()['name']}"
        assert ended(client, asked)["report"]["findings"] == []
        begun = client.post("evaluations", json={"ks": [1, 3]}, headers=api.with_token())
        report = ended(client, f"evaluations/{begun.json()['id']}")["report"]
        assert client.get(f"reports/{report}").status_code == 200


def ended(client: api.Client, path: str) -> dict:  # type: ignore[type-arg]
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        state = client.get(path, headers=api.with_token()).json()
        if state["status"] != "running":
            return dict(state)
        time.sleep(0.1)  # between one look and the next
    raise TimeoutError(path)
