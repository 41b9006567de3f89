"""One share of a dataset, for several machines that index it into the same server."""

import re
from dataclasses import dataclass

from core.dataset.files import image_id
from core.dataset.listing import DatasetListing
from core.errors import SettingsError
from core.records import LeftOut

_TEXT = re.compile(r"([0-9]{1,6})/([0-9]{1,6})")


@dataclass(frozen=True, slots=True)
class Shard:
    """Every `of`-th picture by its id; the shares 1 to `of` never overlap and leave nothing out.

    An id depends on the path alone, so it does not matter which machine takes which share.
    """

    number: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            raise SettingsError(
                f"shard {self} is not allowed: give I/N with I from 1 to N, such as 2/3."
            )

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read what `str` wrote.

        Raises:
            SettingsError: It has another form, or the number is not among the shards.
        """
        match = _TEXT.fullmatch(text)
        if not match:
            raise SettingsError(f"shard {text!r} is not allowed: give I/N, such as 2/3.")
        return cls(int(match[1]), int(match[2]))

    @property
    def is_first(self) -> bool:
        """Whether it is the one that makes the collections."""
        return self.number == 1

    def has(self, picture: int) -> bool:
        """Whether the picture of that id belongs to it."""
        return picture % self.of == self.number - 1


WHOLE = Shard(1, 1)


def share_of(listing: DatasetListing, shard: Shard) -> DatasetListing:
    """Return the part of a listing that belongs to a shard; every file is in exactly one."""
    return DatasetListing(
        paths=tuple(path for path in listing.paths if shard.has(image_id(path))),
        skipped=tuple(one for one in listing.skipped if shard.has(image_id(one.path))),
        left_out=listing.left_out if shard.is_first else LeftOut(),
        classes=listing.classes,
    )
