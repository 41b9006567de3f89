"""A query picture: decoded from memory or from the dataset folder, whole or in part."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.dataset.decoding import decode
from core.dataset.files import digest_of
from core.errors import ImageError
from core.records import EncoderIdentity, ImageRecord
from core.search.crop import Crop
from core.search.query_picture import (
    MAX_QUERIES,
    QueryPicture,
    choose_uploads,
    full_picture,
    open_query,
    preview,
    stage,
)
from tests.conftest import picture_bytes

ENCODER = EncoderIdentity("resnet50", "0676ba61", "resize256-crop224-imagenet", 2048)


def halves(width: int = 2000, height: int = 1000) -> bytes:
    """The left half is red, the right one blue."""
    picture = Image.new("RGB", (width, height), "blue")
    picture.paste("red", (0, 0, width // 2, height))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def uploaded(content: bytes) -> QueryPicture:
    return QueryPicture("mine.png", digest_of(content), None, content)


def colour(jpeg: bytes) -> str:
    picture = Image.open(io.BytesIO(jpeg)).convert("RGB").resize((1, 1))
    red, _, blue = picture.getpixel((0, 0))  # type: ignore[misc]
    return "red" if red > 200 > blue else "blue" if blue > 200 > red else "both"


def test_an_upload_is_decoded_from_memory_whole_or_in_part(tmp_path: Path) -> None:
    picture = uploaded(halves())
    whole = open_query(picture, root=tmp_path, encoder=ENCODER)
    assert whole.image.size == (2000, 1000) and whole.milliseconds > 0
    part = open_query(
        replace(picture, crop=Crop(600, 0, 1000, 1000)), root=tmp_path, encoder=ENCODER
    )
    assert part.image.size == (800, 1000)
    assert part.image.getpixel((0, 0)) == (0, 0, 255)


def test_a_large_photo_is_decoded_as_it_was_indexed(tmp_path: Path) -> None:
    grain = np.random.default_rng(0).integers(0, 256, (2400, 3200, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(grain).save(out, "JPEG")
    picture = uploaded(out.getvalue())
    whole = open_query(picture, root=tmp_path, encoder=ENCODER).image
    # A quarter: 600 pixels are at least twice 256, an eighth would be 300.
    assert whole.size == (800, 600)
    assert whole == decode(out.getvalue(), name="x", short_side=256)
    # Of a quarter of the width, 2,048 pixels of the whole are needed to have twice 256 of it.
    part = open_query(replace(picture, crop=Crop(0, 0, 250, 1000)), root=tmp_path, encoder=ENCODER)
    assert part.image.size == (800, 2400)
    # One whose preparation is not known is given all there is.
    other = open_query(picture, root=tmp_path, encoder=EncoderIdentity.unknown(2048))
    assert other.image.size == (3200, 2400)


def test_a_preview_shows_the_part_the_stage_shows_the_whole(tmp_path: Path) -> None:
    picture = replace(uploaded(halves()), crop=Crop(0, 0, 400, 1000))
    assert colour(preview(picture, root=tmp_path)) == "red"
    assert colour(stage(picture, root=tmp_path)) == "both"
    assert Image.open(io.BytesIO(stage(picture, root=tmp_path))).size == (800, 400)


def test_a_row_is_read_from_inside_the_dataset_folder_only(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret.png").write_bytes(halves())
    (root / "own.png").write_bytes(halves())
    own = ImageRecord(1, "own.png", "", "")
    opened = open_query(QueryPicture("own.png", "", own), root=root, encoder=ENCODER)
    assert opened.image.size == (2000, 1000)
    assert Image.open(io.BytesIO(full_picture(own, root=root))).size == (1600, 800)
    for path, words in {
        "../secret.png": "outside the dataset folder",
        "gone.png": "cannot read",
    }.items():
        record = ImageRecord(2, path, "", "")
        for opened in (
            lambda record=record, path=path: open_query(
                QueryPicture(path, "", record), root=root, encoder=ENCODER
            ),
            lambda record=record: full_picture(record, root=root),
        ):
            with pytest.raises(ImageError, match=words):
                opened()


def test_a_stored_embedding_does_for_a_whole_row_only() -> None:
    row = QueryPicture("a.png", "d", ImageRecord(1, "a.png", "", "d"))
    assert not row.needs_encoder
    assert replace(row, crop=Crop(0, 0, 500, 500)).needs_encoder
    assert uploaded(b"x").needs_encoder


def test_of_several_files_the_first_pictures_are_taken_and_the_rest_is_told() -> None:
    files = [(f"{n}.png", picture_bytes(n)) for n in range(7)]
    files.insert(1, ("notes.txt", b"no picture"))
    files.insert(2, ("copy.png", picture_bytes(0)))
    digests = [digest_of(content) for _, content in files]
    chosen = choose_uploads(files, digests=digests, before=[])
    assert [picture.name for picture in chosen.taken] == [f"{n}.png" for n in range(5)]
    assert "'notes.txt' is not a picture" in chosen.refused[0]
    assert "'copy.png' was not added: the same picture is there already" in chosen.refused[1]
    assert chosen.refused[2].startswith("2 of 9 pictures left out")


def test_an_upload_that_is_searched_with_already_takes_no_place_from_a_new_one() -> None:
    before = [uploaded(picture_bytes(n)) for n in range(MAX_QUERIES - 1)]
    files = [("again.png", picture_bytes(0)), ("new.png", picture_bytes(9))]
    digests = [digest_of(content) for _, content in files]
    chosen = choose_uploads(files, digests=digests, before=before)
    assert [picture.name for picture in chosen.taken] == ["new.png"]
    assert len(chosen.refused) == 1
    assert "'again.png' was not added" in chosen.refused[0]


def test_the_bytes_of_an_upload_are_in_no_text_that_might_be_logged() -> None:
    assert "secret" not in repr(uploaded(b"secret bytes"))
