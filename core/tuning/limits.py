"""What a person asks of an index, which settings meet that, and which of them to take."""

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from core.errors import SettingsError
from core.measures.bootstrap import Estimate
from core.tuning.tuning import Measured, Tuning

# A setting that takes this much more memory than the smallest still counts as as small.
_AS_SMALL = 1.1
# And this many times the milliseconds of the fastest as as fast.
_AS_FAST = 1.25

_VALUES: dict[str, Callable[[Measured], float]] = {
    "precision loss": lambda one: -one.difference.value,
    "precision": lambda one: one.precision,
    "recall": lambda one: one.recall,
    "p50": lambda one: one.p50,
    "p95": lambda one: one.p95,
    "megabytes": lambda one: one.memory_bytes / 1e6,
    "searches a second": lambda one: one.per_second,
}
_SIGNS = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}
_FORM = re.compile(r"\s*(.+?)\s*(<=|>=|<|>)\s*([0-9.eE+-]+)\s*")


@dataclass(frozen=True, slots=True)
class Limit:
    """One condition, such as `precision loss <= 0.005`."""

    what: str
    sign: str
    number: float

    def holds(self, one: Measured) -> bool:
        """Whether a setting meets it; its value is taken as it was measured."""
        return bool(_SIGNS[self.sign](_VALUES[self.what](one), self.number))

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.what} {self.sign} {self.number:g}"


@dataclass(frozen=True, slots=True)
class Limits:
    """All conditions together."""

    conditions: tuple[Limit, ...]

    @classmethod
    def parse(cls, texts: Iterable[str]) -> "Limits":
        """Read conditions as they are written at the command line.

        Raises:
            SettingsError: One has another form.
        """
        return cls(tuple(_parsed(text) for text in texts))

    @classmethod
    def of(cls, *, milliseconds: float, loss: float) -> "Limits":
        """Return the usual two: 95 % of the searches so fast, and no more precision lost."""
        return cls((Limit("p95", "<=", milliseconds), Limit("precision loss", "<=", loss)))

    def hold(self, one: Measured) -> bool:
        """Whether a setting meets every condition."""
        return all(limit.holds(one) for limit in self.conditions)

    def __str__(self) -> str:
        """Return them in a line."""
        return ", ".join(map(str, self.conditions)) or "no limits"


def recommended(tuning: Tuning, limits: Limits) -> Measured | None:
    """Return the fastest of the smallest settings that meet the limits; None if none does.

    What takes up to a tenth more memory counts as as small, and what is within a quarter of the
    fastest as as fast, since times vary: of those, what finds most.
    """
    good = [one for one in tuning.measured if limits.hold(one)]
    if not good:
        return None
    least = min(one.memory_bytes for one in good)
    small = [one for one in good if one.memory_bytes <= _AS_SMALL * least]
    quickest = min(one.p50 for one in small)
    quick = [one for one in small if one.p50 <= _AS_FAST * quickest]
    # More precise than exact search is by chance.
    return max(quick, key=lambda one: (min(0.0, one.difference.value), one.recall, -one.p50))


def front(measured: Sequence[Measured], *, by_recall: bool) -> list[Measured]:
    """Return the settings that no other beats: none is as fast and better, or as good and faster.

    Fastest first.

    Args:
        by_recall: Good is what has much ANN recall, else what loses little precision.
    """
    best, kept = -float("inf"), []
    for one in sorted(measured, key=lambda one: (one.p50, -_goodness(one, by_recall))):
        if _goodness(one, by_recall) > best:
            best = _goodness(one, by_recall)
            kept.append(one)
    return kept


def advice(tuning: Tuning, limits: Limits) -> str:
    """Return the recommendation in a sentence, or what comes nearest where nothing meets them."""
    one = recommended(tuning, limits)
    if one is not None:
        return f"{one.name}: {described(one, tuning)}"
    if not tuning.measured:
        return "Nothing was measured yet."
    nearest = min(
        tuning.measured, key=lambda m: (sum(not c.holds(m) for c in limits.conditions), m.p95)
    )
    missed = ", ".join(str(c) for c in limits.conditions if not c.holds(nearest))
    return (
        f"No setting meets {limits}. Nearest is {nearest.name}: {described(nearest, tuning)}; it "
        f"misses {missed}."
    )


def described(one: Measured, tuning: Tuning) -> str:
    """Return what a setting takes and what it costs: memory, precision, milliseconds."""
    whole = tuning.rows * tuning.dimension * 4
    share = one.memory_bytes / whole if whole else 1.0
    return (
        f"{one.memory_bytes / 1e6:,.1f} MB, {share:.0%} of the embeddings; "
        f"precision@{tuning.asked.k} {signed(one.difference)} "
        f"against exact search; {one.p50:.1f} ms, 95 % within {one.p95:.1f} ms"
    )


def signed(difference: Estimate) -> str:
    """Return such as `-0.001 (-0.003 to +0.001)`."""
    return f"{difference.value:+.3f} ({difference.low:+.3f} to {difference.high:+.3f})"


def _goodness(one: Measured, by_recall: bool) -> float:
    return one.recall if by_recall else one.difference.value


def _parsed(text: str) -> Limit:
    found = _FORM.fullmatch(text)
    if not found or found[1] not in _VALUES:
        raise SettingsError(
            f"{text!r} is no condition: write one of {', '.join(_VALUES)}, then <=, >=, < or >, "
            "then a number, such as 'precision loss <= 0.005'."
        )
    try:
        return Limit(found[1], found[2], float(found[3]))
    except ValueError:
        raise SettingsError(f"{found[3]!r} in {text!r} is no number.") from None
