"""Which checkpoint an encoder loads: the settings', the cached, the official, one at hand."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from core.config import (
    ARCHITECTURES,
    DEFAULT_ARCHITECTURE,
    DEFAULT_WEIGHT_SET,
    IMAGENET_ARCHITECTURE,
    OFFLINE_ARCHITECTURE,
    Settings,
)
from core.encoder.checkpoint import hash_in_name, sha256_prefix
from core.encoder.download import download
from core.encoder.efficientnet import installed_weights, is_installed, required_weights
from core.encoder.published import FOREIGN_PREPROCESSINGS, official_url, official_urls
from core.errors import EncoderMismatchError, WeightsDownloadError, WeightsError
from core.progress import Progress, silent
from core.records import EncoderIdentity
from core.reduction.files import load_fitted
from core.reduction.fitted import Fitted
from core.wording import REPLACE_IT

_OFFLINE_IN_USE = "Offline encoder in use."
_INSTEAD = (
    "EfficientNet-Lite2 is in use, which knows photos of anything: the resnet50 weights are not at "
    f"hand. To switch once they are, {REPLACE_IT}."
)

OFFLINE_FOLDER = Path(__file__).resolve().parents[2] / "weights"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A weights file that was found.

    Attributes:
        preprocessing: What the collection says that its pictures went through; empty for the usual.
        reduction: What is done to what the network gives; None for nothing.
        notice: What a person must be told about the choice; empty when it is what was asked for.
    """

    path: Path
    architecture: str
    notice: str = ""
    preprocessing: str = ""
    reduction: Fitted | None = None


def find_checkpoint(settings: Settings, *, on_progress: Progress = silent) -> Checkpoint:
    """Find the weights to index with.

    In this order: the file named in the settings, the torch hub cache, the official torchvision
    download, and, if neither another network nor other weights were asked for, EfficientNet-Lite2
    where it is installed, else the offline encoder that ships with Orchard. A download that arrives
    with another hash ends the search: whoever changed it should be noticed.

    Args:
        on_progress: Stage `DOWNLOAD`, in bytes.

    Raises:
        WeightsDownloadError: What was asked for by name could not be fetched.
        WeightsError: A download was changed on the way, torchvision has no such weights, or
            EfficientNet-Lite2 was asked for and is not installed.
        FileError: A download cannot be written; no other encoder takes its place.
    """
    if settings.weights:
        return Checkpoint(settings.weights, settings.architecture)
    if settings.architecture == IMAGENET_ARCHITECTURE:
        return Checkpoint(required_weights(), IMAGENET_ARCHITECTURE)
    if settings.architecture == OFFLINE_ARCHITECTURE:
        return Checkpoint(offline_weights(), OFFLINE_ARCHITECTURE)
    try:
        url = official_url(settings.architecture, settings.weight_set)
        return Checkpoint(fetch_weights(url, on_progress=on_progress), settings.architecture)
    except WeightsDownloadError as error:
        asked_for = (settings.architecture, settings.weight_set)
        if asked_for != (DEFAULT_ARCHITECTURE, DEFAULT_WEIGHT_SET):
            raise
        if is_installed():
            return Checkpoint(required_weights(), IMAGENET_ARCHITECTURE, notice=_INSTEAD)
        return Checkpoint(offline_weights(), OFFLINE_ARCHITECTURE, notice=_offline_notice(error))


def checkpoint_for(
    identity: EncoderIdentity, settings: Settings, *, on_progress: Progress = silent
) -> Checkpoint:
    """Find the very weights a collection was built with, for querying it.

    Args:
        on_progress: Stage `DOWNLOAD`, in bytes; if it stops the download, what has arrived is kept
            for the next try.

    Raises:
        EncoderMismatchError: No file at hand has the SHA-256 prefix that `identity` names.
        ReductionError: As `reduced_as`.
    """
    # First, as it costs no download.
    fitted = _reduction_of(identity, settings)
    return replace(_checkpoint_for(identity, settings, on_progress), reduction=fitted)


def reduced_as(identity: EncoderIdentity, checkpoint: Checkpoint, settings: Settings) -> Checkpoint:
    """Return a checkpoint that makes embeddings as small as those of a collection.

    Raises:
        ReductionError: What was fitted for them is gone, or is damaged.
    """
    fitted = _reduction_of(identity, settings)
    return replace(checkpoint, reduction=fitted) if fitted else checkpoint


def _reduction_of(identity: EncoderIdentity, settings: Settings) -> Fitted | None:
    if identity.reduction.is_nothing:
        return None
    return load_fitted(identity.reduction, settings.reductions)


def _checkpoint_for(
    identity: EncoderIdentity, settings: Settings, on_progress: Progress
) -> Checkpoint:
    if not identity.is_known:
        raise EncoderMismatchError(
            "nobody has said which encoder made the embeddings of this collection, so a picture "
            "of your own cannot be compared with them. Search with a picture of the collection; "
            "or, if you know the encoder, set ORCHARD_ASSUMED_ENCODER, such as "
            f"resnet50/0676ba61/resize256-crop224-imagenet/{identity.dimension}; "
            "python -m scripts.recognise tries those that are known."
        )
    if identity.architecture not in ARCHITECTURES:
        raise EncoderMismatchError(
            f"the collection was built with {identity.architecture!r}, which is no network that "
            f"Orchard knows (it knows {', '.join(ARCHITECTURES)}). To build the collection "
            f"with another, {REPLACE_IT}."
        )
    candidates = [settings.weights] if settings.weights else []
    candidates += _files_of(identity.architecture, settings)
    for path in candidates:
        if _may_be(path, identity.weights) and sha256_prefix(path) == identity.weights:
            return Checkpoint(path, identity.architecture, preprocessing=identity.preprocessing)
    url = official_urls(identity.architecture).get(identity.weights)
    if url and not settings.weights:
        path = fetch_weights(url, on_progress=on_progress)
        return Checkpoint(path, identity.architecture, preprocessing=identity.preprocessing)
    raise EncoderMismatchError(
        f"the collection was built with {identity.architecture} and weights {identity.weights}, "
        f"and no such weights are at hand (looked at {_looked_at(candidates)}). Set "
        f"ORCHARD_WEIGHTS to that file, or {REPLACE_IT}."
    )


def checkpoints_at_hand(like: EncoderIdentity, settings: Settings) -> Iterator[Checkpoint]:
    """Yield what may have made embeddings of that size, with every known preprocessing.

    Nothing is downloaded. What tutorials use most comes first. Those that were made smaller are
    made so again.

    Raises:
        ReductionError: As `reduced_as`.
    """
    from core.encoder.network import features_of

    fitted = _reduction_of(like, settings)
    dimension = (fitted and fitted.takes) or like.dimension
    for architecture in sorted(ARCHITECTURES, key=lambda one: one != DEFAULT_ARCHITECTURE):
        if architecture == IMAGENET_ARCHITECTURE and not is_installed():
            continue
        files = _files_of(architecture, settings)
        if not files or features_of(architecture) != dimension:
            continue
        for path in files:
            for named in ("", *(foreign.name for foreign in FOREIGN_PREPROCESSINGS)):
                yield Checkpoint(path, architecture, preprocessing=named, reduction=fitted)


def _files_of(architecture: str, settings: Settings) -> list[Path]:
    """Return the weights of a network that are on this machine, the settings' first."""
    files = []
    if settings.weights and settings.architecture == architecture:
        files.append(settings.weights)
    if architecture == OFFLINE_ARCHITECTURE:
        files += sorted(OFFLINE_FOLDER.glob("*.pth"))
    if architecture == IMAGENET_ARCHITECTURE:
        files += [path for path in [installed_weights()] if path]
    files += sorted(_hub_folder().glob(f"{architecture}-*.pth"))
    return list(dict.fromkeys(files))


def is_offline(identity: EncoderIdentity) -> bool:
    """Whether embeddings were made by the offline encoder that ships with Orchard."""
    return identity.architecture == OFFLINE_ARCHITECTURE and any(
        path.stem.endswith(identity.weights) for path in OFFLINE_FOLDER.glob("*.pth")
    )


def is_offline_notice(text: str) -> bool:
    """Whether a sentence is the notice that the offline encoder has taken the place of another."""
    return text.startswith(_OFFLINE_IN_USE)


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


def fetch_weights(url: str, *, on_progress: Progress = silent) -> Path:
    """Return published weights from the torch hub cache, fetching them first if need be.

    Raises:
        WeightsDownloadError: They are not cached and could not be fetched.
        WeightsError: What was fetched is not what the name says.
        FileError: The cache cannot be written.
    """
    path = _hub_folder() / url.rsplit("/", 1)[1]
    if path.is_file():
        return path
    return download(url, path, on_progress=on_progress)


def _may_be(path: Path, weights: str) -> bool:
    # A name that carries another hash spares the reading of hundreds of megabytes: such a file
    # is either not the one, or is refused when it is loaded.
    named = hash_in_name(path.name)
    return path.is_file() and (not named or named.startswith(weights))


def _hub_folder() -> Path:
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints"


def _offline_notice(error: WeightsDownloadError) -> str:
    return (
        f"{_OFFLINE_IN_USE} The {DEFAULT_ARCHITECTURE} weights are not at hand: {error} "
        "Until then pictures are encoded by the small ResNet-14 that ships with Orchard; for real "
        "photos, above all of anything but groceries, make app IMAGENET=1 installs a better one. "
        f"To switch once they are at hand, {REPLACE_IT}."
    )


def _looked_at(paths: list[Path]) -> str:
    return ", ".join(str(path) for path in paths) or f"{_hub_folder()}, which holds none"
