"""A search as the query parameters of an address, and what of an address cannot be used."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from core.errors import QueryError
from core.search.crop import Crop

NAMES = ("queries", "crop", "more", "less")
# A sentence about a parameter shows no more of its value.
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Link:
    """Pictures of the collection that are searched with, and those marked.

    Attributes:
        queries: Ids, in order.
        crops: By id, of those that are searched with in part.
        more: Ids marked "more like this".
        less: Ids marked "less like this".
        notices: A sentence for every value that was ignored.
    """

    queries: tuple[int, ...] = ()
    crops: Mapping[int, Crop] | None = None
    more: tuple[int, ...] = ()
    less: tuple[int, ...] = ()
    notices: tuple[str, ...] = ()


def read_link(parameters: Mapping[str, str], *, known: Collection[int], limit: int) -> Link:
    """Read what `write_link` wrote, or a person; what cannot be used is ignored and said.

    Args:
        known: Ids of the collection.
        limit: How many queries are taken.
    """
    notices: list[str] = []
    queries = read_ids("queries", parameters, known, notices)
    if len(queries) > limit:
        notices.append(f"queries: the first {limit} of {len(queries)} pictures are taken.")
    queries = queries[:limit]
    more = read_ids("more", parameters, known, notices)
    less = tuple(n for n in read_ids("less", parameters, known, notices) if n not in more)
    return Link(queries, _crops(parameters, queries, notices), more, less, tuple(notices))


def write_link(link: Link) -> dict[str, str]:
    """Return the query parameters of a link; what is empty is left out."""
    crops = (link.crops or {}).items()
    written = {
        "queries": ",".join(map(str, link.queries)),
        "crop": ",".join(f"{number}:{crop}" for number, crop in crops if not crop.is_whole),
        "more": ",".join(map(str, link.more)),
        "less": ",".join(map(str, link.less)),
    }
    return {name: value for name, value in written.items() if value}


def unusable(
    parameters: Mapping[str, Sequence[str]], allowed: Mapping[str, Callable[[str], bool]]
) -> list[str]:
    """Return a sentence for every value of an address that its control does not take."""
    return [
        f"{name}={_short(value)} is not possible here and was ignored."
        for name, takes in allowed.items()
        for value in parameters.get(name, ())
        if not takes(value)
    ]


def read_ids(
    name: str, parameters: Mapping[str, str], known: Collection[int], notices: list[str]
) -> tuple[int, ...]:
    """Return the ids of a parameter, each once, in order; one notice is added for what is none.

    Args:
        known: Ids of the collection.
    """
    texts = [text for text in parameters.get(name, "").split(",") if text]
    # An id has at most 19 digits.
    numbers = {t: int(t) for t in texts if t.isascii() and t.isdigit() and len(t) < 20}
    ids = [numbers[text] for text in texts if numbers.get(text) in known]
    if lost := [text for text in texts if numbers.get(text) not in known]:
        listed = ", ".join(_short(text) for text in lost[:3])
        notices.append(
            f"{name}: {listed}{' and others' if len(lost) > 3 else ''} is no picture of the "
            "collection and was ignored."
        )
    return tuple(dict.fromkeys(ids))


def is_whole_number(text: str, least: int, most: int) -> bool:
    """Whether a text is a whole number in a range."""
    return text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most


def is_number(text: str, least: float = -math.inf, most: float = math.inf) -> bool:
    """Whether a text is a finite number, in a range if there is one."""
    try:
        number = float(text)
    except ValueError:
        return False
    return math.isfinite(number) and least <= number <= most


def _crops(
    parameters: Mapping[str, str], queries: Sequence[int], notices: list[str]
) -> dict[int, Crop]:
    crops: dict[int, Crop] = {}
    ids = {str(number): number for number in queries}
    for text in filter(None, parameters.get("crop", "").split(",")):
        number, _, rectangle = text.partition(":")
        try:
            if number not in ids:
                raise QueryError("it belongs to no picture of the query")
            crops[ids[number]] = Crop.parse(rectangle)
        except QueryError:
            notices.append(f"crop: {_short(text)} cannot be used and was ignored.")
    return crops


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
