"""Conditions on a report, such as `macro precision@10 >= 0.8`, for somebody's automatic tests."""

import math
import operator
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from core.errors import QueryError
from core.measures.summary import Summary

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
}
_FORM = re.compile(
    r"\s*(macro|micro|class\s+(?P<label>.+?))\s+(?P<measure>\S+|hit rate@\d+)\s*"
    r"(?P<sign>>=|<=|>|<)\s*(?P<limit>[-+.\deE]+)\s*"
)


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition.

    Attributes:
        text: As it was written.
        label: The class it is about; None for a mean.
        mean: `macro` or `micro`; empty for a class.
    """

    text: str
    mean: str
    label: str | None
    measure: str
    sign: str
    limit: float

    def value(self, summary: Summary) -> float:
        """Return the figure of a report that the condition is about.

        Raises:
            QueryError: The report has no such measure or class.
        """
        measures = summary.micro if self.mean == "micro" else summary.macro
        if self.label is not None:
            by_label = {c.label: c.measures for c in summary.classes}
            if self.label not in by_label:
                raise QueryError(
                    f"{self.text!r} is about the class {self.label!r}, which the report does not "
                    f"have. It has {', '.join(by_label) or 'none'}."
                )
            measures = by_label[self.label]
        return measures[self.name_among(measures)].value

    def name_among(self, measures: Collection[str]) -> str:
        """Return the measure as a report with these measures spells it.

        Raises:
            QueryError: It has no such measure.
        """
        names = {name.lower(): name for name in measures}
        if self.measure.lower() not in names:
            raise QueryError(
                f"{self.text!r} is about {self.measure!r}, which the report does not have. It has "
                f"{', '.join(measures)}. Add the cut-off to --k."
            )
        return names[self.measure.lower()]

    def holds(self, value: float) -> bool:
        """Whether a figure meets the condition; one that is undefined never does."""
        return not math.isnan(value) and _OPERATORS[self.sign](value, self.limit)


def parse_requirement(text: str) -> Requirement:
    """Read a condition: `macro`, `micro` or `class NAME`, a measure, a sign, a number.

    Raises:
        QueryError: It has another form.
    """
    parts = _FORM.fullmatch(text)
    try:
        if not parts:
            raise ValueError
        limit = float(parts["limit"])
    except ValueError:
        raise QueryError(
            f"the requirement {text!r} cannot be read. Write one like 'macro precision@10 >= 0.8' "
            "or 'class Apple recall@5 > 0.5'; signs are >=, >, <= and <."
        ) from None
    label = parts["label"]
    mean = "" if label else parts[1]
    return Requirement(text, mean, label, parts["measure"], parts["sign"], limit)
