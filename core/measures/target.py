"""Whether a measure reaches a target, as far as its interval can tell."""

import math
from enum import StrEnum

from core.measures.bootstrap import Estimate
from core.measures.summary import ClassSummary


class Verdict(StrEnum):
    """What the 95 % interval of a measure says about a target.

    Attributes:
        BELOW: All of it lies below.
        UNDECIDED: The target lies within, or there is no interval.
        REACHED: None of it lies below.
        OUT_OF_REACH: There are too few pictures to find for the target to be reached.
    """

    BELOW = "below"
    UNDECIDED = "undecided"
    REACHED = "reached"
    OUT_OF_REACH = "out of reach"


def verdict(estimate: Estimate, target: float, *, ceiling: float = 1.0) -> Verdict:
    """Compare an estimate with a target.

    Args:
        ceiling: The largest value there can be.
    """
    if ceiling < target:
        return Verdict.OUT_OF_REACH
    if math.isnan(estimate.low):
        return Verdict.UNDECIDED
    if estimate.high < target:
        return Verdict.BELOW
    return Verdict.REACHED if estimate.low >= target else Verdict.UNDECIDED


def verdict_of(one: ClassSummary, *, k: int, target: float) -> Verdict:
    """Compare the precision@k of a class with a target, as far as the class can come."""
    return verdict(one.measures[f"precision@{k}"], target, ceiling=one.ceilings[k])
