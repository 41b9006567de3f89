"""Which collection a start opens, and which folder it indexes first."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from core.collection.info import CollectionInfo
from core.config import Settings
from core.dataset_root import Root, parse_root
from core.errors import SettingsError
from core.read_only import require_writable


@dataclass(frozen=True, slots=True)
class StartPlan:
    """What to open, and what to index first.

    Attributes:
        collection: Name of the collection family.
        dataset: Folder to index before the start; None when nothing is to be done.
        reason: Why, in words for the terminal.
    """

    collection: str
    dataset: Root | None
    reason: str


def plan_start(
    settings: Settings, dataset: Root | None, existing: dict[str, CollectionInfo], *, recreate: bool
) -> StartPlan:
    """Decide which collection to open and whether to index first.

    A folder that is not the one the configured collection was built from gets a collection of its
    own, so that nobody's rows are mixed or lost.

    Args:
        dataset: The folder asked for; None means whatever there is, else the sample.
        existing: Collections that exist, by the name of their family.
        recreate: Build the collection anew though it is there.

    Raises:
        ReadOnlyError: `recreate` on an Orchard that is read-only.
        SettingsError: `recreate` on a collection that others made.
    """
    family, new = settings.collection, "new"
    if dataset is not None:
        info = existing.get(family)
        if info and parse_root(info.dataset) != dataset.resolve():
            if _is_away(info, settings, family):
                new += (
                    f". The folder of {family}, {info.dataset}, is not there: if this is that "
                    f"folder, moved, set ORCHARD_DATASET={dataset} and start without naming a "
                    "folder. Then nothing is encoded again, and corrections stay"
                )
            family = own_collection(dataset)
    info = existing.get(family)
    if settings.read_only:
        require_writable(read_only=recreate)
        return StartPlan(family, None, "read-only, opened as it is")
    if info and info.is_foreign:
        if recreate:
            raise SettingsError(
                f"{info.name} was not built by Orchard and is never changed. Set "
                "ORCHARD_COLLECTION to another name to build one of your own."
            )
        return StartPlan(family, None, f"{info.rows:,} pictures, not built by Orchard")
    if info is None:
        return StartPlan(family, dataset or settings.dataset or settings.data.sample, new)
    if recreate:
        return StartPlan(family, parse_root(info.dataset), "to be rebuilt")
    if not info.complete:
        return StartPlan(family, parse_root(info.dataset), "the last run did not finish")
    reason = f"{info.rows:,} pictures of {info.dataset}"
    if _is_away(info, settings, family):
        reason += ", which is not there. If it has moved, set ORCHARD_DATASET to where it is"
    return StartPlan(family, None, reason)


def _is_away(info: CollectionInfo, settings: Settings, family: str) -> bool:
    root = settings.of(family).dataset or (parse_root(info.dataset) if info.dataset else None)
    return isinstance(root, Path) and not root.is_dir()


def own_collection(dataset: Root) -> str:
    """Return a collection name for a folder: its name and six digits of its path's BLAKE2b."""
    folder = dataset.resolve()
    words = re.sub(r"[^A-Za-z0-9]+", "_", folder.name).strip("_").lower()[:40]
    return f"c_{words}_{hashlib.blake2b(str(folder).encode()).hexdigest()[:6]}"
