"""A checkpoint file -> a state dict that can be trusted, and the hash that names it."""

import argparse
import hashlib
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

HASH_DIGITS = 8

# What training scripts wrap a state dict in, and put before its names.
_WRAPPERS = ("state_dict", "model_state_dict", "model")
_PREFIXES = ("module.", "model.", "backbone.", "encoder.")
_HASH_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.(?:pth|pt|safetensors)$")


def hash_in_name(name: str) -> str:
    """Return the SHA-256 prefix that a file's name carries, as torch hub writes it; else nothing.

    `net-20240131.pth` carries a date: eight digits or more without a letter are taken for a date or
    a counter. Of real prefixes one in 43 looks so, and those are not checked.
    """
    match = _HASH_IN_NAME.search(name)
    return match[1] if match and not match[1].isdecimal() else ""


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

    Args:
        path: A file of `torch.save`, or one of safetensors, whose name ends in `.safetensors`.

    Raises:
        WeightsError: The hash in the file's name differs, the file is truncated, is no
            checkpoint, holds no weights, or asks for code to be run.
    """
    _refuse_wrong_hash(path)
    read = _read_safetensors if path.suffix == ".safetensors" else _read_pickle
    return _plain_state(read(path), path)


def without_classifier(state: Mapping[str, "Tensor"]) -> dict[str, "Tensor"]:
    """Return a state dict without its last layer, `fc` in torchvision, `_fc` in EfficientNet."""
    return {n: value for n, value in state.items() if not n.startswith(("fc.", "_fc."))}


def _refuse_wrong_hash(path: Path) -> None:
    named = hash_in_name(path.name)
    if named and (found := sha256_prefix(path, digits=len(named))) != named:
        raise WeightsError(
            f"{str(path)!r} has SHA-256 {found}..., its name says {named}: the file is damaged or "
            "was replaced. Delete it, so that it is fetched again; if these digits are not meant "
            "as its hash, rename it."
        )


def _read_safetensors(path: Path) -> Mapping[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path, device="cpu")
    except (SafetensorError, OSError, ValueError) as error:
        raise _no_checkpoint(path, str(error).splitlines()[0]) from error


def _read_pickle(path: Path) -> Any:  # noqa: ANN401
    import torch

    try:
        # torchvision's own training script keeps its arguments beside the weights. A Namespace
        # holds attributes; none of its methods is called.
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle raises anything
        if isinstance(error, pickle.UnpicklingError) and "GLOBAL" in str(error):
            raise WeightsError(
                f"{str(path)!r} holds something other than tensors, which is never executed. Save "
                "the model's state_dict() with torch.save and use that file."
            ) from error
        raise _no_checkpoint(path, _short(error)) from error


def _no_checkpoint(path: Path, reason: str) -> WeightsError:
    return WeightsError(
        f"{str(path)!r} is truncated or is no checkpoint ({reason}). Fetch or copy it again."
    )


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
    return without_classifier(state)


def _short(error: Exception) -> str:
    # PyTorch's own advice runs over several lines, and part of it is to switch the protection off.
    if isinstance(error, pickle.UnpicklingError):
        return "it does not unpickle"
    text = str(error) if isinstance(error, RuntimeError | OSError | ValueError) else ""
    return (text or type(error).__name__).splitlines()[0].split(". ")[0]
