"""`make app`: what it opens, what it builds first, and what it says when it cannot start."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from core.collection.info import CollectionInfo
from core.config import Settings, load_settings
from core.errors import ReadOnlyError
from core.metric import Metric
from core.records import EncoderIdentity
from scripts import start
from tests.support import dashboard


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    dashboard.set_environment(monkeypatch, tmp_path / "data")
    return load_settings()


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port on which another program than Orchard answers 'ok', as Streamlit does."""

    class Healthy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer((start.ADDRESS, 0), Healthy) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def collection(dataset: Path, *, complete: bool = True) -> CollectionInfo:
    return CollectionInfo(
        name="fruit_vector_l2",
        metric=Metric.L2,
        dimension=4,
        rows=12,
        index_type="IVF_FLAT",
        nlist=2,
        pending_rows=0,
        encoder=EncoderIdentity("resnet14", "0" * 8, "resize160", 4),
        dataset=str(dataset.resolve()),
        complete=complete,
    )


def test_without_a_collection_the_sample_is_built(settings: Settings) -> None:
    chosen = start.plan(settings, None, {}, recreate=False)
    assert chosen.collection == "fruit_vector"
    assert chosen.dataset == settings.data.sample


def test_a_folder_without_a_collection_is_built(settings: Settings, tmp_path: Path) -> None:
    chosen = start.plan(settings, tmp_path, {}, recreate=False)
    assert (chosen.collection, chosen.dataset) == ("fruit_vector", tmp_path)


def test_a_complete_collection_is_opened_and_nothing_repeated(
    settings: Settings, tmp_path: Path
) -> None:
    existing = {"fruit_vector": collection(tmp_path)}
    for dataset in (None, tmp_path):
        chosen = start.plan(settings, dataset, existing, recreate=False)
        assert (chosen.collection, chosen.dataset) == ("fruit_vector", None)


def test_an_unfinished_collection_is_continued(settings: Settings, tmp_path: Path) -> None:
    existing = {"fruit_vector": collection(tmp_path, complete=False)}
    assert start.plan(settings, None, existing, recreate=False).dataset == tmp_path.resolve()


def test_another_folder_gets_a_collection_of_its_own_and_keeps_the_first(
    settings: Settings, tmp_path: Path
) -> None:
    other = tmp_path / "My photos, 2026"
    other.mkdir()
    existing = {"fruit_vector": collection(tmp_path)}
    chosen = start.plan(settings, other, existing, recreate=False)
    assert chosen.dataset == other
    assert chosen.collection.startswith("c_my_photos_2026_")
    # The name passes the rule for names of collections.
    load_settings(collection=chosen.collection)
    existing[chosen.collection] = collection(other)
    assert start.plan(settings, other, existing, recreate=False).dataset is None


def test_recreate_builds_a_complete_collection_again(settings: Settings, tmp_path: Path) -> None:
    existing = {"fruit_vector": collection(tmp_path)}
    assert start.plan(settings, None, existing, recreate=True).dataset == tmp_path.resolve()


def test_read_only_builds_nothing_and_refuses_to_recreate(
    settings: Settings, tmp_path: Path
) -> None:
    closed = settings.model_copy(update={"read_only": True})
    existing = {"fruit_vector": collection(tmp_path, complete=False)}
    assert start.plan(closed, None, existing, recreate=False).dataset is None
    assert start.plan(closed, None, {}, recreate=False).dataset is None
    with pytest.raises(ReadOnlyError):
        start.plan(closed, None, existing, recreate=True)


def test_a_port_that_another_program_uses_is_named(
    settings: Settings, taken_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start.main(["--port", str(taken_port)]) == 2
    message = capsys.readouterr().err
    assert f"port {taken_port} is in use" in message
    assert f"make app PORT={taken_port + 1}" in message


def test_a_running_dashboard_is_pointed_to(
    settings: Settings, taken_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    state = {"pid": os.getpid(), "port": taken_port, "collection": "fruit_vector"}
    settings.data_dir.mkdir(parents=True)
    (settings.data_dir / "app.json").write_text(json.dumps(state), encoding="utf-8")
    assert start.main(["--port", str(taken_port)]) == 0
    assert f"already running at http://127.0.0.1:{taken_port}" in capsys.readouterr().out


def test_a_damaged_state_file_is_no_obstacle(settings: Settings, taken_port: int) -> None:
    settings.data_dir.mkdir(parents=True)
    (settings.data_dir / "app.json").write_text("{", encoding="utf-8")
    assert start.main(["--port", str(taken_port)]) == 2


@pytest.mark.parametrize("port", ["0", "65536", "eighty", "-1"])
def test_a_port_that_does_not_exist_is_refused(
    settings: Settings, port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start.main([f"--port={port}"]) == 2
    assert repr(port) in capsys.readouterr().err


def test_a_missing_folder_is_named_before_anything_is_built(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as probe:
        probe.bind((start.ADDRESS, 0))
        port = probe.getsockname()[1]
    assert start.main(["--dataset", str(tmp_path / "nowhere"), "--port", str(port)]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_a_second_dashboard_on_the_same_database_is_refused_with_the_address_of_the_first(
    settings: Settings, taken_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    code = (
        "import sys; from core.store.vector_store import VectorStore; s = VectorStore(sys.argv[1]);"
        "print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, settings.uri]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=start.ROOT, text=True
    ) as holder:
        assert holder.stdout and holder.stdin
        assert holder.stdout.readline() == "open\n"
        state = {"pid": holder.pid, "port": taken_port, "collection": "fruit_vector"}
        (settings.data_dir / "app.json").write_text(json.dumps(state), encoding="utf-8")
        with socket.socket() as probe:
            probe.bind((start.ADDRESS, 0))
            port = probe.getsockname()[1]
        status = start.main(["--port", str(port)])
        holder.stdin.close()
    assert status == 2
    assert f"http://127.0.0.1:{taken_port}" in capsys.readouterr().err
