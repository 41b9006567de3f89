"""Which pictures of a map are queries and which gallery, as an evaluation would take them."""

from collections.abc import Callable

import numpy as np

from core.dataset.classes import usual_paths
from core.dataset.names import fits
from core.encoder.training_list import TrainingList
from core.projection.colours import Categories
from core.projection.rows import MapRows

# Styles of the map's figure: told apart by shape as well.
_BLUE_CIRCLE, _ORANGE_DIAMOND = 0, 11

Role = tuple[str, Callable[[str], bool]]


def by_role(
    rows: MapRows, *, query_paths: str, gallery_paths: str, known: TrainingList | None
) -> Categories:
    """Colour queries and gallery: by the settings, else by split folders, else by training.

    Args:
        query_paths: Pattern of the settings; empty where they have none.
        gallery_paths: The same.
        known: What the encoder was trained on, which is taken where nothing splits the folders:
            pictures held out from training are the queries.

    Returns:
        Two categories, or none where every picture is both.
    """
    asked, found = usual_paths(
        rows.matrix.paths, query_paths=query_paths, gallery_paths=gallery_paths
    )
    if asked or found:
        return _roles(
            rows.paths,
            gallery=(f"gallery: {found or 'every path'}", _matcher(found)),
            query=(f"query: {asked or 'every path'}", _matcher(asked)),
            rest="neither query nor gallery",
        )
    digests = tuple(rows.matrix.digests[position] for position in rows.positions)
    if known and not known.held_out.isdisjoint(digests):
        return _roles(
            digests,
            gallery=("trained on", known.trained_on.__contains__),
            query=("query: held out from training", known.held_out.__contains__),
            rest="in neither list",
        )
    return Categories(np.full(len(rows), -1), (), (), "query and gallery alike")


def _roles(values: tuple[str, ...], *, gallery: Role, query: Role, rest: str) -> Categories:
    codes = np.full(len(values), -1)
    # Queries last: a picture that is both shows as one, and the fewer points lie on top.
    for code, (_, takes) in enumerate((gallery, query)):
        codes[[takes(value) for value in values]] = code
    return Categories(codes, (gallery[0], query[0]), (_BLUE_CIRCLE, _ORANGE_DIAMOND), rest)


def _matcher(pattern: str) -> Callable[[str], bool]:
    return lambda path: not pattern or fits(path, pattern)
