"""Rows whose files are gone from the dataset folder, found before anything is deleted."""

from collections.abc import Mapping
from dataclasses import dataclass

from core.dataset.files import changes_inside, is_gone
from core.dataset.listing import program_folder
from core.dataset_root import RemoteFolder, Root
from core.errors import DatasetError
from core.store.vector_store import VectorStore

# So few files are deleted in everyday work; more may be a class folder that is not mounted.
USUAL_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class GoneRows:
    """The pictures of a family whose files are gone.

    Attributes:
        paths: Relative to the dataset folder, by id.
        total: Pictures the family has, over all metrics.
    """

    paths: dict[int, str]
    total: int

    @property
    def is_unusual(self) -> bool:
        """Whether they are so many that a person should confirm to delete their rows."""
        return len(self.paths) > USUAL_SHARE * self.total


def find_gone(store: VectorStore, *, family: str, root: Root) -> GoneRows:
    """Look for the file of every row of a family, as `gone_among`.

    Args:
        root: The dataset folder.

    Raises:
        DatasetError: The folder is not there, or holds none of the pictures.
        StoreError: The database failed.
    """
    paths = {
        record.id: record.path
        for metric in store.metrics(family)
        for record in store.stored.records(family, metric)
    }
    return gone_among(paths, root=root)


def gone_among(paths: Mapping[int, str], *, root: Root) -> GoneRows:
    """Return which pictures have certainly no file any more.

    A file that cannot be looked at (a folder without permission) counts as there; one in a folder
    of another program, such as a drive's thumbnails, as gone: it is no longer indexed.

    Args:
        paths: Relative to the dataset folder, by id.
        root: The dataset folder.

    Raises:
        DatasetError: The folder is not there, or holds none of the pictures.
    """
    if isinstance(root, RemoteFolder):
        # Asked for all at once; what cannot be listed is not gone.
        there = changes_inside(root, paths.values())
        gone = {k: path for k, path in paths.items() if program_folder(path) or path not in there}
        return _unless_all(gone, len(paths), root)
    if not root.is_dir():
        raise DatasetError(
            f"the dataset folder {str(root)!r} is not there, so every file would count as deleted; "
            "nothing was changed. Bring the folder back, or set ORCHARD_DATASET to it."
        )
    gone = {key: path for key, path in paths.items() if program_folder(path) or is_gone(root, path)}
    return _unless_all(gone, len(paths), root)


def _unless_all(gone: dict[int, str], total: int, root: Root) -> GoneRows:
    if gone and len(gone) == total:
        raise DatasetError(
            f"the dataset folder {str(root)!r} holds not one of the {total:,} pictures of the "
            "collection, as when a drive is not mounted; no row was deleted. Bring the pictures "
            "back, set ORCHARD_DATASET to where they are, or drop the collection if they are "
            "gone for good."
        )
    return GoneRows(gone, total)
