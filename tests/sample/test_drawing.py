"""The contract of the drawn sample dataset: the same seed gives the same bytes, nothing foreign is
touched, and the pictures are worth searching in."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

import numpy as np
import pytest
from PIL import Image

from core.errors import DatasetError, FileError
from core.progress import Progress, Stage
from core.sample import drawing
from core.sample.drawing import CLASSES, draw_sample, sample_paths
from core.sample.folder import MARKER
from scripts import make_sample
from scripts.shared.terminal import ProgressBar

ROOT = Path(__file__).parents[2]


def pictures(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*.jpg"))}


def everything(root: Path) -> dict[str, bytes]:
    files = [p for p in sorted(root.rglob("*")) if p.is_file()]
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in files}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sample") / "fruit"
    draw_sample(root, per_class=2, size=48, seed=5, workers=1)
    return root


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Flat pictures whose colour tells seed, class and number: for tests about files alone."""

    def flat(label: str, *, size: int, rng: np.random.Generator) -> Image.Image:
        return Image.new("RGB", (size, size), tuple(int(v) for v in rng.integers(0, 256, 3)))

    monkeypatch.setattr("core.sample.scene.draw_picture", flat)
    yield


def test_there_is_a_folder_a_class_with_the_asked_number_of_pictures(drawn: Path) -> None:
    expected = {f"{label}/{label}_{n:03d}.jpg" for label in CLASSES for n in (1, 2)}
    assert len(CLASSES) == 10
    assert set(everything(drawn)) == expected | {MARKER}
    assert set(sample_paths(2)) == expected


def test_pictures_are_rgb_jpegs_of_the_asked_size(drawn: Path) -> None:
    for path in drawn.rglob("*.jpg"):
        with Image.open(path) as image:
            image.load()
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (48, 48)), path


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_whatever_the_number_and_the_workers(
    drawn: Path, tmp_path: Path
) -> None:
    draw_sample(tmp_path / "more", per_class=3, size=48, seed=5, workers=2)
    again = pictures(tmp_path / "more")
    assert len(again) == 30
    assert all(again[name] == content for name, content in pictures(drawn).items())


def test_drawing_in_the_dashboard_opens_no_database_in_the_drawing_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As Streamlit does it: the main file of the dashboard is `__main__`.
    dashboard = ModuleType("__main__")
    dashboard.__file__ = str(ROOT / "core" / "ui" / "router.py")
    monkeypatch.setitem(sys.modules, "__main__", dashboard)
    monkeypatch.setenv("ORCHARD_DATA_DIR", str(tmp_path / "data"))
    draw_sample(tmp_path / "drawn", per_class=1, size=32, workers=2)
    assert len(pictures(tmp_path / "drawn")) == 10
    assert not (tmp_path / "data").exists()


def test_the_order_of_the_classes_plays_no_part(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "CLASSES", ("mango", "apple"))
    draw_sample(tmp_path / "two", per_class=1, size=48, seed=5, workers=1)
    whole = pictures(drawn)
    assert pictures(tmp_path / "two") == {
        name: whole[name] for name in ("apple/apple_001.jpg", "mango/mango_001.jpg")
    }


def test_another_seed_gives_other_pictures(drawn: Path, tmp_path: Path) -> None:
    draw_sample(tmp_path / "other", per_class=1, size=48, seed=6, workers=1)
    other, first = pictures(tmp_path / "other"), pictures(drawn)
    assert all(first[name] != content for name, content in other.items())


def test_no_two_pictures_are_alike(drawn: Path) -> None:
    digests = {hashlib.sha256(content).digest() for content in pictures(drawn).values()}
    assert len(digests) == 20


@pytest.mark.usefixtures("cheap")
def test_progress_goes_from_none_to_all(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    count = draw_sample(
        tmp_path, per_class=2, size=32, workers=1, on_progress=lambda *step: seen.append(step)
    )
    assert count == 20
    assert seen == [("draw", done, 20) for done in range(21)]


@pytest.mark.usefixtures("cheap")
def test_a_foreign_folder_is_refused_and_nothing_in_it_changes(tmp_path: Path) -> None:
    (tmp_path / "apple").mkdir()
    (tmp_path / "apple" / "apple_001.jpg").write_bytes(b"mine")
    with pytest.raises(DatasetError, match=r"already holds 1 other item.*new or empty folder") as e:
        draw_sample(tmp_path, per_class=1, size=32, workers=1)
    assert str(tmp_path) in str(e.value)
    assert everything(tmp_path) == {"apple/apple_001.jpg": b"mine"}


@pytest.mark.usefixtures("cheap")
def test_a_rerun_with_fewer_pictures_leaves_no_mixture(tmp_path: Path) -> None:
    draw_sample(tmp_path / "a", per_class=3, size=32, workers=1)
    draw_sample(tmp_path / "a", per_class=1, size=32, workers=1)
    draw_sample(tmp_path / "b", per_class=1, size=32, workers=1)
    assert everything(tmp_path / "a") == everything(tmp_path / "b")


@pytest.mark.usefixtures("cheap")
def test_a_run_with_another_seed_that_is_cut_short_leaves_no_mixture(tmp_path: Path) -> None:
    draw_sample(tmp_path, per_class=2, size=32, seed=1, workers=1)
    with pytest.raises(KeyboardInterrupt):
        draw_sample(tmp_path, per_class=2, size=32, seed=2, workers=1, on_progress=stop_after(3))
    assert len(pictures(tmp_path)) == 3
    draw_sample(tmp_path, per_class=2, size=32, seed=2, workers=1)
    assert len(pictures(tmp_path)) == 20


@pytest.mark.usefixtures("cheap")
def test_a_rerun_spares_what_was_added_by_hand(tmp_path: Path) -> None:
    draw_sample(tmp_path, per_class=2, size=32, seed=1, workers=1)
    added = {"apple/mine.jpg": b"1", "apple/apple_007.jpg": b"2", "notes.txt": b"3"}
    for name, content in added.items():
        (tmp_path / name).write_bytes(content)
    draw_sample(tmp_path, per_class=1, size=32, seed=2, workers=1)
    assert added.items() <= everything(tmp_path).items()
    before = everything(tmp_path)
    with pytest.raises(DatasetError, match=r"apple_007\.jpg is in the way"):
        draw_sample(tmp_path, per_class=7, size=32, seed=2, workers=1)
    assert everything(tmp_path) == before


@pytest.mark.usefixtures("cheap")
def test_a_class_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "apple_001.jpg").write_bytes(b"mine")
    draw_sample(tmp_path / "fruit", per_class=1, size=32, workers=1)
    (tmp_path / "fruit" / "apple" / "apple_001.jpg").unlink()
    (tmp_path / "fruit" / "apple").rmdir()
    (tmp_path / "fruit" / "apple").symlink_to(elsewhere)
    with pytest.raises(DatasetError, match="not a plain folder"):
        draw_sample(tmp_path / "fruit", per_class=1, size=32, seed=3, workers=1)
    assert everything(elsewhere) == {"apple_001.jpg": b"mine"}


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize("text", ["", "[]", "{}", '{"seed": "x", "size": 1, "per_class": 1}'])
def test_a_damaged_marker_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / MARKER).write_text(text)
    with pytest.raises(DatasetError, match=MARKER):
        draw_sample(tmp_path, per_class=1, size=32, workers=1)


@pytest.mark.usefixtures("cheap")
def test_the_next_run_removes_temporary_files_of_a_killed_one(tmp_path: Path) -> None:
    draw_sample(tmp_path, per_class=1, size=32, workers=1)
    (tmp_path / "grape" / ".grape_009.jpg.0f.part").write_bytes(b"half a picture")
    draw_sample(tmp_path, per_class=1, size=32, workers=1)
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.usefixtures("cheap")
def test_a_picture_that_cannot_be_saved_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(self: Image.Image, fp: BinaryIO, **options: object) -> None:
        fp.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full_disk)
    with pytest.raises(FileError, match=r"the disk is full\. Make room"):
        draw_sample(tmp_path, per_class=1, size=32, workers=1)
    assert set(everything(tmp_path)) == {MARKER}


@pytest.mark.usefixtures("cheap")
def test_the_marker_says_what_was_drawn(tmp_path: Path) -> None:
    draw_sample(tmp_path, per_class=1, size=32, seed=9, workers=1)
    marker = json.loads((tmp_path / MARKER).read_text())
    assert marker == {"seed": 9, "size": 32, "per_class": 1, "drawing": marker["drawing"]}


@pytest.mark.parametrize(
    ("values", "allowed"),
    [
        ({"per_class": 0}, "per_class is 0.*from 1 to 9999"),
        ({"size": 31}, "size is 31.*from 32 to 2048"),
        ({"size": 2049}, "size is 2049.*from 32 to 2048"),
        ({"seed": -1}, "seed is -1.*0 or more"),
        ({"workers": 0}, "workers is 0.*from 1 to 16"),
    ],
)
def test_a_value_out_of_range_is_named_with_the_range_and_makes_no_folder(
    tmp_path: Path, values: dict[str, int], allowed: str
) -> None:
    with pytest.raises(DatasetError, match=allowed):
        draw_sample(tmp_path / "new", **values)
    assert not (tmp_path / "new").exists()


def stop_after(pictures_done: int) -> Progress:
    def report(stage: Stage, done: int, total: int) -> None:
        if done == pictures_done:
            raise KeyboardInterrupt

    return report


@pytest.mark.usefixtures("cheap")
def test_the_script_draws_and_shows_progress(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(tmp_path), "--per-class", "3", "--size", "32", "--workers", "1"]
    assert make_sample.main(arguments) == 0
    out, err = capsys.readouterr()
    assert "30 pictures of 10 classes" in out
    assert "Drawing the sample: 100%" in err
    assert "30/30" in err


def test_the_script_exits_with_2_and_one_line_for_bad_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for arguments in ([str(file)], [str(tmp_path / "x"), "--size", "9"], [str(tmp_path)]):
        assert make_sample.main(arguments) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("error: ")
        assert err.count("\n") == 1
    assert file.read_text() == "mine"


@pytest.mark.usefixtures("cheap")
def test_the_script_exits_with_130_and_says_how_to_go_on_when_interrupted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProgressBar, "__call__", lambda self, *step: stop_after(4)(*step))
    arguments = [str(tmp_path), "--per-class", "1", "--size", "32", "--workers", "1"]
    assert make_sample.main(arguments) == 130
    said = capsys.readouterr().err
    assert str(tmp_path) in said
    assert "running the same command again finishes" in said
    assert len(pictures(tmp_path)) == 4


def test_the_script_runs_as_a_module(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "scripts.make_sample", str(tmp_path / "f"), "--per-class", "0"]
    root = Path(make_sample.__file__).parents[1]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: per_class is 0")


def colours(path: Path) -> np.ndarray:
    """Share of each of 4 x 4 x 4 colours in the middle of the picture, where the fruit is."""
    with Image.open(path) as image:
        side = image.width
        box = (side // 5, side // 5, side - side // 5, side - side // 5)
        pixels = np.asarray(image.crop(box)).reshape(-1, 3) // 64
    counts = np.bincount(pixels @ np.array([16, 4, 1]), minlength=64)
    return counts / counts.sum()


@pytest.mark.slow
def test_classes_hold_together_and_look_alikes_stay_hard(tmp_path: Path) -> None:
    # The nearest neighbour by colour alone must find the class far more often than the one time
    # in ten of chance (or the classes would not be classes) and must still fail now and then (or
    # an evaluation would have nothing to show), sooner between look-alikes than between others.
    draw_sample(tmp_path, per_class=6, size=64, seed=1)
    paths = [(label, path) for label in CLASSES for path in sorted((tmp_path / label).iterdir())]
    labels = np.array([label for label, _ in paths])
    histograms = np.stack([colours(path) for _, path in paths])
    distance = np.abs(histograms[:, None] - histograms[None]).sum(axis=2)
    np.fill_diagonal(distance, np.inf)
    found = labels[distance.argmin(axis=1)]
    accuracy = float((found == labels).mean())
    assert 0.25 < accuracy < 0.95

    def apart(first: str, second: str) -> float:
        return float(distance[np.ix_(labels == first, labels == second)].mean())

    assert apart("apricot", "citrus") < apart("apricot", "blueberry")
    assert apart("apricot", "citrus") < apart("apricot", "apple")
    assert apart("cherry", "litchi") < apart("cherry", "lemon")
