"""Names of the Evaluation page's controls, and of what its session keeps.

Keys that only tell buttons, charts and containers apart stay beside them.
"""

from enum import StrEnum

from core.ui.links import Handed


class Address(StrEnum):
    """Controls whose choice the address carries."""

    # The page writes it, see `state.open_report`.
    REPORT = Handed.REPORT
    K = "at"
    COPIES = "copies"
    NEAR = "near"
    CURVE_CLASSES = "curve_classes"
    # So is this, see `state.open_view`.
    VIEW = Handed.VIEW
    ASKED = Handed.ASKED
    GOT = Handed.GOT
    CLASS = "class"
    COLUMN = "column"
    TARGET = "target"
    # The page writes these, see `state.open_compared`.
    FIRST = "a"
    SECOND = "b"


class Key(StrEnum):
    """What the session alone knows."""

    SESSION = "evaluation"
    TAB = "evaluation_tab"
    WORST_INDEX = "worst_index"
    COMPARE_INDEX = "compare_index"
