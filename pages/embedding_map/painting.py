"""What colours and paleness mean at a moment: worked out once, then read from the cache."""

from dataclasses import replace

from core.encoder.training_list import training_list
from core.projection.colours import (
    Colouring,
    by_class,
    by_groups,
    by_hubs,
    by_precision,
    by_purity,
    by_survival,
    by_suspects,
    by_text,
)
from core.projection.projection import Method
from core.projection.roles import by_role
from core.projection.stability import Repeated, other_seed
from core.ui import resources
from pages.embedding_map import cache
from pages.embedding_map.cache import Paint
from pages.embedding_map.controls import Colours
from pages.embedding_map.progress import follow
from pages.embedding_map.view import View, groups_of, survival_of, suspects_of, table_key


def paint_of(view: View, colours: Colours, similarity: float) -> Paint | None:
    """Return what the colours mean; None while what they need is not computed.

    Args:
        similarity: From which on two pictures are near-duplicates.
    """
    if view.neighbours is None and colours.colouring not in (Colouring.CLASS, Colouring.ROLE):
        return None
    if colours.column:
        column = colours.column
        return by_text(
            column.values, colours.highlighted, none=column.none, rest=f"other {column.title}"
        )
    chosen = (colours.highlighted, colours.k, similarity, view.projection.settings)
    key = f"{table_key(view.rows, view.projection.settings.metric)} {colours.colouring} {chosen}"
    return cache.get_paint(key, _make=lambda: _made(view, colours, similarity))


def repeated_of(view: View) -> Repeated | None:
    """Return what a second map with another seed repeats; None where PCA is shown, without a seed.

    Until that map is there it is None too, and its progress is on the page.
    """
    settings, rows = view.projection.settings, view.rows
    if view.projection.shown is not Method.UMAP:
        return None
    second = replace(settings, seed=other_seed(settings.seed))
    found = cache.find_projection(rows, second).value
    if found is None:
        follow(cache.job_for(rows, settings.metric, second), or_else="so nothing is pale")
        return None
    return cache.get_repeated(
        f"{rows.fingerprint} {settings} {second.seed}",
        _first=view.projection.coordinates,
        _second=found.coordinates,
    )


def _made(view: View, colours: Colours, similarity: float) -> Paint:
    rows, table, colouring = view.rows, view.neighbours, colours.colouring
    paint: Paint
    if colouring is Colouring.ROLE:
        settings = resources.get_settings()
        paint = by_role(
            rows,
            query_paths=settings.query_paths,
            gallery_paths=settings.gallery_paths,
            known=training_list(view.info.encoder),
        )
    elif table is None or colouring is Colouring.CLASS:
        paint = by_class(rows.labels, colours.highlighted)
    elif colouring is Colouring.PRECISION:
        paint = by_precision(table, rows.labels, colours.k)
    elif colouring is Colouring.PURITY:
        paint = by_purity(table, rows.labels)
    elif colouring is Colouring.SURVIVAL:
        paint = by_survival(survival_of(view, table), table.k)
    elif colouring is Colouring.HUBS:
        paint = by_hubs(table)
    elif colouring is Colouring.SUSPECTS:
        paint = by_suspects(suspects_of(view, table), len(rows))
    else:
        paint = by_groups(groups_of(view, table, similarity), len(rows))
    return paint
