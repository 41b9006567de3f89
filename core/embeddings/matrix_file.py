"""The file of a matrix: what it is called, mapped into memory, begun, deleted."""

import contextlib
import logging
import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

logger = logging.getLogger(__name__)

# Raised whenever the meaning of the file, or of its name, changes.
_VERSION = 2


def matrix_file(folder: Path, *, family: str, fingerprint: str) -> Path:
    """Return where the matrix of a family is kept while its rows are these."""
    return folder / f"{family}-{fingerprint}-v{_VERSION}.npy"


def is_matrix_of_this_version(name: str) -> bool:
    """Whether a file is called as this version calls a matrix, or what was measured of one."""
    return f"-v{_VERSION}." in name


def open_matrix(file: Path, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    """Map a matrix (N, D) into memory; None where there is none, or one of another shape."""
    try:
        embeddings: NDArray[np.float32] = np.load(file, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError) as error:
        logger.warning("%s is damaged (%s) and is made again", file, error)
        return None
    if embeddings.shape != shape or embeddings.dtype != np.float32:
        logger.warning("%s holds %s, not %s, and is made again", file, embeddings.shape, shape)
        return None
    return embeddings


def file_of(embeddings: NDArray[np.float32]) -> Path | None:
    """Return the file that a matrix is mapped from; None of one that is not."""
    name = getattr(embeddings, "filename", None)
    return Path(name) if name else None


def let_go(embeddings: NDArray[np.float32]) -> None:
    """Give back the memory of a mapped matrix after going through it; its file stays at hand.

    What was read of a mapped file counts as memory of the process until somebody else needs room:
    as much again as the embeddings in Milvus Lite. Where there is no such call, nothing happens.
    """
    owner = getattr(embeddings, "_mmap", None)
    if isinstance(owner, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        with contextlib.suppress(OSError, ValueError):
            owner.madvise(mmap.MADV_DONTNEED)


def write_header(out: BinaryIO, shape: tuple[int, int]) -> None:
    """Begin a matrix (N, D); its rows follow, float32 and little-endian."""
    # Written, not mapped: a map on a full disk ends the process (SIGBUS) instead of raising.
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(out, header)


def delete_others(file: Path, *, keep: Sequence[Path]) -> None:
    """Delete the matrices of the family of a file but some, and what was measured of them.

    Args:
        keep: The files of those that stay.
    """
    # A name of a collection holds no hyphen, so these are files of this family only.
    name, _, _ = file.name.partition("-")
    for old in file.parent.glob(f"{name}-*"):
        if old not in keep:
            # Windows keeps a file that is mapped; it goes the next time.
            with contextlib.suppress(PermissionError):
                old.unlink(missing_ok=True)


def move_matrices(folder: Path, family: str, name: str) -> None:
    """Give the matrices of a family, and what was measured of them, its new name."""
    for file in folder.glob(f"{family}-*"):
        with contextlib.suppress(OSError):
            file.rename(file.with_name(name + file.name.removeprefix(family)))
