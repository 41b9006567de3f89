"""Words that messages share: with numbers, and for steps that both page and terminal offer."""

import re
from collections.abc import Sequence

# What to do next, true wherever the message is read.
BUILD_IT = "build it on the Collection page, or with python -m scripts.build_index DATASET"
REPLACE_IT = "replace what is indexed (under Build on the Collection page, or with --recreate)"
ANOTHER_COLLECTION = (
    "another collection (its field on the page, ORCHARD_COLLECTION, or --collection)"
)


# What commands a terminal or turns the direction of writing, and has no shape of its own.
_UNSEEN = re.compile("[\0-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

# Begin a message in lower case, being names of settings.
_NAMES = frozenset({"nlist", "nprobe", "ef", "k"})


def sentence(text: str) -> str:
    """Return a message as it stands by itself: with a capital, unless it begins with a name."""
    first = text.split(maxsplit=1)[0].rstrip(",:;.") if text.strip() else ""
    if not first.isalpha() or first in _NAMES:
        return text
    return text[0].upper() + text[1:]


def visible(text: str, *, keep: str = "") -> str:
    """Return a text with its control characters written out, such as `\\x1b`.

    A file may be called whatever its maker likes; a terminal would carry out what the name says.

    Args:
        keep: Control characters that stay, such as a newline.
    """
    return _UNSEEN.sub(lambda found: found[0] if found[0] in keep else _written(found[0]), text)


def _written(sign: str) -> str:
    # From 127 on they may stand in JSON as they are, and must be valid there written out.
    return f"\\u{ord(sign):04x}" if ord(sign) >= 127 else repr(sign)[1:-1]


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return such as `1 picture` or `1,253 pictures`.

    Args:
        plural: Where it is not the noun with an s.
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(names: Sequence[object]) -> str:
    """Return such as `A`, `A and B` or `A, B and C`."""
    *most, last = map(str, names)
    return f"{', '.join(most)} and {last}" if most else last


def some(names: Sequence[object], *, total: int) -> str:
    """Return such as `a.jpg, b.jpg, and 1 more`: a list that is cut says so.

    Args:
        names: The first.
        total: How many there are.
    """
    more = total - len(names)
    return ", ".join([*map(str, names), *([f"and {more:,} more"] if more > 0 else [])])


def queries(number: int) -> str:
    """Return such as `1 query` or `1,253 queries`."""
    return counted(number, "query", "queries")


def classes(number: int) -> str:
    """Return such as `1 class` or `19 classes`."""
    return counted(number, "class", "classes")


def duration(seconds: float) -> str:
    """Return seconds as a person says them: `0.4 s`, `12 s`, `3 min`, `1 h 5 min`."""
    if seconds < 1:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
