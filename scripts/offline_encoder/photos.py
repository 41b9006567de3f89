"""Which pictures the offline encoder learns from, and which are kept from it."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from core.dataset.files import read_picture
from core.dataset.listing import list_dataset
from scripts.offline_encoder.layout import layouts

# Photos whose layouts correlate beyond this count as one series.
ALIKE = 0.5
# Of every class of photos, about one in this many is held out as whole series.
SERIES_ONE_IN = 10


class Reason(StrEnum):
    """Why a picture is held out."""

    EARLIER = "held out by an earlier run"
    SERIES = "whole series"
    CATEGORY = "whole category"


@dataclass(frozen=True, slots=True)
class Source:
    """A folder of pictures, and what is learned from it.

    Attributes:
        root: The folder; its name stands for it in the record.
        labelled: Its class folders are learned as classes, besides what the teacher sees.
        share: Part of its pictures that one epoch shows, in (0, 1]; which ones is drawn anew.
        series: Whole series of it are held out.
        categories: So many of its class folders are held out.
    """

    root: Path
    labelled: bool = False
    share: float = 1.0
    series: bool = False
    categories: int = 0


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture of a source: its path relative to the source's folder, and its digest."""

    source: Source
    path: str
    digest: str

    @property
    def folder(self) -> str:
        """The class folder it lies in, relative to the source's folder."""
        return PurePosixPath(self.path).parent.as_posix()

    @property
    def label(self) -> str:
        """The class it is learned as; empty where classes are not learned.

        The same folder in another source with labels of its own is another class, except that
        drawn pictures of several seeds share theirs: the source's name before a hyphen counts.
        """
        if not self.source.labelled:
            return ""
        return f"{self.source.root.name.partition('-')[0]}/{self.folder}"

    def entry(self) -> dict[str, str]:
        """What the record beside the weights says of it."""
        return {"source": self.source.root.name, "path": self.path, "digest": self.digest}


@dataclass(frozen=True, slots=True)
class PhotoSplit:
    """The pictures to learn from, and those held out with the reason."""

    trained_on: tuple[Photo, ...]
    held_out: tuple[tuple[Photo, Reason], ...]


def split_photos(sources: Sequence[Source], *, earlier: Mapping[str, Reason]) -> PhotoSplit:
    """List every picture of the sources and decide which are held out.

    The choice depends on names and contents of the files alone, never on a seed or an order.

    Args:
        earlier: Digests that an earlier run held out, with its reasons; they stay so. Where series
            are among them no further ones are held out: the earlier run has learned from those.

    Raises:
        DatasetError: A source is missing or holds no picture.
    """
    trained: list[Photo] = []
    held: list[tuple[Photo, Reason]] = []
    for source in sources:
        photos = list_photos(source)
        reasons = {p.digest: earlier[p.digest] for p in photos if p.digest in earlier}
        if source.series and Reason.SERIES not in reasons.values():
            left = [photo for photo in photos if photo.digest not in earlier]
            reasons |= dict.fromkeys(_whole_series(left), Reason.SERIES)
        chosen = set(whole_categories(photos, count=source.categories))
        for photo in photos:
            reason = reasons.get(photo.digest) or (
                Reason.CATEGORY if photo.folder in chosen else None
            )
            if reason is None:
                trained.append(photo)
            else:
                held.append((photo, reason))
    return PhotoSplit(tuple(trained), tuple(held))


def list_photos(source: Source) -> list[Photo]:
    """Return the pictures of a source, sorted by path."""
    paths = list_dataset(source.root).paths
    return [Photo(source, path, read_picture(source.root, path)[0].digest) for path in paths]


def whole_categories(photos: Sequence[Photo], *, count: int) -> list[str]:
    """Return the class folders to hold out: those whose names have the smallest SHA-256.

    Folders in capitals, such as pictures of the background, are no categories.
    """
    names = {photo.folder for photo in photos if not photo.folder.partition("_")[0].isupper()}
    return sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())[:count]


def epoch_indices(
    photos: Sequence[Photo], chance: np.random.Generator
) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Return which pictures one epoch shows, in its order: indices into `photos`, (N,) int64."""
    by_source: Mapping[Source, list[int]] = _by_source(photos)
    chosen = []
    for source, indices in by_source.items():
        count = int(len(indices) * source.share)
        everything = count == len(indices)
        chosen.append(
            np.array(indices) if everything else chance.choice(indices, count, replace=False)
        )
    return chance.permutation(np.concatenate(chosen))


def _by_source(photos: Sequence[Photo]) -> dict[Source, list[int]]:
    found: dict[Source, list[int]] = defaultdict(list)
    for index, photo in enumerate(photos):
        found[photo.source].append(index)
    return dict(found)


def _whole_series(photos: Sequence[Photo]) -> set[str]:
    """Return digests: in every class folder, series from that of the smallest digest on."""
    by_folder: dict[str, list[Photo]] = defaultdict(list)
    for photo in photos:
        by_folder[photo.folder].append(photo)
    held: set[str] = set()
    for inside in by_folder.values():
        wanted, chosen = len(inside) // SERIES_ONE_IN, 0
        for series in sorted(_series(inside), key=min):
            if chosen < wanted and chosen + len(series) <= wanted + 1:
                held |= set(series)
                chosen += len(series)
    return held


def _series(photos: Sequence[Photo]) -> list[list[str]]:
    """Return the digests of photos linked, directly or through others, by a look-alike layout."""
    from scipy.sparse.csgraph import connected_components

    rows = layouts([_thumbnail(photo) for photo in photos])
    _, numbers = connected_components(rows @ rows.T > ALIKE, directed=False)
    groups: dict[int, list[str]] = defaultdict(list)
    for number, photo in zip(numbers, photos, strict=True):
        groups[int(number)].append(photo.digest)
    return list(groups.values())


def _thumbnail(photo: Photo) -> Image.Image:
    with Image.open(photo.source.root / photo.path) as picture:
        picture.draft("L", (64, 64))
        return picture.convert("L")
