"""Train the offline encoder, a ResNet-14: distilled from EfficientNet-Lite0 on folders of pictures.

    python -m scripts.offline_encoder.train DATA... OUT --labelled grocery --series grocery

Needs requirements-training.txt. Every DATA is a folder tree; options name it by its last part. The
run writes checkpoints and continues from the last when it is started again with the same arguments.
What ships is half precision and without heads: `OUT/resnet14-XXXXXXXX.pth`, the digits being its
SHA-256 prefix; beside it lies the record of what was trained on and what was held out.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from core.config import load_settings
from core.errors import DatasetError
from scripts.offline_encoder.photos import PhotoSplit, Reason, Source, split_photos
from scripts.offline_encoder.training import Recipe, TrainingRun
from scripts.shared.terminal import ProgressBar, guarded


@dataclass(frozen=True, slots=True)
class Task:
    """What one run of the script is given.

    Attributes:
        earlier: A record whose held-out pictures stay held out.
        start: Weights to start from; None starts from random ones.
    """

    sources: tuple[Source, ...]
    out: Path
    recipe: Recipe
    earlier: Path | None = None
    start: Path | None = None


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    arguments = _parser().parse_args(argv)
    return guarded(
        lambda: _run(arguments),
        load_settings(),
        on_interrupt="stopped; run the same command again to continue",
    )


def train(task: Task) -> Path:
    """Train and return the file of the finished weights; the record lies beside it.

    Raises:
        DatasetError: A source or the earlier record cannot be used, there are too few pictures,
            or `task.out` holds another run.
        WeightsError: The teacher is not installed, or `task.start` does not fit.
    """
    from scripts.offline_encoder.teacher import Teacher, seen_by_both

    task.out.mkdir(parents=True, exist_ok=True)
    split = split_photos(task.sources, earlier=_held_out(task.earlier))
    print(f"{len(split.trained_on)} pictures to learn from, {len(split.held_out)} held out")
    teacher = Teacher()
    with ProgressBar("teacher") as bar:
        seen = seen_by_both(
            task.out,
            split.trained_on,
            seed=task.recipe.seed,
            each=task.recipe.crops,
            teacher=teacher,
            on_progress=bar,
        )
    run = TrainingRun(
        task.recipe,
        split.trained_on,
        seen,
        task.out,
        classifier=teacher.classifier,
        start=task.start,
    )
    run.train()
    path = run.export()
    _write_record(path.with_suffix(".json"), task, split, steps_at=run.steps_at)
    return path


def _run(arguments: argparse.Namespace) -> int:
    recipe = Recipe(
        seed=arguments.seed,
        crops=arguments.crops,
        steps=arguments.steps,
        minutes=arguments.minutes,
    )
    task = Task(
        sources=_sources(arguments),
        out=arguments.out,
        recipe=recipe,
        earlier=arguments.held_out,
        start=arguments.start,
    )
    print(train(task))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.offline_encoder.train",
        description="Distil the offline encoder (ResNet-14) from EfficientNet-Lite0.",
    )
    parser.add_argument("data", type=Path, nargs="+", help="folder trees of pictures")
    parser.add_argument("out", type=Path, help="folder for crops, checkpoint, record and weights")
    parser.add_argument("--labelled", action="append", default=[], metavar="NAME")
    parser.add_argument("--series", action="append", default=[], metavar="NAME")
    parser.add_argument("--categories", action="append", default=[], metavar="NAME=COUNT")
    parser.add_argument("--share", action="append", default=[], metavar="NAME=PART")
    parser.add_argument("--held-out", type=Path, help="record whose held-out pictures stay so")
    parser.add_argument("--start", type=Path, help="weights to start from; default: random ones")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    parser.add_argument(
        "--crops", type=int, default=Recipe().crops, help="of every picture; default %(default)s"
    )
    parser.add_argument(
        "--minutes", type=float, default=Recipe().minutes, help="default %(default)s"
    )
    parser.add_argument("--steps", type=int, help="a number of steps instead of minutes")
    return parser


def _sources(arguments: argparse.Namespace) -> tuple[Source, ...]:
    shares, categories = _numbers(arguments.share), _numbers(arguments.categories)
    names = {root.name for root in arguments.data}
    asked = {*arguments.labelled, *arguments.series, *shares, *categories}
    if unknown := sorted(asked - names):
        raise DatasetError(
            f"{unknown[0]!r} is none of the folders given, which are called "
            f"{', '.join(sorted(names))}. Name a folder by the last part of its path."
        )
    return tuple(
        Source(
            root,
            labelled=root.name in arguments.labelled,
            share=shares.get(root.name, 1.0),
            series=root.name in arguments.series,
            categories=int(categories.get(root.name, 0)),
        )
        for root in arguments.data
    )


def _numbers(texts: Sequence[str]) -> dict[str, float]:
    found = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            found[name] = float(number)
        except ValueError:
            name = ""
        if not name or found[name] <= 0:
            raise DatasetError(
                f"{text!r} is not understood. Write the name of a folder, an equals sign and a "
                "number above 0, such as grocery=0.5."
            )
    return found


def _held_out(record: Path | None) -> dict[str, Reason]:
    if record is None:
        return {}
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
        # Records of before reasons were kept have none.
        return {
            str(item["digest"]): Reason(item.get("reason", Reason.EARLIER))
            for item in content["held_out"]
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f"{str(record)!r} is no record of a training ({error}). Give the JSON file that lies "
            "beside weights of ours."
        ) from error


def _write_record(path: Path, task: Task, split: PhotoSplit, *, steps_at: dict[str, int]) -> None:
    head = {
        "recipe": asdict(task.recipe),
        "steps_at": steps_at,
        "start": task.start.name if task.start else None,
        "sources": [{**asdict(s), "root": s.root.name} for s in task.sources],
    }
    held = [{**photo.entry(), "reason": reason} for photo, reason in split.held_out]
    trained = [photo.entry() for photo in split.trained_on]
    # One picture a line: small, and a difference between two records can be read.
    parts = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in head.items()]
    for name, items in (("held_out", held), ("trained_on", trained)):
        lines = ",\n".join(json.dumps(item) for item in items)
        parts.append(f"{json.dumps(name)}: [\n{lines}\n]")
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
