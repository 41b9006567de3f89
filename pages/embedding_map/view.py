"""What the map page shows at a moment, and what is said about it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.collection.info import CollectionInfo
from core.embeddings.neighbour_table import Neighbourhoods
from core.embeddings.suspects import Suspect
from core.metric import Metric
from core.projection.density import ENCLOSED
from core.projection.projection import REDUCED, Method, Projection
from core.projection.rows import MapRows
from core.projection.stability import Repeated, other_seed
from core.wording import counted, listed
from pages.embedding_map import cache


@dataclass(frozen=True, slots=True)
class View:
    """What is on the screen: rows, their positions, and what is known about them by now."""

    rows: MapRows
    info: CollectionInfo
    projection: Projection
    neighbours: Neighbourhoods | None
    purity: NDArray[np.float32] | None


def about(view: View, repeated: Repeated | None) -> str:
    """Return the caption of the map: how it was made and how far it can be trusted.

    Args:
        repeated: What another seed repeats; None where nothing is pale by it.
    """
    projection, settings = view.projection, view.projection.settings
    lines = [] if repeated is None else [_paleness(repeated, other_seed(settings.seed))]
    if view.rows.is_sample:
        lines.append(
            f"{len(view.rows):,} of {len(view.rows.matrix.ids):,} pictures: a sample in which "
            "every class keeps its share (ORCHARD_MAP_LIMIT sets how many)."
        )
    if projection.shown is Method.UMAP:
        lines.append(
            f"UMAP on embeddings reduced to {REDUCED} numbers by PCA, which keep "
            f"{projection.variance:.0%} of the variance; n_neighbors {settings.n_neighbors}, "
            f"min_dist {settings.min_dist:g}, seed {settings.seed}, "
            f"computed in {projection.seconds:.1f} s."
        )
    else:
        lines.append(
            f"PCA: the {settings.dimensions} directions shown keep {projection.variance:.0%} of "
            "the variance."
        )
    lines.extend(projection.notes)
    if density_of(view) is not None:
        shares = listed([f"{share:.0%}" for share in ENCLOSED])
        lines.append(f"The lines enclose {shares} of the points where they are densest.")
    lines.append(_trust(projection))
    lines.append(
        "Points that are close are alike; the axes have no unit, and distances between clusters "
        "mean little."
    )
    return "  \n".join(lines)


def table_key(rows: MapRows, metric: Metric) -> str:
    """Return what names the neighbour table of rows and classes among all that is cached."""
    return f"{rows.seen} {metric}"


def survival_of(view: View, table: Neighbourhoods) -> NDArray[np.float32]:
    """Return (N,) how much of each neighbourhood the map on the screen keeps."""
    settings = view.projection.settings
    return cache.get_survival(
        f"{view.rows.fingerprint} {settings}",
        _neighbours=table,
        _coordinates=view.projection.coordinates,
    )


def density_of(view: View) -> NDArray[np.float32] | None:
    """Return lines around most points, (P, 2) float32 with NaN between them.

    None in three dimensions, and where there are few points.
    """
    settings = view.projection.settings
    if settings.dimensions != 2:
        return None
    key = f"{view.rows.fingerprint} {settings}"
    return cache.get_density(key, _coordinates=view.projection.coordinates)


def groups_of(view: View, table: Neighbourhoods, similarity: float) -> list[NDArray[np.int64]]:
    """Return the groups of near-duplicates among the rows of the view, each as its rows' places."""
    key = table_key(view.rows, view.projection.settings.metric)
    return cache.get_duplicates(key, similarity, _neighbours=table)


def suspects_of(view: View, table: Neighbourhoods) -> list[Suspect]:
    """Return the rows of the view whose labels are suspected."""
    key = table_key(view.rows, view.projection.settings.metric)
    return cache.get_suspects(key, _neighbours=table, _rows=view.rows)


def _paleness(repeated: Repeated, seed: int) -> str:
    pale, rows = int(repeated.pale.sum()), len(repeated.shares)
    return (
        f"**Pale: {pale:,} of {counted(rows, 'point')} ({pale / rows:.0%})**, of which fewer than "
        f"half of the {repeated.k} nearest on this map are so again on one with seed {seed}. As a "
        f"whole the two agree by {repeated.agreement:.0%}."
    )


def _trust(projection: Projection) -> str:
    if not projection.trust_k:
        return "Trustworthiness is not defined for so few pictures."
    sampled = ""
    if projection.trust_rows < len(projection.coordinates):
        sampled = f", on a sample of {projection.trust_rows:,}"
    return (
        f"**Trustworthiness {projection.trustworthiness:.3f}** (from 0 to 1, higher is better: 1 "
        f"means no false neighbours; k = {projection.trust_k}{sampled})."
    )
