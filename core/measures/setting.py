"""One setting against exact search, over the same queries: recall, precision, what it costs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.embeddings.index_errors import ann_recall
from core.embeddings.neighbours import Neighbours
from core.measures.bootstrap import Estimate
from core.measures.judgement import LabelledRows, judge
from core.measures.paired import macro_difference, paired_classes
from core.measures.retrieval import precision_at


@dataclass(frozen=True, slots=True)
class AgainstExact:
    """What a setting finds, beside exact search.

    Attributes:
        recall: Mean share of the exact k hits that it returns, in [0, 1], over queries.
        precision: Macro mean of precision@k, as the headline of a report: over classes, each
            counting the same.
        difference: Its precision less that of exact search, with the paired 95 % interval of that
            mean over classes; below 0 is a loss.
    """

    recall: float
    precision: float
    difference: Estimate


def against_exact(
    found: Neighbours,
    exact: Neighbours,
    *,
    rows: LabelledRows,
    queries: NDArray[np.int64],
    k: int,
    seed: int,
) -> AgainstExact:
    """Judge the lists of a setting by those of exact search.

    Args:
        found: (Q, k) or deeper.
        exact: Of the same queries, as deep.
        queries: (Q,) positions; each has something to find.
        seed: Of the interval.
    """
    ours, theirs = (judge(lists, rows, queries) for lists in (found, exact))
    precision, best = (precision_at(judged.right, k) for judged in (ours, theirs))
    return AgainstExact(
        recall=float(ann_recall(found, exact, k=k).mean()),
        precision=_macro(precision, ours.classes),
        difference=macro_difference(paired_classes(precision - best, ours.classes, seed=seed)),
    )


def _macro(values: NDArray[np.float64], classes: NDArray[np.int32]) -> float:
    """Return the mean of the classes' means: (Q,) values by (Q,) classes."""
    return float(np.mean([values[classes == code].mean() for code in np.unique(classes)]))
