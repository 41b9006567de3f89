"""Which checkpoint is used, and where it comes from."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.config import load_settings
from core.encoder import weights
from core.encoder.checkpoint import sha256_prefix
from core.encoder.weights import Checkpoint, checkpoint_for, find_checkpoint, is_offline_notice
from core.errors import EncoderMismatchError, FileError, WeightsDownloadError, WeightsError
from core.records import EncoderIdentity
from tests.support.web import FileServer, running_server


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The torch hub cache, empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(autouse=True)
def imagenet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands in for the file of the EfficientNet-Lite2 package; nothing is installed at first."""
    path = tmp_path / "package" / f"efficientnet-lite2-{prefix_of(b'imagenet')}.pth"
    path.parent.mkdir()
    monkeypatch.setattr(weights, "is_installed", path.is_file)
    monkeypatch.setattr(weights, "installed_weights", lambda: path if path.is_file() else None)
    monkeypatch.setattr(weights, "required_weights", lambda: path)
    return path


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands in for the folder that ships with Orchard; holds one file."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    monkeypatch.setattr(weights, "OFFLINE_FOLDER", folder)
    return named_file(folder, "resnet14", b"offline")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Stands in for the download site of torchvision."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with running_server() as server:
        server.content = b"official"
        name = f"resnet50-{hashlib.sha256(server.content).hexdigest()[:8]}.pth"
        prefix = name.removesuffix(".pth")[-8:]
        monkeypatch.setattr(weights, "official_url", lambda *_: server.url(name))
        monkeypatch.setattr(weights, "official_urls", lambda _: {prefix: server.url(name)})
        yield server


def prefix_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:8]


def named_file(folder: Path, architecture: str, content: bytes) -> Path:
    path = folder / f"{architecture}-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    path.write_bytes(content)
    return path


def identity(content: bytes, architecture: str = "resnet50") -> EncoderIdentity:
    return EncoderIdentity(architecture, hashlib.sha256(content).hexdigest()[:8], "p", 2048)


def test_the_file_of_the_settings_comes_first(hub: Path, offline: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.pth"
    mine.touch()
    (hub / "resnet50-0676ba61.pth").touch()
    settings = load_settings(weights=mine)
    assert find_checkpoint(settings) == Checkpoint(mine, "resnet50")


def test_the_hub_cache_is_used_before_the_network(hub: Path, server: FileServer) -> None:
    cached = named_file(hub, "resnet50", server.content)
    assert find_checkpoint(load_settings()) == Checkpoint(cached, "resnet50")
    assert server.asked == []


def test_what_is_not_cached_is_fetched_into_the_hub_cache(hub: Path, server: FileServer) -> None:
    steps: list[tuple[str, int, int]] = []
    found = find_checkpoint(load_settings(), on_progress=lambda *step: steps.append(step))
    assert found == Checkpoint(hub / found.path.name, "resnet50")
    assert found.path.read_bytes() == server.content
    assert steps == [("download", 8, 8)]


def test_without_network_the_offline_encoder_serves_and_says_why_and_how_to_switch(
    hub: Path, offline: Path, server: FileServer
) -> None:
    server.status = 503
    found = find_checkpoint(load_settings())
    assert (found.path, found.architecture) == (offline, "resnet14")
    assert is_offline_notice(found.notice)
    assert "HTTP 503" in found.notice
    assert str(hub) in found.notice  # where to put the file by hand
    # The dashboard may hold the database, so that a command alone would be no way.
    assert "under Build on the Collection page, or with --recreate" in found.notice


def test_cache_that_cannot_be_written_is_said_and_no_other_encoder_takes_its_place(
    hub: Path, offline: Path, server: FileServer
) -> None:
    hub.rmdir()
    hub.touch()
    with pytest.raises(FileError, match=r"cannot be written: File exists"):
        find_checkpoint(load_settings())


def test_without_network_efficientnet_serves_before_the_offline_encoder_where_it_is_installed(
    hub: Path, offline: Path, imagenet: Path, server: FileServer
) -> None:
    imagenet.write_bytes(b"imagenet")
    server.status = 503
    found = find_checkpoint(load_settings())
    assert (found.path, found.architecture) == (imagenet, "efficientnet_lite2")
    assert "EfficientNet-Lite2" in found.notice
    assert not is_offline_notice(found.notice)


def test_resnet50_comes_before_efficientnet(hub: Path, imagenet: Path, server: FileServer) -> None:
    imagenet.write_bytes(b"imagenet")
    assert find_checkpoint(load_settings()).architecture == "resnet50"


def test_efficientnet_can_be_asked_for_by_name(imagenet: Path) -> None:
    imagenet.write_bytes(b"imagenet")
    settings = load_settings(architecture="efficientnet_lite2")
    assert find_checkpoint(settings) == Checkpoint(imagenet, "efficientnet_lite2")


def test_a_query_finds_efficientnet_by_its_hash(hub: Path, imagenet: Path) -> None:
    imagenet.write_bytes(b"imagenet")
    wanted = identity(b"imagenet", "efficientnet_lite2")
    expected = Checkpoint(imagenet, "efficientnet_lite2", preprocessing=wanted.preprocessing)
    assert checkpoint_for(wanted, load_settings()) == expected
    with pytest.raises(EncoderMismatchError, match="no such weights are at hand"):
        checkpoint_for(identity(b"another", "efficientnet_lite2"), load_settings())


def test_another_network_than_the_default_is_never_replaced_by_the_offline_encoder(
    hub: Path, offline: Path, server: FileServer
) -> None:
    server.status = 503
    with pytest.raises(WeightsDownloadError):
        find_checkpoint(load_settings(architecture="resnet18"))


def test_other_weights_than_the_default_are_never_replaced_by_the_offline_encoder(
    hub: Path, offline: Path, server: FileServer
) -> None:
    server.status = 503
    with pytest.raises(WeightsDownloadError):
        find_checkpoint(load_settings(weight_set="IMAGENET1K_V2"))


def test_behind_a_sign_in_page_the_offline_encoder_serves_and_says_why(
    hub: Path, offline: Path, server: FileServer
) -> None:
    server.content, server.content_type = b"<html>Sign in</html>", "text/html"
    found = find_checkpoint(load_settings())
    assert (found.path, found.architecture) == (offline, "resnet14")
    assert "sign-in" in found.notice


def test_a_weight_set_is_fetched_by_its_enum_name(
    hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (hub / "resnet50-11ad3fa6.pth").touch()  # cached, so that nothing is fetched
    found = find_checkpoint(load_settings(weight_set="ResNet50_Weights.IMAGENET1K_V2"))
    assert found == Checkpoint(hub / "resnet50-11ad3fa6.pth", "resnet50")


def test_a_damaged_download_is_an_error_and_no_reason_to_go_offline(
    hub: Path, offline: Path, server: FileServer
) -> None:
    server.content = b"changed on the way"
    with pytest.raises(WeightsError, match="Something on the way changed it"):
        find_checkpoint(load_settings())


def test_the_offline_encoder_can_be_asked_for_by_name(offline: Path) -> None:
    settings = load_settings(architecture="resnet14")
    assert find_checkpoint(settings) == Checkpoint(offline, "resnet14")


def test_a_missing_offline_encoder_says_how_to_get_it_back(offline: Path) -> None:
    offline.unlink()
    with pytest.raises(WeightsError, match="git checkout weights"):
        find_checkpoint(load_settings(architecture="resnet14"))


def test_only_the_shipped_file_counts_as_offline(offline: Path) -> None:
    assert weights.is_offline(identity(b"offline", "resnet14"))
    assert not weights.is_offline(identity(b"other", "resnet14"))
    assert not weights.is_offline(identity(b"offline", "resnet50"))


def test_a_query_finds_the_weights_of_its_collection_by_their_hash(
    hub: Path, offline: Path, tmp_path: Path
) -> None:
    unnamed = tmp_path / "mine.pth"
    unnamed.write_bytes(b"mine")
    cached = named_file(hub, "resnet50", b"cached")
    settings = load_settings(weights=unnamed)
    for content, file in ((b"mine", unnamed), (b"cached", cached)):
        found = checkpoint_for(identity(content), settings)
        # With what the collection says that its pictures went through.
        assert found == Checkpoint(file, "resnet50", preprocessing="p")
    found = checkpoint_for(identity(b"offline", "resnet14"), settings)
    assert found == Checkpoint(offline, "resnet14", preprocessing="p")


def test_a_query_fetches_the_official_weights_when_the_collection_has_them(
    hub: Path, server: FileServer
) -> None:
    found = checkpoint_for(identity(server.content), load_settings())
    assert found.path.read_bytes() == server.content


def test_a_query_without_the_very_weights_is_refused(hub: Path, server: FileServer) -> None:
    named_file(hub, "resnet50", b"cached")
    with pytest.raises(EncoderMismatchError, match="no such weights are at hand") as caught:
        checkpoint_for(identity(b"other"), load_settings())
    assert identity(b"other").weights in str(caught.value)
    assert server.asked == []


def test_a_file_that_only_claims_the_hash_is_not_taken(hub: Path, server: FileServer) -> None:
    (hub / f"resnet50-{identity(b'real').weights}.pth").write_bytes(b"fake")
    with pytest.raises(EncoderMismatchError):
        checkpoint_for(identity(b"real"), load_settings())


def test_an_unknown_network_is_refused_without_looking(hub: Path) -> None:
    with pytest.raises(EncoderMismatchError, match=r"'/etc/\*'.*resnet50"):
        checkpoint_for(EncoderIdentity("/etc/*", "0" * 8, "p", 8), load_settings())


def test_files_whose_names_carry_another_hash_are_not_read(
    hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for content in (b"one", b"two"):
        named_file(hub, "resnet50", content)
    (hub / "resnet50-folder.pth").mkdir()
    wanted = named_file(hub, "resnet50", b"wanted")
    read: list[Path] = []
    monkeypatch.setattr(
        weights, "sha256_prefix", lambda path: (read.append(path), sha256_prefix(path))[1]
    )
    assert checkpoint_for(identity(b"wanted"), load_settings()).path == wanted
    assert read == [wanted]
