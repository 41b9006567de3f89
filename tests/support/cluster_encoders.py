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
from tests.support.colour_encoder import ColourEncoder


@dataclass(frozen=True)
class Colours:
    """Makes encoders of colours, in whichever process."""

    weights: str = "00000000"

    def __call__(self) -> Any:
        return ColourEncoder(self.weights)


@dataclass(frozen=True)
class DyingOnce(Colours):
    """The first worker that is given pictures dies with them, as if its machine had no memory."""

    marker: Path = Path()

    def __call__(self) -> Any:
        return _Dying(self.marker)


class _Dying(ColourEncoder):
    def __init__(self, marker: Path) -> None:
        super().__init__()
        self._marker = marker

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
class Slow(Colours):
    """Every worker takes a second for a batch, as real encoders may."""

    def __call__(self) -> Any:
        return _Slow()


class _Slow(ColourEncoder):
    def encode(self, images: Sequence[Any]) -> NDArray[np.float32]:
        time.sleep(1)  # the time in which nothing comes from the cluster
        return super().encode(images)
