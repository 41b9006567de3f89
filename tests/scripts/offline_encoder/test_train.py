"""Training the offline encoder: what is held out, the crops, a resumed run, what is exported."""

import hashlib
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from core.encoder.encoder import Encoder
from core.encoder.weights import Checkpoint
from core.errors import DatasetError
from scripts.offline_encoder import teacher, train, training
from scripts.offline_encoder.crops import Crops
from scripts.offline_encoder.photos import Reason, Source, epoch_indices, list_photos, split_photos
from scripts.offline_encoder.train import Task
from scripts.offline_encoder.training import Recipe

RECIPE = Recipe(steps=4, stages=((32, 0.5), (48, 0.5)), batch=8)


class PooledColours:
    """Stands in for the pretrained teacher: its features are mean colours, in 1,280 numbers."""

    def __init__(self) -> None:
        torch.manual_seed(1)
        self.spread = torch.randn(3, teacher.FEATURES)
        self.classifier = nn.Linear(teacher.FEATURES, teacher.CLASSES)

    def features(self, pixels: Tensor) -> Tensor:
        return pixels.float().mean(dim=(2, 3)) / 255 @ self.spread


@pytest.fixture(autouse=True)
def teacher_of_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teacher, "Teacher", PooledColours)


def noise(seed: int, size: tuple[int, int] = (48, 40)) -> Image.Image:
    random = np.random.default_rng(seed)
    return Image.fromarray(random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of twelve pictures, at two depths; no two look alike."""
    root = tmp_path / "photos"
    for start, folder in enumerate(("apple/red", "pear")):
        (root / folder).mkdir(parents=True)
        for number in range(12):
            noise(100 * start + number).save(root / folder / f"{number}.png")
    return root


def task(root: Path, out: Path, recipe: Recipe = RECIPE) -> Task:
    return Task((Source(root, labelled=True),), out, recipe)


def test_a_series_is_held_out_as_a_whole(tmp_path: Path) -> None:
    # Ten series of three: one photo, and the same one a little darker and brighter.
    folder = tmp_path / "shop" / "apple"
    folder.mkdir(parents=True)
    for series in range(10):
        for number, light in enumerate((0.8, 1.0, 1.2)):
            picture = noise(series).point(lambda value, light=light: int(min(255, value * light)))
            picture.save(folder / f"{series}-{number}.png")
    split = split_photos([Source(tmp_path / "shop", series=True)], earlier={})
    held = Counter(photo.path.split("/")[1][0] for photo, _ in split.held_out)
    # 30 // 10 = 3 are wanted, which is one series.
    assert list(held.values()) == [3]
    assert {reason for _, reason in split.held_out} == {Reason.SERIES}
    assert len(split.trained_on) == 27


def test_categories_are_held_out_by_their_names_alone_and_never_the_background(
    tmp_path: Path,
) -> None:
    names = ("BACKGROUND_any", "anchor", "chair", "lamp")
    for name in names:
        (tmp_path / "objects" / name).mkdir(parents=True)
        noise(1).save(tmp_path / "objects" / name / "1.png")
    split = split_photos([Source(tmp_path / "objects", categories=2)], earlier={})
    digests = {name: hashlib.sha256(name.encode()).hexdigest() for name in names[1:]}
    expected = sorted(digests, key=lambda name: digests[name])[:2]
    assert sorted(photo.folder for photo, _ in split.held_out) == sorted(expected)
    assert {reason for _, reason in split.held_out} == {Reason.CATEGORY}


@pytest.mark.parametrize("reason", Reason)
def test_what_an_earlier_run_held_out_stays_so_for_the_same_reason(
    photos: Path, reason: Reason
) -> None:
    earlier = list_photos(Source(photos))[3]
    split = split_photos([Source(photos)], earlier={earlier.digest: reason})
    assert [(photo.path, why) for photo, why in split.held_out] == [(earlier.path, reason)]
    assert earlier.path not in {photo.path for photo in split.trained_on}


def test_no_series_are_held_out_that_an_earlier_run_learned_from(photos: Path) -> None:
    source = Source(photos, series=True)
    first = split_photos([source], earlier={})
    earlier = {photo.digest: reason for photo, reason in first.held_out}
    assert earlier
    assert split_photos([source], earlier=earlier) == first


def test_an_epoch_shows_a_share_of_a_source_and_all_of_the_others(photos: Path) -> None:
    whole, part = Source(photos / "pear"), Source(photos / "apple", share=0.25)
    listed = list_photos(whole) + list_photos(part)
    shown = epoch_indices(listed, np.random.default_rng(0))
    # All 12 pears, and of 12 apples a quarter.
    assert Counter(listed[index].source.root.name for index in shown) == {"pear": 12, "apple": 3}
    assert len(set(shown.tolist())) == 15


def test_a_crop_is_the_same_at_every_call_and_another_for_every_picture(photos: Path) -> None:
    listed = list_photos(Source(photos))
    first, again = (Crops(listed, side=32, seed=5)[2][0] for _ in range(2))
    assert first.shape == (3, 32, 32)
    assert first.dtype == torch.uint8
    assert torch.equal(first, again)
    assert not torch.equal(first, Crops(listed, side=32, seed=6)[2][0])


def test_the_crops_of_a_picture_stand_in_a_row_and_differ(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "flat").mkdir()
    for name, colour in (("1", (200, 0, 0)), ("2", (0, 200, 0)), ("3", (0, 0, 200))):
        Image.new("RGB", (40, 40), colour).save(tmp_path / "flat" / f"{name}.png")
    crops = Crops(list_photos(Source(tmp_path / "flat")), side=8, seed=0, each=2)
    brightest = [int(crops[index][0].float().mean((1, 2)).argmax()) for index in range(len(crops))]
    assert brightest == [0, 0, 1, 1, 2, 2]
    of_noise = Crops(list_photos(Source(photos)), side=32, seed=5, each=2)
    assert not torch.equal(of_noise[0][0], of_noise[1][0])


def test_what_is_transparent_is_laid_over_one_colour(tmp_path: Path) -> None:
    (tmp_path / "cut").mkdir()
    Image.new("RGBA", (40, 40), (9, 9, 9, 0)).save(tmp_path / "cut" / "1.png")
    crop, _ = Crops(list_photos(Source(tmp_path)), side=8, seed=0)[0]
    # Nothing of the invisible near-black is left, and every pixel is alike.
    assert (crop.flatten(1) == crop[:, :1, 0]).all()
    assert crop.max() > 9


def test_the_recipe_goes_from_small_pictures_to_large_ones_and_slows_down() -> None:
    recipe = Recipe(stages=((64, 0.65), (96, 0.35)), learning_rate=0.1)
    assert [recipe.side(at) for at in (0, 0.64, 0.66, 1)] == [64, 64, 96, 96]
    # It starts at a twentieth, peaks after a twentieth; half-way down the cosine is one half:
    # 0.05 + 0.95 / 2 = 0.525.
    assert [recipe.rate(at) for at in (0, 0.05, 0.525, 1)] == pytest.approx(
        [0.005, 0.1, 0.05, 0.0002]
    )


@pytest.mark.slow
def test_a_run_that_was_stopped_ends_with_the_same_weights(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "_SAVE_EVERY", 1)
    whole = train.train(task(photos, tmp_path / "whole"))
    step = training.TrainingRun._train_step

    def stop_at_the_third(run: training.TrainingRun) -> list[float]:
        if run.step == 2:
            raise KeyboardInterrupt
        return step(run)

    monkeypatch.setattr(training.TrainingRun, "_train_step", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        train.train(task(photos, tmp_path / "stopped"))
    monkeypatch.setattr(training.TrainingRun, "_train_step", step)
    resumed = train.train(task(photos, tmp_path / "stopped"))
    # The name carries the hash of the weights.
    assert resumed.name == whole.name


@pytest.mark.slow
def test_training_comes_nearer_to_the_teacher(photos: Path, tmp_path: Path) -> None:
    losses: list[float] = []
    recipe = Recipe(steps=12, stages=((32, 1.0),), batch=24, learning_rate=0.02)
    step = training.TrainingRun._train_step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            training.TrainingRun, "_train_step", lambda run: losses.append(sum(step(run))) or [0.0]
        )
        train.train(task(photos, tmp_path / "out", recipe))
    assert np.mean(losses[-3:]) < np.mean(losses[:3])


@pytest.mark.slow
def test_what_is_trained_loads_as_an_encoder_and_its_record_names_every_picture(
    photos: Path, tmp_path: Path
) -> None:
    weights = train.train(task(photos, tmp_path / "out"))
    encoder = Encoder(Checkpoint(weights, "resnet14"))
    assert encoder.identity.dimension == 2048
    assert weights.name == f"resnet14-{encoder.identity.weights}.pth"
    record = json.loads(weights.with_suffix(".json").read_text(encoding="utf-8"))
    assert len(record["trained_on"]) == 24
    assert record["held_out"] == []
    assert {item["source"] for item in record["trained_on"]} == {"photos"}
    # Two of four steps at each side.
    assert record["steps_at"] == {"32": 2, "48": 2}


@pytest.mark.slow
def test_a_folder_of_another_run_is_not_overwritten(photos: Path, tmp_path: Path) -> None:
    train.train(task(photos, tmp_path / "out"))
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with pytest.raises(DatasetError, match="other settings"):
        train.train(task(photos, tmp_path / "out", Recipe(steps=5, batch=8)))
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_too_few_pictures_are_counted_in_the_message(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Fewer than a batch of the script's recipe, 64.
    assert train.main([str(photos), str(tmp_path / "out")]) == 2
    assert "24 pictures are fewer than a batch of 64" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--labelled", "pears"], "'pears'"),
        (["--share", "photos"], "'photos'"),
        (["--share", "photos=much"], "'photos=much'"),
        (["--categories", "photos=0"], "'photos=0'"),
        (["--held-out", "nowhere.json"], "'nowhere.json'"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    photos: Path,
    tmp_path: Path,
    arguments: list[str],
    named: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert train.main([str(photos), str(tmp_path / "out"), *arguments]) == 2
    assert named in capsys.readouterr().err


def test_the_shipped_weights_list_what_they_were_trained_on() -> None:
    folder = Path(train.__file__).parents[2] / "weights"
    weights = next(folder.glob("resnet14-*.pth"))
    assert weights.stat().st_size <= 32_000_000
    split = json.loads(weights.with_suffix(".json").read_text(encoding="utf-8"))
    held_out = {item["digest"] for item in split["held_out"]}
    assert held_out and not held_out & {item["digest"] for item in split["trained_on"]}
