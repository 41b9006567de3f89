"""The pages on a collection that others made: stored pictures are searched, uploads refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.config import load_settings
from core.store.vector_store import open_store
from core.ui import resources
from tests.conftest import picture_bytes
from tests.store.test_foreign import CLASSES, PER_CLASS, ROWS, make
from tests.support import dashboard

PAGES = Path(__file__).parents[2] / "pages"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("foreign")
    with pytest.MonkeyPatch.context() as patch:
        dashboard.set_environment(patch, root / "data")
        patch.setenv("ORCHARD_PATH_PREFIX", "/data/fruit")
        patch.setenv("ORCHARD_DATASET", str(root / "photos"))
        for label in CLASSES:
            (root / "photos" / label).mkdir(parents=True)
            for number in range(PER_CLASS):
                file = root / "photos" / label / f"{number}.jpg"
                file.write_bytes(picture_bytes(number, format="JPEG"))
        store = open_store(load_settings())
        make(store, load_settings().collection)
        store.close()
        st.cache_resource.clear()
        st.cache_data.clear()
        yield root / "photos"
        resources.get_store().close()
        st.cache_resource.clear()
        st.cache_data.clear()


def page(name: str) -> AppTest:
    return AppTest.from_file(str(PAGES / name / "page.py"), default_timeout=120)


def test_search_with_a_stored_picture_shows_its_class(photos: Path) -> None:
    at = page("search")
    # every list, else the few rows in 16 of 1,024 lists are fewer than 16
    at.query_params.update({"queries": "7", "nprobe": "1024"})
    at.run()
    assert not at.exception and not at.error and not at.warning
    assert any("16 of 16 hits" in m.value for m in at.markdown)
    # the 19 others of its class are nearer than any other row
    tiles = [m.value for m in at.markdown if m.value.startswith(":small[apple] ")]
    assert len(tiles) == 16


def test_an_upload_is_refused_with_what_to_set(photos: Path) -> None:
    at = page("search").run()
    at.file_uploader[0].set_value(("1.jpg", picture_bytes(1, format="JPEG"), "image/jpeg"))
    at.run()
    assert not at.exception
    said = "\n".join(e.value for e in at.error).replace("\\", "")
    assert "nobody has said which encoder made the embeddings" in said
    assert "ORCHARD_ASSUMED_ENCODER" in said


@pytest.mark.parametrize("name", ["evaluation", "embedding_map", "collection"])
def test_page_opens(photos: Path, name: str) -> None:
    at = page(name).run()
    assert not at.exception and not at.error


def test_files_are_opened_only_where_a_person_has_said(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = next(iter(resources.get_collections("fruit_vector").values()))
    assert resources.dataset_folder(info) == photos
    assert info.rows == ROWS
    monkeypatch.setattr(resources, "get_settings", lambda: load_settings(dataset=None))
    monkeypatch.delenv("ORCHARD_DATASET")
    # said by the prefix: the folder itself, on the machine that has it
    assert resources.dataset_folder(info) == Path("/data/fruit")
