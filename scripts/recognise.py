"""Find out which encoder made a collection that does not say so.

python -m scripts.recognise --collection image_embeddings --dataset ~/photos

Exit status: 0 one fits, 1 none does, 2 it could not be found out.
"""

import argparse
import contextlib

from core.config import Settings
from core.health.recognition import recognise
from core.store.vector_store import open_store
from core.wording import counted
from scripts.shared.terminal import add_collection, configured, parse_dataset


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    arguments = _parser().parse_args(argv)
    return configured(
        _run, on_interrupt="stopped", collection=arguments.collection, dataset=arguments.dataset
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.recognise",
        description="Encode a few photos of a collection with every known encoder at hand, and "
        "compare with what is stored.",
        epilog="Exit status: 0 one fits, 1 none does, 2 it could not be found out.",
    )
    parser.add_argument("--dataset", type=parse_dataset, help="the folder that holds its pictures")
    add_collection(parser)
    return parser


def _run(settings: Settings) -> int:
    with contextlib.closing(open_store(settings)) as store:
        metric = next(iter(store.metrics(settings.collection)))
        info = store.info(settings.collection, metric)
        fits = recognise(store, info, family=settings.collection, settings=settings)
    best = fits[0]
    print(f"{'least similarity':>16}  encoder")
    for fit in fits:
        print(f"{fit.similarity:>16.4f}  {fit.identity}")
    if not best.fits:
        print(
            f"none of {counted(len(fits), 'known encoder')} at hand made these embeddings. If you "
            "have the weights that did, name them in ORCHARD_WEIGHTS and ORCHARD_ARCHITECTURE and "
            "try again."
        )
        return 1
    print(f"it fits: set ORCHARD_ASSUMED_ENCODER={best.identity}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
