"""Encoders that the workers of a cluster make, and faults that befall them."""

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import DeviceMemoryError
from tests.support import ray_machines
from tests.support.colour_encoder import ColourEncoder


@dataclass(frozen=True)
class Colours:
    """Makes encoders of colours, in whichever process."""

    weights: str = "00000000"

    def __call__(self) -> Any:
        return ColourEncoder(self.weights)


@dataclass(frozen=True)
class DyingOnce(Colours):
    """The first worker that is given pictures dies with them, as if its machine had no memory.

    Each fills the object store of its machine besides. Files `full` and `died` tell of both.
    """

    folder: Path = Path()

    def __call__(self) -> Any:
        import ray

        # Ten times a tenth fill it, and then some.
        tenth = np.zeros(ray_machines.OBJECT_BYTES // 10, np.uint8)
        held = [ray.put(tenth) for _ in range(12)]
        (self.folder / "full").touch()
        return _Dying(self.folder / "died", held)


class _Dying(ColourEncoder):
    def __init__(self, marker: Path, held: list[Any]) -> None:
        super().__init__()
        self._marker, self._held = marker, held

    def encode(self, images: Sequence[Any]) -> NDArray[np.float32]:
        try:
            self._marker.touch(exist_ok=False)
        except FileExistsError:
            return super().encode(images)
        os.kill(os.getpid(), signal.SIGKILL)
        return super().encode(images)


@dataclass(frozen=True)
class AlwaysDying(Colours):
    """Every worker dies that is given pictures."""

    def __call__(self) -> Any:
        return _AlwaysDying()


class _AlwaysDying(ColourEncoder):
    def encode(self, images: Sequence[Any]) -> NDArray[np.float32]:
        os.kill(os.getpid(), signal.SIGKILL)
        return super().encode(images)


@dataclass(frozen=True)
class TooSmall(Colours):
    """The memory of every device is too small."""

    def __call__(self) -> Any:
        return _TooSmall()


class _TooSmall(ColourEncoder):
    def encode(self, images: Sequence[Any]) -> NDArray[np.float32]:
        raise DeviceMemoryError("the memory of the cuda device is too small for a single picture.")


@dataclass(frozen=True)
class Stuck(Colours):
    """Every worker encodes what it is given first, and is busy with the rest for good."""

    def __call__(self) -> Any:
        return _Stuck()


class _Stuck(ColourEncoder):
    def encode(self, images: Sequence[Any]) -> NDArray[np.float32]:
        if self.calls:
            time.sleep(3600)  # it is ended by then
        return super().encode(images)
