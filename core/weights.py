"""Which checkpoint an encoder loads, where it comes from, and whether it is what it claims."""

import hashlib
import logging
import pickle
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.config import ARCHITECTURES, DEFAULT_ARCHITECTURE, Settings
from core.errors import EncoderMismatchError, WeightsDownloadError, WeightsError
from core.records import EncoderIdentity

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)

OFFLINE_ARCHITECTURE = "resnet14"
OFFLINE_FOLDER = Path(__file__).resolve().parent.parent / "weights"

CONNECT_SECONDS = 5.0
HASH_DIGITS = 8

# What training scripts wrap a state dict in, and put before its names.
_WRAPPERS = ("state_dict", "model_state_dict", "model")
_PREFIXES = ("module.", "model.", "backbone.", "encoder.")
_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,})\.(?:pth|pt)$")

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A weights file that was found.

    Attributes:
        notice: What a person must be told about the choice; empty when it is what was asked for.
    """

    path: Path
    architecture: str
    notice: str = ""


def find_checkpoint(settings: Settings, *, on_progress: Progress | None = None) -> Checkpoint:
    """Find the weights to index with.

    In this order: the file named in the settings, the torch hub cache, the official torchvision
    download, and, for the default architecture only, the offline encoder that ships with Orchard.

    Args:
        on_progress: Called with bytes fetched and bytes in all during a download.

    Raises:
        WeightsError: A download was damaged, or there is no checkpoint for an architecture other
            than the default one.
    """
    if settings.weights:
        return Checkpoint(settings.weights, settings.architecture)
    if settings.architecture == OFFLINE_ARCHITECTURE:
        return Checkpoint(offline_weights(), OFFLINE_ARCHITECTURE)
    try:
        return Checkpoint(
            official_weights(settings.architecture, on_progress=on_progress), settings.architecture
        )
    except WeightsDownloadError as error:
        if settings.architecture != DEFAULT_ARCHITECTURE:
            raise
        return Checkpoint(offline_weights(), OFFLINE_ARCHITECTURE, notice=_offline_notice(error))


def checkpoint_for(identity: EncoderIdentity, settings: Settings) -> Checkpoint:
    """Find the very weights a collection was built with, for querying it.

    Raises:
        EncoderMismatchError: No file at hand has the SHA-256 prefix that `identity` names.
    """
    if not identity.is_known:
        raise EncoderMismatchError(
            "nobody has said which encoder made the embeddings of this collection, so a picture "
            "of your own cannot be compared with them. Search with a picture of the collection; "
            "or, if you know the encoder, set ORCHARD_ASSUMED_ENCODER, such as "
            f"resnet50/0676ba61/resize256-crop224-imagenet/{identity.dimension}."
        )
    if identity.architecture not in ARCHITECTURES:
        raise EncoderMismatchError(
            f"the collection was built with {identity.architecture!r}, which is no network that "
            f"Orchard knows (it knows {', '.join(ARCHITECTURES)}). Build the collection again with "
            "--recreate."
        )
    candidates = [settings.weights] if settings.weights else []
    if identity.architecture == OFFLINE_ARCHITECTURE:
        candidates += sorted(OFFLINE_FOLDER.glob("*.pth"))
    candidates += sorted(_hub_folder().glob(f"{identity.architecture}-*.pth"))
    for path in candidates:
        if _may_be(path, identity.weights) and sha256_prefix(path) == identity.weights:
            return Checkpoint(path, identity.architecture)
    if not settings.weights and _official_prefix(identity.architecture) == identity.weights:
        return Checkpoint(official_weights(identity.architecture), identity.architecture)
    raise EncoderMismatchError(
        f"the collection was built with {identity.architecture} and weights {identity.weights}, "
        f"and no such weights are at hand (looked at {_looked_at(candidates)}). Set "
        "ORCHARD_WEIGHTS to that file, or build the collection again with --recreate."
    )


def is_offline(identity: EncoderIdentity) -> bool:
    """Whether embeddings were made by the offline encoder that ships with Orchard."""
    return identity.architecture == OFFLINE_ARCHITECTURE and any(
        path.stem.endswith(identity.weights) for path in OFFLINE_FOLDER.glob("*.pth")
    )


def offline_weights() -> Path:
    """Return the file of the offline encoder.

    Raises:
        WeightsError: It is missing from the installation.
    """
    found = sorted(OFFLINE_FOLDER.glob("resnet14-*.pth"))
    if not found:
        raise WeightsError(
            f"the offline encoder is missing from {str(OFFLINE_FOLDER)!r}. Restore the folder "
            "from the repository (git checkout weights)."
        )
    return found[0]


def official_weights(architecture: str, *, on_progress: Progress | None = None) -> Path:
    """Return torchvision's first ImageNet weights, from the torch hub cache or the network.

    Raises:
        WeightsDownloadError: They are not cached and could not be fetched.
        WeightsError: What was fetched is not what the name says.
    """
    url = _official_url(architecture)
    path = _hub_folder() / url.rsplit("/", 1)[1]
    if path.is_file():
        return path
    return download(url, path, on_progress=on_progress)


def download(
    url: str,
    path: Path,
    *,
    on_progress: Progress | None = None,
    seconds: float = CONNECT_SECONDS,
) -> Path:
    """Fetch `url` to `path`, continuing what an earlier try left, and verify its hash.

    The hash is the hexadecimal prefix in the file's name, as torch hub writes it. Proxy variables
    are honoured. The file appears under its own name only when it is whole and verified.

    Args:
        seconds: Time to wait for a connection, and for each next piece.

    Raises:
        WeightsDownloadError: No network, no such file, or the connection broke.
        WeightsError: The hash differs; what was fetched is removed.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _fetch(url, partial, seconds, on_progress)
    # URLError and time-outs are OSErrors; a proxy variable that is no address is a ValueError.
    except (OSError, HTTPException, ValueError) as error:
        raise WeightsDownloadError(
            f"{url} could not be fetched ({_reason(error)}). Check the network or the proxy "
            f"variables, or put the file at {str(path)!r} by hand."
        ) from error
    match = _HASH_IN_NAME.search(path.name)
    found = sha256_prefix(partial, digits=len(match[1]) if match else HASH_DIGITS)
    if match and found != match[1]:
        partial.unlink()
        raise WeightsError(
            f"{url} arrived with SHA-256 {found}..., its name says {match[1]}. Something on the "
            "way changed it; the file was removed. Try another network, or fetch it by hand."
        )
    partial.replace(path)
    return path


def sha256_prefix(path: Path, *, digits: int = HASH_DIGITS) -> str:
    """Return the first `digits` hexadecimal digits of the SHA-256 of a file's bytes.

    Raises:
        WeightsError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:digits]
    except OSError as error:
        raise WeightsError(
            f"the weights {str(path)!r} cannot be read ({error.strerror}). Check the file."
        ) from error


def load_state(path: Path) -> dict[str, "Tensor"]:
    """Load a state dict without its classifier, never executing pickled code.

    Wrappers and prefixes that training scripts add (`state_dict`, `module.`, `model.`, ...) are
    removed.

    Raises:
        WeightsError: The hash in the file's name differs, the file is truncated, is no
            checkpoint, or asks for code to be run.
    """
    import torch

    _refuse_wrong_hash(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle raises anything
        if isinstance(error, pickle.UnpicklingError) and "GLOBAL" in str(error):
            raise WeightsError(
                f"{str(path)!r} holds something other than tensors, which is never executed. Save "
                "the model's state_dict() with torch.save and use that file."
            ) from error
        raise WeightsError(
            f"{str(path)!r} is truncated or is no checkpoint ({_short(error)}). Fetch or copy it "
            "again."
        ) from error
    return _plain_state(content, path)


def _plain_state(content: Any, path: Path) -> dict[str, "Tensor"]:  # noqa: ANN401
    import torch

    for _ in _WRAPPERS:  # each once at most, in any order; a dictionary may hold itself
        if isinstance(content, Mapping):
            inner = (content.get(wrapper) for wrapper in _WRAPPERS)
            content = next((found for found in inner if isinstance(found, Mapping)), content)
    if not isinstance(content, Mapping):
        content = {}
    state = {
        name: value
        for name, value in content.items()
        if isinstance(name, str) and isinstance(value, torch.Tensor)
    }
    if not state:
        raise WeightsError(
            f"{str(path)!r} holds no weights. Save the model's state_dict() with torch.save."
        )
    # They come nested in any order, such as `model.module.`.
    while prefix := next((p for p in _PREFIXES if all(n.startswith(p) for n in state)), ""):
        state = {name.removeprefix(prefix): value for name, value in state.items()}
    return {name: value for name, value in state.items() if not name.startswith("fc.")}


def _refuse_wrong_hash(path: Path) -> None:
    match = _HASH_IN_NAME.search(path.name)
    if match and (found := sha256_prefix(path, digits=len(match[1]))) != match[1]:
        raise WeightsError(
            f"{str(path)!r} has SHA-256 {found}..., its name says {match[1]}: the file is "
            "damaged or was replaced. Delete it, so that it is fetched again, or rename it."
        )


def _fetch(url: str, partial: Path, seconds: float, on_progress: Progress | None) -> None:
    have = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "orchard"})  # noqa: S310
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        answer = urllib.request.urlopen(request, timeout=seconds)  # noqa: S310 - https or a test
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and have:  # all of it was there already, or it has changed
            return
        raise
    with answer:
        have = have if answer.status == 206 else 0
        expected = have + int(answer.headers.get("Content-Length") or 0)
        with partial.open("ab" if have else "wb") as file:
            while piece := answer.read(1 << 18):
                file.write(piece)
                have += len(piece)
                if on_progress:
                    on_progress(have, max(have, expected))
        if have < expected:
            raise OSError(f"the connection ended after {have:,} of {expected:,} bytes")


def _official_url(architecture: str) -> str:
    from torchvision.models import get_model_weights

    return str(get_model_weights(architecture)["IMAGENET1K_V1"].url)


def _official_prefix(architecture: str) -> str:
    if architecture == OFFLINE_ARCHITECTURE:
        return ""
    match = _HASH_IN_NAME.search(_official_url(architecture))
    return match[1][:HASH_DIGITS] if match else ""


def _may_be(path: Path, weights: str) -> bool:
    # A name that carries another hash spares the reading of hundreds of megabytes: such a file
    # is either not the one, or is refused when it is loaded.
    match = _HASH_IN_NAME.search(path.name)
    return path.is_file() and (match is None or match[1].startswith(weights))


def _hub_folder() -> Path:
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints"


def _offline_notice(error: WeightsDownloadError) -> str:
    return (
        f"Offline encoder in use. The {DEFAULT_ARCHITECTURE} weights are not at hand: {error} "
        "Until then pictures are encoded by the small ResNet-14 that ships with Orchard, trained "
        "on grocery photos only: good for trying things, not for judging what ResNet-50 can do. "
        "To switch later: python -m scripts.build_index DATASET --recreate"
    )


def _looked_at(paths: list[Path]) -> str:
    return ", ".join(str(path) for path in paths) or f"{_hub_folder()}, which holds none"


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code} {error.reason}"
    return str(getattr(error, "reason", None) or "") or str(error) or type(error).__name__


def _short(error: Exception) -> str:
    # PyTorch's own advice runs over several lines, and part of it is to switch the protection off.
    if isinstance(error, pickle.UnpicklingError):
        return "it does not unpickle"
    text = str(error) if isinstance(error, RuntimeError | OSError | ValueError) else ""
    return (text or type(error).__name__).splitlines()[0].split(". ")[0]
