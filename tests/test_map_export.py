"""What is taken away is what was asked for, and never a file outside the dataset."""

import io
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core import map_export
from core.map_export import zip_pictures
from core.ui.map_lists import csv_of


def _names(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _dataset(folder: Path) -> Path:
    root = folder / "photos"
    (root / "a").mkdir(parents=True)
    (root / "a" / "1.jpg").write_bytes(b"one")
    (root / "a" / "2.jpg").write_bytes(b"two")
    (folder / "secret.txt").write_bytes(b"secret")
    return root


def test_pictures_keep_their_paths_and_bytes(tmp_path: Path) -> None:
    found = _names(zip_pictures(_dataset(tmp_path), ["a/2.jpg", "a/1.jpg"]))
    assert found == {"a/2.jpg": b"two", "a/1.jpg": b"one"}


def test_what_is_gone_or_outside_is_left_out_and_named(tmp_path: Path) -> None:
    paths = ["a/1.jpg", "a/3.jpg", "../secret.txt", "a/../a/2.jpg"]
    found = _names(zip_pictures(_dataset(tmp_path), paths))
    assert set(found) == {"a/1.jpg", "a/2.jpg", "left-out.txt"}
    told = found["left-out.txt"].decode().splitlines()
    assert [line.split(":")[0] for line in told] == ["a/3.jpg", "../secret.txt"]


def test_more_than_the_limit_is_left_out_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_export, "MAX_PICTURES", 1)
    found = _names(zip_pictures(_dataset(tmp_path), ["a/1.jpg", "a/1.jpg", "a/2.jpg"]))
    assert found == {"a/1.jpg": b"one", "left-out.txt": b"a/2.jpg: more than 1 pictures\n"}


def test_class_that_looks_like_a_formula_is_made_harmless_in_the_table() -> None:
    rows = SimpleNamespace(ids=np.array([7]), paths=["=1+1/a.jpg"], labels=["=1+1"])
    coordinates = np.array([[-0.5, 0.25]], dtype=np.float32)
    settings = SimpleNamespace(dimensions=2)
    view: Any = SimpleNamespace(
        rows=rows,
        purity=np.array([0.75], dtype=np.float32),
        projection=SimpleNamespace(coordinates=coordinates, settings=settings),
    )
    assert csv_of(view, [0]).removeprefix("\ufeff").splitlines() == [
        "id,path,class,purity,x,y",
        "7,'=1+1/a.jpg,'=1+1,0.75,-0.5,0.25",
    ]
