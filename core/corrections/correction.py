"""What a person has said of single pictures, and rows as they are with that taken into account."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from core.dataset.names import composed
from core.errors import CorrectionError
from core.files import fingerprint_of
from core.records import ImageRecord
from core.wording import counted

# The field of a class in the database takes more; a page shows less.
MOST_LETTERS = 200
# The tag of a file that cannot be read and that a build was told to leave out; the build that can
# read it again takes both back.
UNREADABLE = "unreadable"
_BETWEEN_TAGS = re.compile("[,;\n]")


@dataclass(frozen=True, slots=True)
class Correction:
    """What is said of one picture.

    Attributes:
        label: The class it has instead of that of its folder or of the labels file; None leaves
            that as it is.
        excluded: Whether neither search nor evaluation has it.
        tags: Words, in the order they were given.
    """

    label: str | None = None
    excluded: bool = False
    tags: tuple[str, ...] = ()

    @property
    def is_nothing(self) -> bool:
        """Whether it says nothing."""
        return self == NOTHING

    @property
    def said(self) -> str:
        """It in words, such as `now plum, left out, tagged blurred`; empty for nothing."""
        words = [f"now {self.label}"] if self.label is not None else []
        words += ["left out"] if self.excluded else []
        words += [f"tagged {', '.join(self.tags)}"] if self.tags else []
        return ", ".join(words)


NOTHING = Correction()


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to be changed about what is said of pictures; what is left out stays.

    Attributes:
        label: The class to give; an empty one gives back that of the folder or the labels file.
        excluded: Whether to leave out; False takes back.
        tagged: Tags to add.
        untagged: Tags to take away.
        is_new: Whether no other picture has the class yet, which the words then tell.
    """

    label: str | None = None
    excluded: bool | None = None
    tagged: tuple[str, ...] = ()
    untagged: tuple[str, ...] = ()
    is_new: bool = False

    def of(self, known: Correction) -> Correction:
        """Return what is said of a picture after the change."""
        label = known.label if self.label is None else as_label(self.label) or None
        kept = [tag for tag in known.tags if tag not in as_tags(self.untagged)]
        return Correction(
            label=label,
            excluded=known.excluded if self.excluded is None else self.excluded,
            tags=tuple(dict.fromkeys((*kept, *as_tags(self.tagged)))),
        )

    def said(self, pictures: int) -> str:
        """Return the change in words, such as `3 pictures left out`."""
        parts = []
        if self.label is not None:
            label = as_label(self.label)
            now = f"now {label}{', a new class' if self.is_new else ''}"
            parts.append(now if label else "back to the class they were indexed with")
        if self.excluded is not None:
            parts.append("left out" if self.excluded else "no longer left out")
        if self.tagged:
            parts.append(f"tagged {', '.join(as_tags(self.tagged))}")
        if self.untagged:
            parts.append(f"no longer tagged {', '.join(as_tags(self.untagged))}")
        return f"{counted(pictures, 'picture')} {', '.join(parts)}"


@dataclass(frozen=True, slots=True)
class Applied:
    """Which corrections have changed something about the rows of a collection.

    Attributes:
        relabelled: Rows with another class.
        excluded: Rows that are left out.
        fingerprint: Of these corrections, 32 hexadecimal digits; empty where there are none.
    """

    relabelled: int = 0
    excluded: int = 0
    fingerprint: str = ""

    def __str__(self) -> str:
        """Return such as `12 relabelled, 3 left out`; empty for none."""
        parts = [f"{self.relabelled:,} relabelled"] if self.relabelled else []
        return ", ".join([*parts, *([f"{self.excluded:,} left out"] if self.excluded else [])])


@dataclass(frozen=True)
class Corrections:
    """What is said of the pictures of a collection, at a moment.

    Attributes:
        by_path: Path, relative to the dataset folder, to what is said; never `NOTHING`.
    """

    by_path: Mapping[str, Correction] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return such as `12 with another class, 3 left out, 5 tagged`; empty for none."""
        counts = {
            "with another class": len(self.labels),
            "left out": len(self.excluded),
            "tagged": len(self.tags),
        }
        return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)

    @cached_property
    def labels(self) -> Mapping[str, str]:
        """The class that is given, by path."""
        return {path: c.label for path, c in self.by_path.items() if c.label is not None}

    @cached_property
    def excluded(self) -> frozenset[str]:
        """The paths that are left out."""
        return frozenset(path for path, c in self.by_path.items() if c.excluded)

    @cached_property
    def tags(self) -> Mapping[str, tuple[str, ...]]:
        """The tags of the pictures that have some, by path."""
        return {path: c.tags for path, c in self.by_path.items() if c.tags}

    @cached_property
    def all_tags(self) -> tuple[str, ...]:
        """Every tag, in alphabetical order."""
        return tuple(sorted({tag for tags in self.tags.values() for tag in tags}))

    @cached_property
    def fingerprint(self) -> str:
        """32 hexadecimal digits that change with any class given and any picture left out."""
        return _fingerprint(self.labels, self.excluded)

    @cached_property
    def mark(self) -> str:
        """32 hexadecimal digits that change with anything that is said; empty for nothing."""
        tags = (part for path, of in sorted(self.tags.items()) for part in (path, *of, ""))
        return fingerprint_of(self.fingerprint, *tags) if self.by_path else ""

    def of(self, path: str) -> Correction:
        """Return what is said of a picture."""
        return self.by_path.get(path, NOTHING)

    def seen(self, record: ImageRecord) -> ImageRecord | None:
        """Return a stored row as it is to be taken; None where it is left out."""
        if not self.by_path or (known := self.by_path.get(record.path)) is None:
            return record
        if known.excluded:
            return None
        return record if known.label is None else replace(record, label=known.label)

    def all_seen(self, records: Sequence[ImageRecord]) -> list[ImageRecord]:
        """Return stored rows as they are to be taken, in their order.

        Raises:
            CorrectionError: There are some, and all of them are left out.
        """
        seen = [one for record in records if (one := self.seen(record)) is not None]
        if records and not seen:
            raise CorrectionError(
                f"all {len(records):,} pictures are left out by corrections. Take some back, under "
                "Corrections on the Collection page or with python -m scripts.corrections --undo."
            )
        return seen


NONE = Corrections()


def applied_to(records: Iterable[ImageRecord], corrections: Corrections) -> Applied:
    """Return which corrections change something about stored rows.

    Args:
        records: As they are stored.
    """
    if not corrections.by_path:
        return Applied()
    labels: dict[str, str] = {}
    excluded: set[str] = set()
    for record in records:
        seen = corrections.seen(record)
        if seen is None:
            excluded.add(record.path)
        elif seen.label != record.label:
            labels[record.path] = seen.label
    if not labels and not excluded:
        return Applied()
    return Applied(len(labels), len(excluded), _fingerprint(labels, excluded))


def as_label(text: str) -> str:
    """Return a class as it is kept: in one line and one form of Unicode.

    Raises:
        CorrectionError: It is too long.
    """
    label = composed(" ".join(text.split()))
    if len(label) > MOST_LETTERS:
        raise CorrectionError(
            f"the class {label[:40]!r}... has {len(label):,} characters, allowed are "
            f"{MOST_LETTERS}. Give a shorter one."
        )
    return label


def as_tags(texts: Sequence[str]) -> tuple[str, ...]:
    """Return tags as they are kept; a text with commas, semicolons or line breaks is several.

    Raises:
        CorrectionError: One is too long.
    """
    words = (" ".join(part.split()) for text in texts for part in _BETWEEN_TAGS.split(text))
    tags = tuple(dict.fromkeys(composed(word) for word in words if word))
    for tag in tags:
        if len(tag) > MOST_LETTERS:
            raise CorrectionError(
                f"the tag {tag[:40]!r}... has {len(tag):,} characters, allowed are "
                f"{MOST_LETTERS}. Give a shorter one."
            )
    return tags


def _fingerprint(labels: Mapping[str, str], excluded: Iterable[str]) -> str:
    said = [*sorted(labels.items()), *((path, "") for path in sorted(excluded))]
    return fingerprint_of(*(part for pair in said for part in pair)) if said else ""
