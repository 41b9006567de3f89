"""Every picture of a collection looked at: sizes, damaged files, exact and near-duplicates."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from core.collection.info import dataset_folder
from core.dataset.decoding import decode, size_and_format
from core.dataset.files import content_inside
from core.dataset_root import Root
from core.embeddings.matrix import Matrix, load_matrix
from core.embeddings.near_duplicates import NEAR_DUPLICATE, near_duplicates
from core.embeddings.neighbour_table import nearest
from core.errors import ImageError
from core.metric import Metric
from core.progress import Progress, Stage, silent
from core.records import SkippedFile
from core.store.vector_store import VectorStore

# Groups that are listed; all are counted.
MOST_GROUPS = 100
_GROUP_MEMBERS = 20
# Enough to find damage, and a JPEG is decoded at an eighth of its scale.
_SHORT_SIDE = 32
_THREADS = 2
_CHUNK = 64


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the pictures of a collection are like.

    Attributes:
        pictures: Rows that were looked at.
        sizes: (width, height, pictures) in pixels, before EXIF rotation.
        formats: Pictures a file format.
        damaged: Files that are gone or cannot be decoded, and why.
        exact: Groups of paths with the same bytes, the largest first, at most `MOST_GROUPS`.
        exact_count: Pictures that are not the first of their group.
        near: Groups of paths linked by a cosine similarity of `similarity` and more, which holds
            for exact duplicates too; the largest first, at most `MOST_GROUPS`.
        near_count: Pictures that are not the first of their group.
    """

    pictures: int
    sizes: tuple[tuple[int, int, int], ...]
    formats: dict[str, int]
    damaged: tuple[SkippedFile, ...]
    exact: tuple[tuple[str, ...], ...]
    exact_count: int
    near: tuple[tuple[str, ...], ...]
    near_count: int
    similarity: float


def inspect_pictures(
    store: VectorStore,
    *,
    family: str,
    dataset: Root | None = None,
    cache_dir: Path,
    on_progress: Progress = silent,
) -> Inspection:
    """Decode every file once, and compare every embedding with every other.

    Args:
        dataset: Where the pictures lie; None takes the folder that was indexed.
        cache_dir: Where copies of the embeddings are kept, see `core.embeddings.matrix`.
        on_progress: Stages `READ`, `INSPECT` and `COMPARE`, in pictures.

    Raises:
        CollectionNotFoundError: The family has no collection, or it is empty.
        ImageError: Others made it, and nobody has said where its pictures lie.
        StoreError: The database failed.
    """
    metric = next(iter(store.metrics(family)), Metric.COSINE)
    info = store.info(family, metric)
    matrix = load_matrix(store, family, metric, cache_dir, on_progress)
    root = dataset_folder(info, setting=dataset)
    sizes, formats, damaged = _files(root, matrix, on_progress)
    exact = _same_bytes(matrix)
    table = nearest(matrix.embeddings, metric=Metric.COSINE, on_progress=on_progress)
    near = near_duplicates(table, similarity=NEAR_DUPLICATE)
    alike = [tuple(matrix.paths[row] for row in group) for group in near]
    return Inspection(
        pictures=len(matrix.ids),
        sizes=tuple((*size, count) for size, count in sorted(sizes.items())),
        formats=dict(formats.most_common()),
        damaged=damaged,
        exact=_listed(exact),
        exact_count=sum(len(group) - 1 for group in exact),
        near=_listed(alike),
        near_count=sum(len(group) - 1 for group in alike),
        similarity=NEAR_DUPLICATE,
    )


def _files(
    root: Root, matrix: Matrix, on_progress: Progress
) -> tuple[Counter[tuple[int, int]], Counter[str], tuple[SkippedFile, ...]]:
    sizes: Counter[tuple[int, int]] = Counter()
    formats: Counter[str] = Counter()
    damaged: list[SkippedFile] = []
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="inspect") as pool:
        for start in range(0, len(matrix.paths), _CHUNK):
            chunk = matrix.paths[start : start + _CHUNK]
            for found in pool.map(lambda path: _looked_at(root, path), chunk):
                if isinstance(found, SkippedFile):
                    damaged.append(found)
                else:
                    width, height, kind = found
                    sizes[width, height] += 1
                    formats[kind] += 1
            on_progress(Stage.INSPECT, start + len(chunk), len(matrix.paths))
    return sizes, formats, tuple(damaged)


def _looked_at(root: Root, path: str) -> tuple[int, int, str] | SkippedFile:
    try:
        content = content_inside(root, path)
        decode(content, name=path, short_side=_SHORT_SIDE)
    except ImageError as error:
        return SkippedFile(path, str(error))
    # It has just been decoded, so the header can be read.
    return size_and_format(content, name=path)


def _same_bytes(matrix: Matrix) -> list[tuple[str, ...]]:
    groups: dict[str, list[str]] = {}
    for path, digest in zip(matrix.paths, matrix.digests, strict=True):
        groups.setdefault(digest or path, []).append(path)
    copies = [tuple(sorted(paths)) for paths in groups.values() if len(paths) > 1]
    return sorted(copies, key=lambda paths: (-len(paths), paths))


def _listed(groups: list[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    return tuple(group[:_GROUP_MEMBERS] for group in groups[:MOST_GROUPS])
