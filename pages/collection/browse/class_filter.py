"""The classes of a collection as bars and as a box to choose from; both say the same."""

from collections.abc import Mapping

import streamlit as st

from core.ui.text import plain
from core.wording import classes
from pages.collection import state
from pages.collection.keys import Address, Key

# Each is an element of the page; the box has all of them.
MOST_BARS = 1_000
# More of them scroll, beside pictures that stay where they are.
_BARS_IN_SIGHT = 24

_ALL = "All classes"
# A bar is the background of an option, which is a radio button without its circle. Where there is
# no room for a column of bars, the box alone is left.
_STYLE = """
.st-key-class_bars [role="radiogroup"] { gap: 2px; width: 100%; }
.st-key-class_bars [role="radiogroup"] > div { width: 100%; }
.st-key-class_bars [data-testid="stRadioOption"] {
  width: 100%; margin: 0; padding: 2px 8px; border-radius: 6px;
  background: linear-gradient(to right, rgba(79, 168, 220, 0.3) var(--share, 0%), transparent 0);
}
.st-key-class_bars [data-testid="stRadioOption"]:hover {
  outline: 1px solid #4FA8DC; outline-offset: -1px;
}
.st-key-class_bars [data-testid="stRadioOption"]:has(input:checked) {
  outline: 2px solid #4FA8DC; outline-offset: -2px;
}
.st-key-class_bars [data-testid="stRadioOption"] > div { width: 100%; }
.st-key-class_bars [data-testid="stRadioOption"] > div > div:first-child { display: none; }
.st-key-class_bars [data-testid="stRadioOption"] > div > div { flex: 1; min-width: 0; padding: 0; }
.st-key-class_bars p { display: flex; justify-content: space-between; gap: 0.5rem; }
.st-key-class_bars p > span:first-child {
  overflow: hidden; text-overflow: ellipsis; white-space: nowrap; min-width: 0;
}
.st-key-class_bars p > span:last-child { white-space: nowrap; }
[data-testid="stMain"] [data-testid="stColumn"]:has(.st-key-class_bars) { min-width: 180px; }
@media (max-width: 1000px) {
  [data-testid="stLayoutWrapper"]:has(> .st-key-class_bars) { display: none; }
  [data-testid="stMain"] [data-testid="stColumn"]:has(.st-key-class_bars) { min-width: 100%; }
}
"""


def class_filter(counts: Mapping[str, int]) -> str | None:
    """Ask for a class; None means all of them.

    Args:
        counts: Pictures a class.
    """
    chosen = st.selectbox(
        "Class",
        sorted(counts),
        index=None,
        format_func=_name,
        placeholder=_every(len(counts)),
        label_visibility="collapsed",
        key=Address.BROWSE_CLASS,
        bind="query-params",
    )
    bars = ordered(counts)[:MOST_BARS]
    st.html(f"<style>{_STYLE}{shares([counts[label] for label in bars])}</style>")
    state.show_bar(chosen)
    total = sum(counts.values())

    def line(label: str | None) -> str:
        number = total if label is None else counts[label]
        return f":small[{plain(_name(label))}] :small[{number:,}]"

    in_sight = len(bars) < _BARS_IN_SIGHT
    with st.container(
        key="class_bars", height="content" if in_sight else 28 * _BARS_IN_SIGHT, border=False
    ):
        st.radio(
            "Pictures a class",
            [None, *bars],
            format_func=line,
            label_visibility="collapsed",
            width="stretch",
            key=Key.BAR,
            on_change=state.take_bar,
        )
    return chosen


def ordered(counts: Mapping[str, int]) -> list[str]:
    """Return the classes, the largest first, equal ones by name."""
    return sorted(counts, key=lambda label: (-counts[label], label))


def shares(counts: list[int]) -> str:
    """Return the style that gives every bar its length: of the largest, in percent.

    Args:
        counts: In the order of the bars, the largest first; the option before them has no bar.
    """
    return "".join(
        f".st-key-class_bars [role=radiogroup]>:nth-child({place}){{"
        f"--share:{100 * count / counts[0]:.1f}%}}"
        for place, count in enumerate(counts, 2)
    )


def _every(number: int) -> str:
    return classes(number) if number == 1 else f"All {classes(number)}"


def _name(label: str | None) -> str:
    return _ALL if label is None else label or "no class"
