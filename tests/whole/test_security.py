"""What the shipped dashboard exposes, tried from outside, and what it must never tell."""

import json
import logging
import os
import socket
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from core.logs import FILE_NAME
from scripts import search
from tests.support import browser as browsers
from tests.support import visitor

ROOT = Path(__file__).parents[2]
SECRET = "sesame-8f2c1d"  # made up


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard with the shipped configuration, and nothing indexed."""
    root = tmp_path_factory.mktemp("security")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ORCHARD_DATA_DIR", str(root / "data"))
        with browsers.serving(*browsers.streamlit_command(), log=root / "log") as url:
            yield url


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory whose own settings of Streamlit open the dashboard to the network."""
    monkeypatch.setenv("ORCHARD_DATA_DIR", str(tmp_path / "data"))
    folder = tmp_path / "elsewhere"
    (folder / ".streamlit").mkdir(parents=True)
    (folder / ".streamlit" / "config.toml").write_text('[server]\naddress = "0.0.0.0"\n')
    return folder


def status_of(url: str, *, method: str = "GET", headers: dict[str, str] | None = None) -> int:
    request = urllib.request.Request(url, method=method, headers=headers or {}, data=None)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_only_this_machine_can_connect(address: str) -> None:
    port = int(address.rsplit(":", 1)[1])
    # 127.0.0.2 is this machine too, but not the address that was bound: had the dashboard bound
    # every address, it would answer here.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), timeout=5)


def test_only_this_machine_can_connect_wherever_it_was_started(
    elsewhere: Path, tmp_path: Path
) -> None:
    command = browsers.streamlit_command()
    with browsers.serving(*command, log=tmp_path / "log", cwd=elsewhere) as url:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", int(url.rsplit(":", 1)[1])), timeout=5)
        # The pages are found from there too, or there would be nothing to protect.
        assert visitor.visit(url, "").errors == []


def handshake(address: str, origin: str) -> str:
    """The first line of the answer to a websocket handshake from a page of `origin`."""
    port = int(address.rsplit(":", 1)[1])
    lines = [
        "GET /_stcore/stream HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        f"Origin: {origin}",
    ]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return connection.recv(4096).decode(errors="replace").splitlines()[0]


def test_pages_of_other_sites_cannot_open_a_session(address: str) -> None:
    assert " 101 " in handshake(address, address), "or the test would prove nothing"
    assert " 403 " in handshake(address, "http://evil.example")


def test_an_upload_without_the_cross_site_token_is_refused(address: str) -> None:
    url = f"{address}/_stcore/upload_file/some-session/some-file"
    assert status_of(url, method="PUT", headers={"Origin": "http://evil.example"}) == 403


@pytest.mark.parametrize(
    "path", ["/../README.md", "/%2e%2e/README.md", "/app/static/../core/store.py", "/.env", "/data"]
)
def test_no_file_of_the_project_is_served(address: str, path: str) -> None:
    with socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1]))) as connection:
        # By hand: clients tidy such paths up before they ask.
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
    # Whatever is no file of the client is answered with its start page, or not at all.
    body = answer.partition(b"\r\n\r\n")[2]
    assert b"image search" not in body and b"pymilvus" not in body and b"orchard.db" not in body


def test_the_shipped_configuration_is_the_careful_one() -> None:
    shipped = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert shipped["server"]["address"] == "127.0.0.1"
    assert shipped["server"]["enableXsrfProtection"] is True
    assert shipped["server"]["enableCORS"] is True
    assert shipped["server"]["maxUploadSize"] <= 1_000
    assert shipped["client"]["showErrorDetails"] == "none"
    assert shipped["browser"]["gatherUsageStats"] is False
    assert "enableStaticServing" not in shipped["server"]


def test_a_secret_is_in_no_message_and_no_log(
    no_settings: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("ORCHARD_MILVUS_URI", f"http://user:{SECRET}@127.0.0.1:{port}")
    monkeypatch.setenv("ORCHARD_MILVUS_TOKEN", f"root:{SECRET}")
    monkeypatch.setenv("ORCHARD_MILVUS_TIMEOUT", "2")
    picture = tmp_path / "picture.jpg"
    Image.new("RGB", (8, 8)).save(picture)
    with caplog.at_level(logging.DEBUG):
        assert search.main([str(picture)]) == 2
    out, err = capfd.readouterr()
    log = tmp_path / "data" / FILE_NAME
    assert "does not answer" in err, "it came as far as connecting"
    assert log.is_file()
    for text in (out, err, log.read_text(), caplog.text):
        assert SECRET not in text


@pytest.mark.slow
def test_no_dependency_has_a_known_vulnerability() -> None:
    command = [sys.executable, "-m", "pip_audit", "--local", "--format", "json"]
    done = subprocess.run(
        [*command, "--progress-spinner", "off"],
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    try:
        audited = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        pytest.skip(f"the database of vulnerabilities cannot be reached: {done.stderr[-200:]}")
    known = [entry for entry in audited if "vulns" in entry]
    if not known:
        pytest.skip(
            "the database of vulnerabilities knows none of the packages, or is no whole one"
        )
    bad = {entry["name"]: [v["id"] for v in entry["vulns"]] for entry in known if entry["vulns"]}
    assert bad == {}
