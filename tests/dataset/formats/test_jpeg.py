"""JPEGs that lack their end marker are whole; those that lack more are refused."""

import io

import numpy as np
import pytest
from PIL import Image

from core.dataset.decoding import decode
from core.errors import ImageError

END = b"\xff\xd9"


def jpeg(**options: object) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "JPEG", quality=90, **options)
    return out.getvalue()


KINDS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 4},
    "grey": {"subsampling": 0},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_jpeg_without_its_end_marker_is_read_to_the_last_pixel(kind: str) -> None:
    whole = jpeg(**KINDS[kind])
    assert whole.endswith(END)
    expected = np.asarray(decode(whole, name="x"))
    for bare in (whole[:-2], whole[:-1], whole[:-2] + bytes(100)):
        assert (np.asarray(decode(bare, name="x")) == expected).all()
    small = decode(whole[:-2], name="x", short_side=24)
    assert small.size == (64, 48)  # half, the shorter side twice 24


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("padding", [b"", bytes(20_000)])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.9, 0.99])
def test_a_jpeg_that_was_cut_is_refused_also_when_padded(
    kind: str, padding: bytes, share: float
) -> None:
    whole = jpeg(**KINDS[kind])
    with pytest.raises(ImageError, match="damaged"):
        decode(whole[: int(len(whole) * share)] + padding, name="x")


def test_a_jpeg_cut_where_a_restart_would_follow_is_refused() -> None:
    whole = jpeg(**KINDS["restarts"])
    places = [at for at in range(len(whole) // 2, len(whole)) if whole[at : at + 2] == b"\xff\xd3"]
    for place in places[:5]:
        with pytest.raises(ImageError, match="damaged"):
            decode(whole[:place], name="x")
