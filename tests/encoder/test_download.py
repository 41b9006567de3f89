"""Fetching weights: verified, resumed, and never half a file under its own name."""

import hashlib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock

from core.encoder.download import download
from core.errors import FileError, WeightsDownloadError, WeightsError
from tests.support.web import FileServer, running_server

CONTENT = bytes(range(256)) * 4000  # 1,024,000 bytes: several pieces
NAME = f"resnet50-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[FileServer]:
    with running_server() as server:
        server.content = CONTENT
        yield server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "hub" / "checkpoints" / NAME


def names(path: Path) -> list[str]:
    """Return what is in the folder but for the lock, which stays, since others may wait for it."""
    return sorted(file.name for file in path.parent.iterdir() if file.suffix != ".lock")


def fetch_fails(server: FileServer, path: Path, *, seconds: float = 5) -> str:
    with pytest.raises(WeightsDownloadError) as caught:
        download(server.url(NAME), path, seconds=seconds)
    assert not path.exists()
    assert NAME in str(caught.value)
    return str(caught.value)


def test_a_good_file_arrives_whole_with_progress(server: FileServer, path: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    found = download(server.url(NAME), path, on_progress=lambda *step: steps.append(step))
    assert found == path
    assert path.read_bytes() == CONTENT
    assert names(path) == [NAME]
    assert steps[-1] == ("download", len(CONTENT), len(CONTENT))
    assert steps == sorted(steps)
    assert len(steps) > 1


def test_two_that_fetch_the_same_file_at_once_get_it_whole_and_it_is_fetched_once(
    server: FileServer, path: Path
) -> None:
    # A lock of the operating system holds between threads with their own handles as it does
    # between processes.
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: download(server.url(NAME), path), range(4)))
    assert found == [path] * 4
    assert path.read_bytes() == CONTENT
    assert names(path) == [NAME]
    assert len(server.asked) == 1


def test_waiting_for_another_that_fetches_the_same_file_can_be_stopped(
    server: FileServer, path: Path
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    path.parent.mkdir(parents=True)
    with FileLock(f"{path}.lock"), pytest.raises(KeyboardInterrupt):
        download(server.url(NAME), path, on_progress=stop)
    assert server.asked == []
    download(server.url(NAME), path)


def test_a_file_of_unknown_length_arrives_too(server: FileServer, path: Path) -> None:
    server.with_length = False
    steps: list[tuple[str, int, int]] = []
    download(server.url(NAME), path, on_progress=lambda *step: steps.append(step))
    assert path.read_bytes() == CONTENT
    assert all(done <= total for _, done, total in steps)


def test_a_file_that_is_not_what_its_name_says_is_removed(server: FileServer, path: Path) -> None:
    server.content = b"changed on the way"
    with pytest.raises(WeightsError, match="its name says") as caught:
        download(server.url(NAME), path)
    assert not isinstance(caught.value, WeightsDownloadError)
    assert hashlib.sha256(server.content).hexdigest()[:8] in str(caught.value)
    assert names(path) == []


def test_the_page_of_a_network_that_wants_a_sign_in_is_no_download(
    server: FileServer, path: Path
) -> None:
    server.content = b"<html>Please sign in to this network</html>"
    server.content_type = "text/html; charset=utf-8"
    assert "sign-in" in fetch_fails(server, path)
    assert names(path) == []


def test_such_a_page_does_not_spoil_what_was_fetched_before(server: FileServer, path: Path) -> None:
    server.cuts = [600_000, 0]
    fetch_fails(server, path)
    server.content_type, server.ranges = "text/html", False
    fetch_fails(server, path)
    server.content_type, server.ranges = "application/octet-stream", True
    download(server.url(NAME), path)
    assert server.asked[-1] == "bytes=600000-"
    assert path.read_bytes() == CONTENT


def test_a_name_without_a_hash_is_not_fetched(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no hash"):
        download(server.url("w.pth"), tmp_path / "w.pth")
    assert server.asked == []


def test_a_hash_of_digits_alone_is_verified_too(server: FileServer, tmp_path: Path) -> None:
    # Among local files it might be a date; what comes over the network has a hash in its name.
    with pytest.raises(WeightsError, match="its name says 20240131"):
        download(server.url("net-20240131.pth"), tmp_path / "net-20240131.pth")


def test_a_dropped_connection_is_taken_up_again(server: FileServer, path: Path) -> None:
    server.cuts = [600_000, 200_000]
    steps: list[tuple[str, int, int]] = []
    download(server.url(NAME), path, on_progress=lambda *step: steps.append(step))
    assert server.asked == ["", "bytes=600000-", "bytes=800000-"]
    assert path.read_bytes() == CONTENT
    assert names(path) == [NAME]
    assert steps == sorted(steps)
    assert {total for _, _, total in steps} == {len(CONTENT)}


def test_a_connection_that_brings_nothing_more_is_told_and_the_next_try_goes_on(
    server: FileServer, path: Path
) -> None:
    server.cuts = [600_000, 0]
    assert "600,000 of 1,024,000 bytes" in fetch_fails(server, path)
    assert names(path) == [NAME + ".partial"]
    download(server.url(NAME), path)
    assert server.asked == ["", "bytes=600000-", "bytes=600000-"]
    assert path.read_bytes() == CONTENT
    assert names(path) == [NAME]


def test_progress_of_a_resumed_download_counts_what_was_there(
    server: FileServer, path: Path
) -> None:
    server.cuts = [600_000, 0]
    fetch_fails(server, path)
    steps: list[tuple[str, int, int]] = []
    download(server.url(NAME), path, on_progress=lambda *step: steps.append(step))
    assert all(done > 600_000 and total == len(CONTENT) for _, done, total in steps)


def test_a_server_without_ranges_starts_over(server: FileServer, path: Path) -> None:
    server.cuts, server.ranges = [600_000], False
    download(server.url(NAME), path)
    assert path.read_bytes() == CONTENT


def test_a_server_without_ranges_that_always_breaks_off_is_given_up(
    server: FileServer, path: Path
) -> None:
    server.cuts, server.ranges = [600_000] * 5, False
    fetch_fails(server, path)
    assert len(server.asked) == 2


def test_a_part_that_was_already_whole_is_verified_and_renamed(
    server: FileServer, path: Path
) -> None:
    path.parent.mkdir(parents=True)
    path.with_name(NAME + ".partial").write_bytes(CONTENT)
    download(server.url(NAME), path)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("size", [1000, 2_000_000], ids=["shorter", "longer"])
def test_a_part_of_something_else_is_thrown_away_and_fetched_anew(
    server: FileServer, path: Path, size: int
) -> None:
    path.parent.mkdir(parents=True)
    path.with_name(NAME + ".partial").write_bytes(b"x" * size)
    download(server.url(NAME), path)
    assert path.read_bytes() == CONTENT
    assert names(path) == [NAME]


@pytest.mark.parametrize("status", [404, 403, 503])
def test_a_refusal_of_the_server_is_named(server: FileServer, path: Path, status: int) -> None:
    server.status = status
    message = fetch_fails(server, path)
    assert f"HTTP {status}" in message
    assert str(path) in message


def test_a_silent_server_is_given_up(server: FileServer, path: Path) -> None:
    server.silent = True
    assert "timed out" in fetch_fails(server, path, seconds=0.3)


def test_a_refused_connection_is_named(path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(WeightsDownloadError, match="refused"):
        download(f"http://127.0.0.1:{port}/{NAME}", path, seconds=2)


def test_the_proxy_of_the_usual_variable_is_asked(
    server: FileServer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("no_proxy")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("http_proxy", server.url(""))
    download(f"http://orchard.invalid/{NAME}", path, seconds=2)
    assert server.paths == [f"http://orchard.invalid/{NAME}"]
    assert path.read_bytes() == CONTENT


def test_a_proxy_variable_that_is_no_address_is_a_download_error(
    monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    monkeypatch.delenv("no_proxy")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("http_proxy", "nonsense://[")
    with pytest.raises(WeightsDownloadError, match="proxy"):
        download(f"http://orchard.invalid/{NAME}", path, seconds=2)


def test_a_folder_that_cannot_be_made_is_not_told_as_a_fault_of_the_network(
    server: FileServer, tmp_path: Path
) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(FileError, match="cannot be written: Not a directory"):
        download(server.url(NAME), tmp_path / "taken" / "sub" / NAME)
