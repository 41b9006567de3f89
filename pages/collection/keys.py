"""Names of the Collection page's controls, and of what its session keeps.

Keys that only tell buttons, tables and containers apart stay beside them, and so do those of the
forms, which are read where they are drawn.
"""

from enum import StrEnum


class Address(StrEnum):
    """Controls that are bound to the address."""

    PART = "part"
    BROWSE_CLASS = "browse_class"


class Key(StrEnum):
    """What the session alone knows."""

    SESSION = "collection"
    CONFIRM = "change_confirm"
