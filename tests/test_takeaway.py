"""Hits as files: what is in them, and what is left out and named."""

import io
import zipfile
from pathlib import Path

from core.metric import Metric
from core.records import Hit, ImageRecord
from core.takeaway import hits_as_csv, pictures_as_zip


def hit(rank: int, path: str, score: float = 4.0) -> Hit:
    return Hit(rank, ImageRecord(rank, path, path.split("/", maxsplit=1)[0], "d"), score)


def test_the_table_has_displayed_and_raw_scores() -> None:
    text = hits_as_csv([hit(1, "pear/a.jpg")], metric=Metric.L2)
    assert text.removeprefix("\ufeff").splitlines() == [
        "rank,class,path,id,digest,distance,raw score",
        # The root of 4 is 2.
        "1,pear,pear/a.jpg,1,d,2,4",
    ]


def contents(packed: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_pictures_are_packed_as_they_are_under_their_paths(tmp_path: Path) -> None:
    (tmp_path / "pear").mkdir()
    (tmp_path / "pear" / "a.jpg").write_bytes(b"abc")
    assert contents(pictures_as_zip([hit(1, "pear/a.jpg")], root=tmp_path)) == {
        "pear/a.jpg": b"abc"
    }


def test_what_is_gone_outside_or_too_much_is_named_inside(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (root / "first.jpg").write_bytes(b"12345")
    (root / "second.jpg").write_bytes(b"123456")
    (root / "third.jpg").write_bytes(b"123")
    paths = ["first.jpg", "second.jpg", "gone.jpg", "../secret", "third.jpg"]
    found = contents(
        pictures_as_zip([hit(n, path) for n, path in enumerate(paths, 1)], root=root, limit=10)
    )
    # 5 bytes, then 6 do not fit into the 5 that are left, then 3 do.
    assert set(found) == {"first.jpg", "third.jpg", "left-out.txt"}
    lines = found["left-out.txt"].decode().splitlines()
    assert [line.split(":")[0] for line in lines] == ["second.jpg", "gone.jpg", "../secret"]
    assert "outside the dataset folder" in lines[2]
