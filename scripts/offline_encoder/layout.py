"""How alike two photos are laid out: what tells photos of one series, taken moments apart."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SIDE = 16


def layouts(images: Sequence[Image.Image]) -> NDArray[np.float32]:
    """Return centred greyscale thumbnails of 16 x 16 pixels and length 1: (N, 256) float32.

    The product of two of them is Pearson's correlation.
    """
    small = [
        np.asarray(image.convert("L").resize((_SIDE, _SIDE)), dtype=np.float32) for image in images
    ]
    rows = np.array(small).reshape(len(small), -1)
    centred = rows - rows.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    result: NDArray[np.float32] = centred / np.maximum(norms, 1e-12)
    return result


def layout_correlation(
    queries: Sequence[Image.Image], gallery: Sequence[Image.Image]
) -> NDArray[np.float32]:
    """Return Pearson's correlation of the thumbnails, (Q, N) in [-1, 1]."""
    return layouts(queries) @ layouts(gallery).T
