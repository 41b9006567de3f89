"""What a comparison of two reports says, in words."""

import math
from collections.abc import Mapping

from core.evaluation.comparison import Comparison
from core.evaluation.report import Configuration, Report
from core.measures.bootstrap import Estimate
from core.records import EncoderIdentity
from core.wording import classes, queries

# Two decimals would hide an interval that is narrower.
_NARROW = 0.01


def names_apart(first: Report, second: Report, called: Mapping[str, str]) -> tuple[str, str]:
    """Return the shortest names that tell two reports apart: by what differs between them.

    Args:
        called: How each report is called, by its name.
    """
    one, two = first.configuration, second.configuration
    for name in (_metric, _encoder, _nprobe):
        if name(one) != name(two):
            return name(one), name(two)
    return called[first.name], called[second.name]


def verdict(found: Comparison, first: str, second: str) -> str:
    """Return such as `L2 is worse than COSINE: -0.05 (-0.08 to -0.02)`.

    Args:
        first: Name of the report that the difference starts from.
        second: Name of the other one.
    """
    difference = found.macro
    if math.isnan(difference.value):
        return f"{first} and {second} have no class in common that both could measure"
    told = in_numbers(difference)
    if not (difference.low > 0 or difference.high < 0):
        return f"No measurable difference between {first} and {second}: {told}"
    return f"{second} is {'better' if difference.value > 0 else 'worse'} than {first}: {told}"


def in_numbers(difference: Estimate) -> str:
    """Return a difference with its interval, such as `+0.00 (-0.01 to +0.01)`."""
    digits = 3 if 0 < difference.high - difference.low < _NARROW else 2
    if math.isnan(difference.low):
        return f"{difference.value:+z.{digits}f}"
    return (
        f"{difference.value:+z.{digits}f} "
        f"({difference.low:+z.{digits}f} to {difference.high:+z.{digits}f})"
    )


def by_class(found: Comparison) -> str:
    """Return how many classes differ for certain, and over how many queries that is."""
    certain = [c for c in found.classes if c.certain]
    worse = sum(c.difference.value < 0 for c in certain)
    left = f", {queries(found.left_out)} asked in only one left out" if found.left_out else ""
    return (
        f"{_measurably(worse, 'worse')}, {_measurably(len(certain) - worse, 'better').lower()}, "
        f"over {queries(found.queries)} asked in both{left}."
    )


def _measurably(count: int, how: str) -> str:
    return f"{classes(count) if count else 'No class'} got measurably {how}"


def _metric(configuration: Configuration) -> str:
    return configuration.metric.value


def _encoder(configuration: Configuration) -> str:
    return EncoderIdentity.parse(configuration.encoder).title


def _nprobe(configuration: Configuration) -> str:
    nprobe = configuration.request.nprobe
    return "exact search only" if nprobe is None else f"nprobe {nprobe}"
