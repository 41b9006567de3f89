"""Names of the Collection page's controls, and of what its session keeps.

Keys that only tell buttons, tables and containers apart stay beside them, and so do those of the
forms, which are read where they are drawn.
"""

from enum import StrEnum


class Address(StrEnum):
    """Controls that are bound to the address."""

    PART = "part"
    BROWSE_CLASS = "browse_class"
    BROWSE_WORDS = "browse_words"
    BROWSE_WHERE = "browse_where"
    BROWSE_ORDER = "browse_order"


class Key(StrEnum):
    """What the session alone knows."""

    SESSION = "collection"
    BAR = "browse_bar"
    INSPECTION = "inspection_details"
    CONFIRM = "change_confirm"
    IMPORT = "corrections_file"
