"""Compute maps ahead of time, so that the dashboard finds them.

python -m scripts.project_embeddings --dimensions 2 3
"""

import argparse
import contextlib
from pathlib import Path

from core.config import Settings
from core.embeddings.matrix import load_matrix
from core.errors import OrchardError, StoreUnavailableError
from core.metric import Metric
from core.projection.cache import (
    load_projection,
    neighbours_place,
    projection_place,
    state_folder,
)
from core.projection.projection import DEFAULT_SEED, Method, Projection, ProjectionSettings
from core.projection.rows import MapRows, choose_rows
from core.projection.worker import compute
from core.store.vector_store import open_store
from core.wording import counted
from scripts.shared.beside import held_by
from scripts.shared.terminal import ProgressBar, add_collection, configured, parse_metric


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    arguments = _parser().parse_args(argv)
    return configured(
        lambda settings: _run(arguments, settings),
        on_interrupt="stopped; maps that were finished are kept, repeat to go on",
        collection=arguments.collection,
        map_limit=arguments.limit,
    )


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    wanted = _wanted(arguments)
    if address := held_by(settings):
        raise StoreUnavailableError(
            f"the dashboard at {address} has the database open, and maps are computed beside "
            "no other process. Open its Embedding map page, which computes them in the background "
            f"({address}/embedding_map?collection={settings.collection}), or stop the dashboard "
            "(Ctrl-C in its terminal) and repeat this command."
        )
    rows = _rows(settings)
    folder = state_folder(
        settings.data.projections,
        family=settings.collection,
        fingerprint=rows.matrix.embedded,
    )
    for item in wanted:
        print(_described(_made(rows, item, folder), rows))
    return 0


def _rows(settings: Settings) -> MapRows:
    with contextlib.closing(open_store(settings)) as store, ProgressBar() as bar:
        # The collections of a family hold the same rows; the page reads COSINE where it can.
        present = store.metrics(settings.collection)
        source = present[0] if present and Metric.COSINE not in present else Metric.COSINE
        matrix = load_matrix(store, settings.collection, source, settings.data.embeddings, bar)
    return choose_rows(matrix, limit=settings.map_limit)


def _made(rows: MapRows, item: ProjectionSettings, folder: Path) -> Projection:
    mark = rows.fingerprint
    place = projection_place(folder, fingerprint=mark, rows=len(rows), settings=item)
    table = neighbours_place(folder, fingerprint=mark, rows=len(rows), metric=item.metric)
    with ProgressBar() as bar:
        compute(
            rows.embeddings(),
            neighbours=table,
            metric=item.metric,
            projection=place,
            settings=item,
            on_progress=bar,
        )
    made = load_projection(place)
    if made is None:
        raise OrchardError(f"{place.path} was written but is gone. Check the disk, then repeat.")
    return made


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.project_embeddings",
        description="Compute the neighbour table and UMAP maps of a collection ahead of time.",
    )
    parser.add_argument(
        "--dimensions", type=int, nargs="+", default=[2], help="2, 3 or both (default 2)"
    )
    parser.add_argument(
        "--metric", type=parse_metric, default=Metric.COSINE, help="COSINE (default) or L2"
    )
    parser.add_argument("--n-neighbors", type=int, default=15, help="2 to 200 (default 15)")
    parser.add_argument("--min-dist", type=float, default=0.1, help="0 to 0.99 (default 0.1)")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="default 42")
    parser.add_argument("--limit", type=int, help="pictures on the map (default 20000)")
    add_collection(parser)
    return parser


def _wanted(arguments: argparse.Namespace) -> list[ProjectionSettings]:
    # PCA first: the page shows it wherever UMAP is not there.
    return [
        ProjectionSettings(
            method=method,
            dimensions=dimensions,
            metric=arguments.metric,
            n_neighbors=arguments.n_neighbors,
            min_dist=arguments.min_dist,
            seed=arguments.seed,
        )
        for dimensions in dict.fromkeys(arguments.dimensions)
        for method in (Method.PCA, Method.UMAP)
    ]


def _described(made: Projection, rows: MapRows) -> str:
    settings = made.settings
    name = f"{made.shown} in {settings.dimensions} dimensions, {settings.metric}"
    trust = "trustworthiness is not defined for so few pictures"
    if made.trust_k:
        trust = (
            f"trustworthiness {made.trustworthiness:.3f} (0 to 1, higher is better; "
            f"k = {made.trust_k}, {counted(made.trust_rows, 'picture')})"
        )
    lines = [
        f"{name}: {len(rows):,} of {counted(len(rows.matrix.ids), 'picture')}, computed in "
        f"{made.seconds:.1f} s, {trust}"
    ]
    return "\n".join([*lines, *(f"  {note}" for note in made.notes)])


if __name__ == "__main__":
    raise SystemExit(main())
