"""A report as it would be with other classes, or without some pictures: nothing is searched.

The neighbours of a picture do not depend on classes, and without some pictures they are the others
in the same order. So the lists that a report keeps say what a new one would, as far as they reach.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.dataset.classes import split_classes
from core.embeddings.neighbours import Neighbours
from core.errors import ReportError
from core.evaluation.figures import summary_of
from core.evaluation.report import Report
from core.measures.judgement import judge, make_rows
from core.measures.summary import Summary, measures_of, summarise
from core.records import ImageRecord
from core.wording import counted, some

# Of a list that ends because there is nothing more: every rank is certain.
_ALL = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The figures of a report as they are and as they would be, under exact search.

    Attributes:
        relabelled: Pictures with another class than in the report.
        excluded: Pictures of the report that are left out.
        before: As they are.
        after: As they would be, of the queries that are left.
        known: The measures that a new report, asking the same queries, gives exactly so.
        unknown: The others by name: some query's kept neighbours do not reach far enough.
    """

    relabelled: int
    excluded: int
    before: Summary
    after: Summary
    known: tuple[str, ...]
    unknown: tuple[str, ...]

    def said(self, measure: str) -> str:
        """Return such as `with 12 relabelled and 3 left out: macro precision@10 0.830 → 0.860`;
        where it is not known, why. Classes that the mean no longer has are named: without a weak
        one it rises.
        """
        parts = [f"{self.relabelled:,} relabelled"] if self.relabelled else []
        parts += [f"{self.excluded:,} left out"] if self.excluded else []
        changed = f"with {' and '.join(parts) or 'nothing changed'}"
        if measure in self.unknown:
            return (
                f"{changed}, {measure} cannot be told: so many neighbours are left out that the "
                "report kept too few"
            )
        before, after = self.before.macro[measure].value, self.after.macro[measure].value
        if math.isnan(after):
            return f"{changed}, nothing is left to find, so there is no {measure}"
        was = "undefined" if math.isnan(before) else f"{before:.3f}"
        said = f"{changed}: macro {measure} {was} → {after:.3f}"
        counted_now = {one.label for one in self.after.classes}
        gone = [one.label for one in self.before.classes if one.label not in counted_now]
        if not gone:
            return said
        return f"{said} (without {some(gone[:3], total=len(gone))}: nothing is left to find)"


def what_if(report: Report, labels: Sequence[str | None], *, ks: Sequence[int] = ()) -> WhatIf:
    """Work out the figures of a report with other classes and without some pictures.

    Args:
        labels: (N,) the class of every row of the report, empty for none; None for a row that is
            left out, as query and as hit.
        ks: Cut-offs; those of the report when empty.

    Raises:
        ReportError: Every query is left out.
    """
    request = report.configuration.request
    ks = tuple(ks or request.ks)
    out = np.array([label is None for label in labels], dtype=bool)
    rows = make_rows(
        [label or "" for label in labels], report.digests, gallery=report.gallery & ~out
    )
    asked = ~out[report.queries]
    queries = report.queries[asked]
    if not len(queries):
        raise ReportError("every picture that was asked with is left out. Run a new report.")
    exact = Neighbours(report.exact.positions[asked], report.exact.scores[asked])
    gone = (exact.positions >= 0) & out[exact.positions]
    judged = judge(exact.without(gone), rows, queries)
    reachable = report.gallery.sum() - report.gallery[queries].astype(np.int64)
    certain = np.where(exact.depth < reachable, exact.depth - gone.sum(axis=1), _ALL)
    judged = replace(judged, known=certain)
    usable = judged.relevant > 0
    values = measures_of(judged, ks)
    unknown = tuple(name for name, value in values.items() if np.isnan(value[usable]).any())
    changed = zip(labels, report.labels, strict=True)
    return WhatIf(
        relabelled=sum(now is not None and now != then for now, then in changed),
        excluded=int(out.sum()),
        before=summary_of(report, ks=ks),
        after=summarise(judged, rows, ks=ks, seed=request.seed),
        known=tuple(name for name in values if name not in unknown),
        unknown=unknown,
    )


def labels_now(
    report: Report, seen: Mapping[int, ImageRecord], *, given: Mapping[str, str]
) -> list[str | None]:
    """Return the class of every row of a report as it is now; None for one that is left out by now.

    Args:
        seen: The rows of the collection by id, as corrected now; otherwise those of the report.
        given: Classes by path that corrections give.

    Raises:
        ReportError: There are pictures that the report left out, so that it knows no neighbours of
            them.
    """
    back = seen.keys() - set(report.ids.tolist())
    if back:
        raise ReportError(
            f"{counted(len(back), 'picture')} that this report left out "
            f"{'is' if len(back) == 1 else 'are'} back. Run a new report."
        )
    rows = list(zip(report.ids.tolist(), report.paths, report.labels, strict=True))
    # What is left out has the class it had, which decides nothing.
    then = {path: label for number, path, label in rows if number not in seen}
    known = [seen[number].label if number in seen else label for number, _, label in rows]
    labels = split_classes(report.paths, known, given={**given, **then})
    return [
        label if number in seen else None
        for (number, _, _), label in zip(rows, labels, strict=True)
    ]
