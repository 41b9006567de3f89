"""How the offline encoder is measured: precision at k, neighbours shared, look-alike layouts."""

import numpy as np
import pytest
from PIL import Image

from scripts.offline_encoder.layout import layout_correlation
from scripts.offline_encoder.measure import hsv_histogram, precision_at, shared_neighbours


def test_precision_counts_the_share_of_right_hits_among_the_first_k() -> None:
    # One query along x; gallery vector i lies at i degrees, so the order is 0, 1, 2, ...
    angles = np.radians(np.arange(12, dtype=np.float32))
    gallery = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    query = np.array([[1.0, 0.0]], dtype=np.float32)
    labels = np.array(list("abbaabbbbaaa"))
    # First 1: a, 1/1. First 5: a b b a a, 3/5. First 10: a b b a a b b b b a, 4/10.
    figures = precision_at(query, np.array(["a"]), gallery, labels)
    assert figures == pytest.approx({1: 1.0, 5: 0.6, 10: 0.4})
    # Without the first photo: b; b b a a b, 2/5; b b a a b b b b a a, 4/10.
    left_out = np.zeros((1, 12), dtype=bool)
    left_out[0, 0] = True
    figures = precision_at(query, np.array(["a"]), gallery, labels, left_out=left_out)
    assert figures == pytest.approx({1: 0.0, 5: 0.4, 10: 0.4})


def test_a_colour_histogram_of_one_colour_has_one_bin() -> None:
    histogram = hsv_histogram([Image.new("RGB", (20, 20), (255, 0, 0))])
    assert histogram.shape == (1, 256)
    assert sorted(histogram[0])[-2:] == [0.0, 1.0]


def test_layout_correlation_is_1_for_the_same_picture_and_minus_1_for_its_negative() -> None:
    ramp = Image.linear_gradient("L")
    negative = ramp.point(lambda value: 255 - value)
    assert layout_correlation([ramp], [ramp, negative])[0] == pytest.approx([1.0, -1.0], abs=1e-3)


def test_neighbours_are_shared_whatever_their_order() -> None:
    found = np.array([[1, 2, 3, 4], [1, 2, 3, 4]])
    expected = np.array([[4, 3, 9, 8], [5, 6, 7, 1]])
    # Row one shares 3 and 4, row two 1: (2 / 4 + 1 / 4) / 2.
    assert shared_neighbours(found, expected) == pytest.approx(0.375)
