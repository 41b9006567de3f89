"""`python -m scripts.search` over a collection of drawn JPEGs and a real, random ResNet-18."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from core.dataset.files import image_id
from core.encoder.encoder import Encoder
from core.encoder.network import build_model
from core.encoder.weights import Checkpoint
from core.metric import Metric
from core.store.vector_store import VectorStore
from scripts import build_index, search

PROJECT = Path(__file__).parents[2]

pytestmark = pytest.mark.usefixtures("no_settings")

LABELS = ("apple", "香蕉", 'it\'s a "pear"')


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `photos`, `random.pth` and a `data` folder in which they are indexed."""
    folder = tmp_path_factory.mktemp("built")
    draw_photos(folder / "photos")
    torch.manual_seed(0)
    torch.save(build_model("resnet18").state_dict(), folder / "random.pth")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ORCHARD_DATA_DIR", str(folder / "data"))
        assert build_index.main(
            [str(folder / "photos"), "--architecture", "resnet18",
             "--weights", str(folder / "random.pth"), "--nlist", "4"]
        ) == 0  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def encoded(built: Path) -> tuple[list[Path], NDArray[np.float64]]:
    """Every picture and what the encoder makes of it, without any database."""
    encoder = Encoder(Checkpoint(built / "random.pth", "resnet18"))
    files = sorted((built / "photos").glob("*/*.jpg"))
    return files, encoder.encode([Image.open(file) for file in files]).astype(np.float64)


@pytest.fixture
def photos(built: Path, monkeypatch: pytest.MonkeyPatch, no_settings: None) -> Path:
    monkeypatch.setenv("ORCHARD_DATA_DIR", str(built / "data"))
    monkeypatch.setenv("ORCHARD_WEIGHTS", str(built / "random.pth"))
    return built / "photos"


def draw_photos(root: Path) -> None:
    random = np.random.default_rng(0)
    for label in LABELS:
        (root / label).mkdir(parents=True)
        for number in range(5):
            image = Image.new("RGB", (60, 50), tuple(int(c) for c in random.integers(0, 256, 3)))
            x, y = (int(c) for c in random.integers(0, 30, 2))
            colour = tuple(int(c) for c in random.integers(0, 256, 3))
            ImageDraw.Draw(image).ellipse((x, y, x + 20, y + 15), fill=colour)
            image.save(root / label / f"{number}.jpg", quality=92)
    with (root / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "class", "variety", "size (cm)"])
        for label in LABELS:
            for number in range(5):
                variety = 'a "red" one' if number < 2 else "green" if number < 4 else ""
                table.writerow([f"{label}/{number}.jpg", label, variety, number])


def answer(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert search.main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must fail and return what it says on standard error."""
    try:
        status = search.main(arguments)
    except SystemExit as stopped:  # argparse
        status = stopped.code
    out, said = capsys.readouterr()
    assert (status, out) == (2, "")
    assert "Traceback" not in said
    return said


def test_json_has_exactly_the_agreed_fields(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer([str(photos / "apple" / "2.jpg"), "-k", "4"], capsys)
    settings = ["metric", "nprobe", "ef", "effort", "k"]
    agreed = ["hits", *settings, "rows", "nlist", "encoder", "milliseconds"]
    assert list(found) == agreed
    assert found["milliseconds"].keys() == {"encode", "search"}
    assert all(value > 0 for value in found["milliseconds"].values())
    assert (found["metric"], found["nprobe"], found["k"]) == ("COSINE", 4, 4)
    assert found["encoder"].startswith("resnet18/")
    assert found["encoder"].endswith("/resize256-crop224-imagenet/512")
    assert len(found["hits"]) == 4
    fields = ["rank", "id", "path", "label", "digest", "further", "score"]
    assert all(list(hit) == fields for hit in found["hits"])
    assert found["hits"][0]["further"].items() > {"size (cm)": "2", "variety": "green"}.items()
    first = found["hits"][0]
    assert (first["rank"], first["path"], first["label"]) == (1, "apple/2.jpg", "apple")
    assert first["id"] == image_id("apple/2.jpg")
    assert first["score"] == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("metric", list(Metric))
def test_hits_are_those_of_brute_force_over_all_pictures(
    photos: Path,
    capsys: pytest.CaptureFixture[str],
    metric: Metric,
    encoded: tuple[list[Path], NDArray[np.float64]],
) -> None:
    query = photos / "香蕉" / "1.jpg"
    found = answer([str(query), "-k", "15", "--metric", metric.lower()], capsys)
    files, vectors = encoded
    q = vectors[files.index(query)]
    scores = {
        Metric.L2: ((vectors - q) ** 2).sum(axis=1),
        Metric.IP: vectors @ q,
        Metric.COSINE: vectors @ q / np.linalg.norm(vectors, axis=1) / np.linalg.norm(q),
    }[metric]
    order = np.argsort(-scores if metric.higher_is_better else scores)
    expected = [files[n].relative_to(photos).as_posix() for n in order]
    assert [hit["path"] for hit in found["hits"]] == expected
    assert [hit["score"] for hit in found["hits"]] == pytest.approx(
        list(scores[order]), rel=1e-3, abs=1e-2
    )


def test_hits_are_limited_to_values_of_further_columns(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query = [str(photos / "apple" / "2.jpg"), "--nprobe", "4"]
    found = answer([*query, "--where", 'variety=a "red" one', "size (cm)=0"], capsys)
    assert {hit["path"] for hit in found["hits"]} == {f"{label}/0.jpg" for label in LABELS}
    found = answer([*query, "--where", "variety=green", 'variety=a "red" one'], capsys)
    # What is wrong with a picture is asked for alike, with whatever else is wrong.
    *_, fault = found["hits"][0]["further"]["picture_quality"].split(", ")
    alike = answer([*query, "--where", f"picture_quality={fault}"], capsys)["hits"]
    assert alike and all(fault in hit["further"]["picture_quality"] for hit in alike)
    # Two of each in three classes.
    assert len(found["hits"]) == 12


def test_label_filter_takes_odd_names_and_several(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query = str(photos / "apple" / "0.jpg")
    found = answer([query, "--nprobe", "1", "--label", *LABELS[1:]], capsys)
    assert [hit["label"] for hit in found["hits"]].count(LABELS[2]) == 5
    assert {hit["label"] for hit in found["hits"]} == set(LABELS[1:])


def test_one_misspelt_class_among_several_is_named(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query = str(photos / "apple" / "0.jpg")
    assert search.main([query, "--nprobe", "4", "--label", "aple", "apple"]) == 0
    said = capsys.readouterr()
    assert "note: no row has the class 'aple'; the others were searched." in said.err
    assert "5 of 16" in said.out
    # a class that exists and has no hit among the first k is not called missing
    assert search.main([query, "-k", "1", "--nprobe", "4", "--label", *LABELS[:2]]) == 0
    assert "no row has" not in capsys.readouterr().err


def test_table_for_people_says_what_the_numbers_mean(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert search.main([str(photos / "apple" / "0.jpg"), "-k", "3", "--metric", "L2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "lower is more alike" in lines[0]
    rank, distance, *rest = lines[1].split(maxsplit=3)
    assert (rank, rest) == ("1", ["apple", "apple/0.jpg  (the query itself)"])
    assert not any("itself" in line for line in lines[2:])
    assert float(distance) < 0.1
    assert lines[-1].startswith("3 of 3 from 15 rows, encode ")
    assert lines[-1].endswith("nprobe 4 of 4")


def test_another_file_with_the_same_bytes_is_not_the_query_itself(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copy(photos / "apple" / "0.jpg", tmp_path / "mine.jpg")
    assert search.main([str(copy), "-k", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].endswith("apple/0.jpg  (same bytes as the query)")
    assert "(" not in lines[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--metric", "EUCLID"], "'EUCLID' is no metric; allowed are COSINE, L2, IP"),
        (["-k", "0"], "-k is 0, allowed are 1 to 100"),
        (["-k", "101"], "-k is 101, allowed are 1 to 100"),
        (["-k", "many"], "'many'"),
        (["--nprobe", "0"], "nprobe is 0, allowed are 1 to 4"),
        (["--nprobe", "5"], "nprobe is 5, allowed are 1 to 4"),
        (["--where", "variety=blue"], "no row has the variety 'blue'. Choose among"),
        (
            ["--where", "sort=red"],
            "the rows have no column 'sort'; they have picture_quality, size (cm), variety",
        ),
        (["--label", "quince"], "no row has the class 'quince'. Choose among apple, it's a"),
        (["--collection", "nuts"], "'nuts' has no COSINE index (there is none of that name). To"),
        (["--collection", "a-b"], "'a-b' is not allowed"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_value_that_is_not_allowed_is_named(
    photos: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert said in refused([str(photos / "apple" / "0.jpg"), *arguments], capsys)


def test_missing_picture_is_named(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused([str(photos / "none.jpg")], capsys)
    assert f"error: {str(photos / 'none.jpg')!r} cannot be read (No such file" in said
    assert "Check the path" in said


@pytest.mark.parametrize("content", [b"", b"this is no picture", b"\xff\xd8\xff\xe0 cut"])
def test_file_that_is_no_picture_is_named(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    (tmp_path / "text.jpg").write_bytes(content)
    said = refused([str(tmp_path / "text.jpg")], capsys)
    assert f"error: {str(tmp_path / 'text.jpg')!r} is" in said


def test_other_weights_are_refused(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    torch.manual_seed(1)
    torch.save(build_model("resnet18").state_dict(), tmp_path / "other.pth")
    monkeypatch.setenv("ORCHARD_WEIGHTS", str(tmp_path / "other.pth"))
    said = refused([str(photos / "apple" / "0.jpg")], capsys)
    assert "was built with resnet18 and weights" in said
    assert "ORCHARD_WEIGHTS" in said


def test_unfinished_collection_is_announced_and_still_answers(
    photos: Path,
    built: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(built / "data", tmp_path / "copy")
    monkeypatch.setenv("ORCHARD_DATA_DIR", str(tmp_path / "copy"))
    store = VectorStore(str(tmp_path / "copy" / "orchard.db"), database="image_vector_db")
    store.set_complete("fruit_vector", Metric.COSINE, complete=False)
    store.close()
    assert search.main([str(photos / "apple" / "0.jpg"), "-k", "1"]) == 0
    out, said = capsys.readouterr()
    assert "note: the last indexing run of fruit_vector_cosine did not finish" in said
    assert "apple/0.jpg" in out


def test_a_dashboard_is_asked_whether_the_collection_is_finished(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dashboard = SimpleNamespace(search=lambda *_, **__: {"rows": 7}, is_complete=lambda: False)
    monkeypatch.setattr(search, "find_dashboard", lambda _: dashboard)
    assert search.main([str(photos / "apple" / "0.jpg"), "--json"]) == 0
    out, said = capsys.readouterr()
    assert json.loads(out) == {"rows": 7}
    assert "run of fruit_vector did not finish" in said and "its 7 rows" in said


@pytest.mark.slow
def test_process_prints_json_alone_and_nothing_on_standard_error(photos: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.search", str(photos / "香蕉" / "0.jpg"), "--json"],
        cwd=PROJECT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["hits"][0]["path"] == "香蕉/0.jpg"
