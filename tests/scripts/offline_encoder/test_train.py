"""Training the offline encoder: the split, a resumed run, and how its quality is measured."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.dataset.files import image_id
from core.encoder.encoder import Encoder
from core.encoder.weights import Checkpoint
from core.errors import DatasetError
from scripts.offline_encoder import train as training
from scripts.offline_encoder import training as offline_encoder_training
from scripts.offline_encoder.measure import hsv_histogram, layout_correlation, precision_at

RECIPE = offline_encoder_training.Recipe(stages=((32, 1), (40, 1)), batch=8)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of twelve pictures, at two depths."""
    root = tmp_path / "photos"
    rng = np.random.default_rng(0)
    for folder in ("apple/red", "pear"):
        (root / folder).mkdir(parents=True)
        for number in range(12):
            noise = rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)
            Image.fromarray(noise).save(root / folder / f"{number}.png")
    return root


def test_one_photo_in_six_of_every_class_is_held_out_by_smallest_id(photos: Path) -> None:
    trained_on, held_out = training.split(photos)
    # 12 photos a class: 12 // 6 = 2 held out, 10 to train on.
    assert Counter(offline_encoder_training.folder_of(r.path) for r in held_out) == {
        "apple/red": 2,
        "pear": 2,
    }
    assert len(trained_on) == 20
    ids = sorted(image_id(f"pear/{number}.png") for number in range(12))
    assert sorted(r.id for r in held_out if r.label == "pear") == ids[:2]
    assert not {r.digest for r in held_out} & {r.digest for r in trained_on}


def test_a_run_that_was_stopped_ends_with_the_same_weights(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = training.train(photos, tmp_path / "whole", RECIPE)
    train_epoch = offline_encoder_training.TrainingRun.train_epoch

    def stop_in_the_second(
        run: offline_encoder_training.TrainingRun,
        pictures: offline_encoder_training.Photos,
        epoch: int,
    ) -> None:
        if epoch == 1:
            raise KeyboardInterrupt
        train_epoch(run, pictures, epoch)

    monkeypatch.setattr(offline_encoder_training.TrainingRun, "train_epoch", stop_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        training.train(photos, tmp_path / "stopped", RECIPE)
    monkeypatch.undo()
    resumed = training.train(photos, tmp_path / "stopped", RECIPE)
    # The name carries the hash of the weights.
    assert resumed.name == whole.name


def test_what_is_trained_loads_as_an_encoder_and_lists_its_split(
    photos: Path, tmp_path: Path
) -> None:
    weights = training.train(photos, tmp_path / "out", RECIPE)
    encoder = Encoder(Checkpoint(weights, "resnet14"))
    assert encoder.identity.dimension == 2048
    assert weights.name == f"resnet14-{encoder.identity.weights}.pth"
    split = json.loads((tmp_path / "out" / "split.json").read_text(encoding="utf-8"))
    assert len(split["trained_on"]) == 20 and len(split["held_out"]) == 4


def test_a_folder_of_another_run_is_not_overwritten(photos: Path, tmp_path: Path) -> None:
    training.train(photos, tmp_path / "out", RECIPE)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with pytest.raises(DatasetError, match="other settings"):
        training.train(
            photos, tmp_path / "out", offline_encoder_training.Recipe(stages=((32, 1),), batch=8)
        )
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_too_few_photos_are_counted_in_the_message(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # 20 photos are to be trained on, fewer than a batch of the script's recipe, 32.
    assert training.main([str(photos), str(tmp_path / "out")]) == 2
    assert "20 photos" in capsys.readouterr().err


@pytest.mark.parametrize("stages", ["64", "x3", "16x2", "64x0"])
def test_stages_that_mean_nothing_are_refused(
    stages: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert training.main([str(tmp_path), str(tmp_path), f"--stages={stages}"]) == 2
    assert repr(stages) in capsys.readouterr().err


def test_the_shipped_weights_list_what_they_were_trained_on() -> None:
    folder = Path(training.__file__).parents[2] / "weights"
    weights = next(folder.glob("resnet14-*.pth"))
    assert weights.stat().st_size <= 17_000_000
    split = json.loads(weights.with_suffix(".json").read_text(encoding="utf-8"))
    held_out = {item["digest"] for item in split["held_out"]}
    assert held_out and not held_out & {item["digest"] for item in split["trained_on"]}


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
