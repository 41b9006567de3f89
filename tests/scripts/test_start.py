"""`make app`: what it says when it cannot start, and what it finds running already."""

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

from core.config import Settings, load_settings
from scripts import start
from tests.conftest import draw_dataset
from tests.support import dashboard
from tests.support.processes import free_ports


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


def test_a_running_dashboard_that_shows_the_folder_is_not_to_be_stopped_for_it(
    settings: Settings, taken_port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = {"pid": os.getpid(), "port": taken_port, "collection": "c", "dataset": str(tmp_path)}
    settings.data_dir.mkdir(parents=True)
    (settings.data_dir / "app.json").write_text(json.dumps(state), encoding="utf-8")
    assert start.main(["--port", str(taken_port), "--dataset", str(tmp_path)]) == 0
    assert "stop it" not in capsys.readouterr().out
    assert start.main(["--port", str(taken_port), "--dataset", str(tmp_path / "other")]) == 0
    assert "stop it first" in capsys.readouterr().out


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


def test_a_sample_without_pictures_is_refused_and_nothing_is_indexed(
    no_settings: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    [port] = free_ports(1)
    assert start.main(["--per-class", "0", "--port", str(port)]) == 2
    said = capfd.readouterr().err
    assert "per_class is 0" in said
    assert not list((tmp_path / "data").rglob("index_reports/*"))


def test_a_labels_file_holds_for_the_build_and_for_the_dashboard(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHARD_LABELS", "")
    monkeypatch.chdir(draw_dataset(tmp_path / "photos", ["1.png"]).parent)
    Path("own.csv").write_text("path,class\n1.png,kiwi\n", encoding="utf-8")
    seen: list[str] = []

    def note(*_: object, **__: object) -> int:
        seen.append(os.environ["ORCHARD_LABELS"])
        return 0

    monkeypatch.setattr(start, "_build", note)
    monkeypatch.setattr(start, "_serve", note)
    [port] = free_ports(1)
    assert start.main(["--dataset", "photos", "--labels", "own.csv", "--port", str(port)]) == 0
    assert seen == [str(tmp_path / "own.csv")] * 2


def test_a_labels_file_without_a_folder_is_refused(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        start.main(["--labels", "own.csv"])
    assert "give --dataset as well" in capsys.readouterr().err
