"""Train the offline encoder, a ResNet-14, from scratch on a tree of class folders.

    python -m scripts.offline_encoder.train DATA OUT

Every folder that holds pictures is a class. One photo in six of each class is held out, chosen by
its id before any training; `OUT/split.json` lists both sides. The run writes a checkpoint after
every epoch and continues from it when it is started again. What ships is half precision and
without the classifier: `OUT/resnet14-XXXXXXXX.pth`, the digits being its SHA-256 prefix.
"""

import argparse
import json
import sys
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

from core.dataset.files import read_picture
from core.dataset.listing import list_dataset
from core.errors import DatasetError, OrchardError
from core.records import ImageRecord
from scripts.offline_encoder.training import Photos, Recipe, TrainingRun, folder_of

HELD_OUT_ONE_IN = 6


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.offline_encoder.train",
        description="Train the offline encoder (ResNet-14) from scratch.",
    )
    parser.add_argument("data", type=Path, help="folder tree; every folder of pictures is a class")
    parser.add_argument("out", type=Path, help="folder for checkpoint, split and weights")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    parser.add_argument("--stages", help="SIDExEPOCHS,...; default 64x12,96x20,128x12")
    arguments = parser.parse_args(argv)
    recipe = Recipe(seed=arguments.seed)
    try:
        if arguments.stages:
            recipe = Recipe(seed=arguments.seed, stages=_parse_stages(arguments.stages))
        path = train(arguments.data, arguments.out, recipe)
    except OrchardError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped; run the same command again to continue", file=sys.stderr)
        return 130
    print(path)
    return 0


def train(data: Path, out: Path, recipe: Recipe) -> Path:
    """Train on `data` and return the file of the finished weights.

    Raises:
        DatasetError: `data` holds too few pictures or classes, or `out` holds another run.
    """
    out.mkdir(parents=True, exist_ok=True)
    training, held_out = split(data)
    classes = sorted({folder_of(record.path) for record in training})
    if len(classes) < 2 or len(training) < recipe.batch:
        raise DatasetError(
            f"{str(data)!r} has {len(training)} photos to train on in {len(classes)} class "
            f"folders; training needs {recipe.batch} or more photos in two or more folders."
        )
    run = TrainingRun(recipe, classes, out, steps_an_epoch=len(training) // recipe.batch)
    _write_json(
        out / "split.json",
        {
            "recipe": asdict(recipe),
            "classes": classes,
            "held_out": [{"path": r.path, "digest": r.digest} for r in held_out],
            "trained_on": [{"path": r.path, "digest": r.digest} for r in training],
        },
    )
    print(f"{len(training)} photos to train on, {len(held_out)} held out, {len(classes)} classes")
    photos = Photos(data, training, {name: i for i, name in enumerate(classes)})
    for epoch in range(run.epoch, recipe.epochs):
        run.train_epoch(photos, epoch)
        run.save()
    return run.export()


def split(data: Path) -> tuple[list[ImageRecord], list[ImageRecord]]:
    """Return the photos to train on and those held out: one in six of each class, by smallest id.

    The choice depends on the file names alone, never on seed or order.
    """
    by_class: dict[str, list[ImageRecord]] = defaultdict(list)
    for path in list_dataset(data).paths:
        record, _ = read_picture(data, path)
        by_class[folder_of(path)].append(record)
    training: list[ImageRecord] = []
    held_out: list[ImageRecord] = []
    for name in sorted(by_class):
        records = sorted(by_class[name], key=lambda record: record.id)
        count = len(records) // HELD_OUT_ONE_IN
        held_out += records[:count]
        training += records[count:]
    return training, held_out


def _parse_stages(text: str) -> tuple[tuple[int, int], ...]:
    try:
        stages = tuple(
            (int(side), int(count))
            for side, _, count in (part.partition("x") for part in text.split(","))
        )
    except ValueError:
        stages = ()
    if not stages or any(side < 32 or count < 1 for side, count in stages):
        raise DatasetError(
            f"--stages {text!r} is not understood. Write SIDExEPOCHS, separated by commas, side "
            "at least 32, such as 64x12,128x20."
        )
    return stages


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
