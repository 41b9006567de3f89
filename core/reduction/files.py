"""What was fitted, in a file named by its own hash, which the encoder's identity holds as well."""

import hashlib
import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from core.errors import ReductionError
from core.files import write_whole
from core.records import Reduction, Rounding
from core.reduction.fitted import Fitted

_ARRAYS = ("mean", "components", "least", "step")
_DIGITS = 8
_AGAIN = (
    "Copy the file from the data folder that the collection was built in, or build the collection "
    "again from the one with whole embeddings."
)


def file_of(reduction: Reduction, folder: Path) -> Path:
    """Return where what was fitted for a reduction lies."""
    return folder / f"{reduction}.npz"


def save_fitted(fitted: Fitted, folder: Path) -> Fitted:
    """Keep what was fitted, if anything was, and return it with the hash of its file.

    Raises:
        FileError: It cannot be written.
    """
    if not fitted.reduction.is_fitted:
        return fitted
    out = io.BytesIO()
    arrays = {name: getattr(fitted, name) for name in _ARRAYS}
    np.savez(out, **{name: array for name, array in arrays.items() if array is not None})
    content = out.getvalue()
    named = replace(fitted.reduction, fitted=_hash(content))
    write_whole(file_of(named, folder), content)
    return replace(fitted, reduction=named)


def load_fitted(reduction: Reduction, folder: Path) -> Fitted:
    """Read what `save_fitted` has kept; nothing is read where nothing was fitted.

    Raises:
        ReductionError: The file is gone, is not the one that the reduction names, or is damaged.
    """
    if not reduction.is_fitted:
        return Fitted(reduction)
    return _parsed(read_content(reduction, folder), reduction, file_of(reduction, folder))


def read_content(reduction: Reduction, folder: Path) -> bytes:
    """Return the bytes of the file of a reduction that was fitted, as another folder may have them.

    Raises:
        ReductionError: The file is gone, or is not the one that the reduction names.
    """
    file = file_of(reduction, folder)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ReductionError(
            f"the collection was reduced ({reduction.title}), and the file with what was fitted "
            f"for that, {str(file)!r}, cannot be read ({error.strerror or error}), so no picture "
            f"can be compared with it. {_AGAIN}"
        ) from error
    _refuse_another(content, reduction, file)
    return content


def write_content(reduction: Reduction, content: bytes, folder: Path) -> None:
    """Write what `read_content` gave, unless it is there.

    Raises:
        ReductionError: It is not what the reduction names.
        FileError: It cannot be written.
    """
    file = file_of(reduction, folder)
    _refuse_another(content, reduction, file)
    if not (file.is_file() and file.read_bytes() == content):
        write_whole(file, content)


def _refuse_another(content: bytes, reduction: Reduction, file: Path) -> None:
    if (found := _hash(content)) != reduction.fitted:
        raise ReductionError(
            f"{str(file)!r} has SHA-256 {found}..., the collection names {reduction.fitted}: the "
            f"file is damaged or was replaced. {_AGAIN}"
        )


def _parsed(content: bytes, reduction: Reduction, file: Path) -> Fitted:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as saved:
            arrays = {name: saved[name] for name in _ARRAYS if name in saved}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise _unfit(file, str(error)) from error
    fitted = Fitted(reduction, **arrays)
    whole = all(array.dtype == np.float32 and np.isfinite(array).all() for array in arrays.values())
    shapes = {name: array.shape for name, array in arrays.items()}
    before = fitted.takes or 0
    wanted: dict[str, tuple[int, ...]] = {}
    if reduction.pca:
        wanted |= {"mean": (before,), "components": (before, reduction.pca)}
    if reduction.rounding is Rounding.INT8:
        wanted |= dict.fromkeys(("least", "step"), (fitted.dimension(before),))
    if not whole or shapes != wanted:
        raise _unfit(file, f"it holds {shapes}")
    return fitted


def _unfit(file: Path, reason: str) -> ReductionError:
    return ReductionError(f"{str(file)!r} does not hold what its name says ({reason}). {_AGAIN}")


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGITS]
