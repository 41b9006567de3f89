"""Fetching weights from the command line, from a server on this machine."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from scripts import fetch_weights
from scripts.fetch_weights import main
from tests.support.web import FileServer, running_server

pytestmark = pytest.mark.usefixtures("no_settings")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch" / "hub" / "checkpoints"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Stands in for the download site: a small checkpoint for every network and weight set."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    buffer = io.BytesIO()
    torch.save({"conv1.weight": torch.ones(2)}, buffer)
    with running_server() as server:
        server.content = buffer.getvalue()
        digits = hashlib.sha256(server.content).hexdigest()[:8]
        monkeypatch.setattr(
            fetch_weights,
            "official_url",
            lambda architecture, weight_set: server.url(f"{architecture}-{digits}.pth"),
        )
        yield server


def test_weights_are_fetched_into_the_torch_hub_cache_and_named(
    server: FileServer, hub: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["resnet50", "resnet18"]) == 0
    files = sorted(hub.glob("*.pth"))
    assert [file.name.split("-")[0] for file in files] == ["resnet18", "resnet50"]
    assert all(file.read_bytes() == server.content for file in files)
    out = capsys.readouterr().out
    assert all(str(file) in out for file in files)
    assert main(["resnet50"]) == 0
    assert len(server.asked) == 2  # what is there is not fetched again


def test_without_a_name_the_network_of_the_settings_is_fetched(
    server: FileServer, hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHARD_ARCHITECTURE", "resnet34")
    assert main([]) == 0
    assert [file.name.split("-")[0] for file in hub.glob("*.pth")] == ["resnet34"]


def test_a_damaged_file_in_the_cache_is_told_and_not_taken_for_good(
    server: FileServer, hub: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["resnet50"]) == 0
    file = next(hub.glob("*.pth"))
    file.write_bytes(b"damaged")
    assert main(["resnet50"]) == 2
    assert str(file) in capsys.readouterr().err


def test_what_cannot_be_fetched_is_an_error_without_a_traceback(
    server: FileServer, hub: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.status = 404
    assert main(["resnet50"]) == 2
    err = capsys.readouterr().err
    assert "HTTP 404" in err
    assert "Traceback" not in err


def test_an_unknown_weight_set_is_told_with_those_there_are(
    hub: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["resnet18", "--weight-set", "IMAGENET1K_V2"]) == 2
    assert "it has IMAGENET1K_V1" in capsys.readouterr().err


def test_an_unknown_network_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["resnet51"])
    assert stopped.value.code == 2
    assert "'resnet51' is not known" in capsys.readouterr().err


def test_the_shipped_encoder_needs_no_fetching(
    hub: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["resnet14"]) == 0
    assert "nothing to fetch" in capsys.readouterr().out
