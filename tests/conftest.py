"""Fixtures that several test files share."""

import functools
import io
import itertools
import os
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.components.v2 import manifest_scanner

from core.config import Settings
from core.store.vector_store import VectorStore
from tests.support import dashboard, groups
from tests.support.bare_client import bare_client
from tests.support.colour_encoder import ColourEncoder
from tests.support.milvus_server import (
    PROGRAM_VARIABLE,
    REQUIRE_VARIABLE,
    MilvusServer,
    find_program,
)

_SERVER = pytest.StashKey[MilvusServer]()

# Several workers on few cores: one thread each for PyTorch, also in what a worker starts.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: groups.place_of(item.nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> groups.Scheduling:
    return groups.Scheduling(config, log)


@pytest.fixture(scope="session", autouse=True)
def packages_read_once() -> Iterator[None]:
    """For every page that AppTest opens, Streamlit looks for components of its own kind in every
    installed package, which takes a third of a second; a dashboard does so once.
    """
    with pytest.MonkeyPatch.context() as patch:
        scan = functools.cache(manifest_scanner.scan_component_manifests)
        patch.setattr(manifest_scanner, "scan_component_manifests", scan)
        yield


@pytest.fixture(autouse=True)
def own_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page under test puts itself in the place of `__main__`, which new processes import."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A developer's environment, `.env` and data folder stay out of the test."""
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    for name in list(os.environ):
        if name.startswith(("ORCHARD_", "MILVUS_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("ORCHARD_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "test.db"


@pytest.fixture
def store(database: Path) -> Iterator[VectorStore]:
    store = VectorStore(str(database), database="pictures")
    yield store
    store.close()


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> dashboard.Indexed:
    """The pictures of `dashboard`, indexed once a worker; each module opens a copy."""
    root = tmp_path_factory.mktemp("indexed")
    with pytest.MonkeyPatch.context() as patch:
        dashboard.set_environment(patch, root / "data")
        dashboard.build(dashboard.draw_pictures(root / "pictures"))
    return dashboard.Indexed(root / "pictures", root / "data")


@pytest.fixture(scope="session")
def server_program() -> Path:
    """The launcher of a real Milvus server; a test without it is skipped, in CI it fails."""
    program = find_program()
    if program is None:
        reason = (
            "there is no milvus-server: pip install -r requirements-server.txt, or name it in "
            f"{PROGRAM_VARIABLE}"
        )
        if os.environ.get(REQUIRE_VARIABLE):
            pytest.fail(f"{REQUIRE_VARIABLE} is set, but {reason}")
        pytest.skip(reason)
    return program


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the servers of all workers have their binaries."""
    own = tmp_path_factory.getbasetemp()
    return (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "milvus_binaries"


@pytest.fixture
def server(
    request: pytest.FixtureRequest,
    server_program: Path,
    unpacked: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> MilvusServer:
    """One real Milvus server for the tests of a group, that all leave it running."""
    stash = request.config.stash
    if _SERVER not in stash:
        stash[_SERVER] = MilvusServer(server_program, tmp_path_factory.mktemp("milvus"), unpacked)
        stash[_SERVER].start()
    return stash[_SERVER]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """End a server with its group: with nothing to do it takes a twentieth of a processor."""
    yield
    group_goes_on = nextitem and groups.group_of(nextitem.nodeid) == groups.group_of(item.nodeid)
    if _SERVER in item.config.stash and not group_goes_on:
        item.config.stash[_SERVER].kill()
        del item.config.stash[_SERVER]


@pytest.fixture(scope="module")
def mortal(
    server_program: Path, unpacked: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MilvusServer]:
    """A server that the tests of one file may kill."""
    server = MilvusServer(server_program, tmp_path_factory.mktemp("mortal"), unpacked)
    server.start()
    yield server
    server.kill()


def eventually(condition: Callable[[], bool], *, seconds: float = 10.0) -> bool:
    """Whether a condition comes true in time.

    Milvus Lite says that an index covers all rows a moment before it searches with it; until then
    it searches every row, as if nprobe were nlist.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


_numbers = itertools.count()


@pytest.fixture
def server_store(server: MilvusServer) -> Iterator[VectorStore]:
    """A store on the real server with a database of its own, dropped afterwards."""
    database = f"pictures_{next(_numbers)}"
    store = VectorStore(server.uri, database=database, timeout=30)
    yield store
    for name in bare_client(store).list_collections():
        for alias in bare_client(store).describe_collection(name).get("aliases", []):
            bare_client(store).drop_alias(alias)
        bare_client(store).drop_collection(name)
    # 2.3.5 takes 64 databases.
    bare_client(store).drop_database(database)
    store.close()


@pytest.fixture(params=["lite", pytest.param("server", marks=pytest.mark.server)])
def either_store(request: pytest.FixtureRequest) -> VectorStore:
    """A store on Milvus Lite, then the same test on a real server."""
    name = "store" if request.param == "lite" else "server_store"
    return request.getfixturevalue(name)


@pytest.fixture
def encoder() -> ColourEncoder:
    return ColourEncoder()


def picture_bytes(seed: int, *, side: int = 12, format: str = "PNG") -> bytes:
    """Return a small picture; other seeds give other bytes and another colour."""
    colour = tuple(int(c) for c in np.random.default_rng(seed).integers(0, 256, 3))
    out = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(out, format)
    return out.getvalue()


def draw_dataset(root: Path, names: Sequence[str], *, first_seed: int = 0) -> Path:
    """Write one small picture for each relative path; returns `root`."""
    for seed, name in enumerate(names, first_seed):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(picture_bytes(seed))
    return root


def damaged_zip() -> bytes:
    """Return a ZIP file whose table of contents is whole and whose one picture is not."""
    picture, out = picture_bytes(0), io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("apple/1.png", picture)
    content = out.getvalue()
    return content.replace(picture, bytes(len(picture)))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Twelve pictures in three classes."""
    names = [f"{label}/{n}.png" for label in ("apple", "pear", "plum") for n in range(4)]
    return draw_dataset(tmp_path / "photos", names)
