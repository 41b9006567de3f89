"""Collection: browse what is indexed, see whether all is well, build, change, look back."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from core.runs.task import TaskKind
from core.ui import resources
from core.ui.controls import segmented
from core.ui.errors import page_errors
from pages.collection import cache, state
from pages.collection.browse.browsing import show_browse
from pages.collection.build.building import show_build
from pages.collection.change import CHANGING, show_change
from pages.collection.corrections import show_corrections
from pages.collection.health.status import show_health
from pages.collection.history import show_history
from pages.collection.keys import Address
from pages.collection.run import show_news
from pages.collection.state import BUILD
from pages.collection.tuning.section import RUNS, show_tuning


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the page.

    Attributes:
        runs: Kinds of runs that it starts, and shows beside the button that does.
        changes: Whether it is there to change the collection.
    """

    show: Callable[[], None]
    runs: tuple[TaskKind, ...] = ()
    changes: bool = False


PARTS = {
    "Browse": Part(show_browse, (TaskKind.INSPECT,)),
    "Corrections": Part(show_corrections),
    "Health": Part(show_health, (TaskKind.SELF_TEST, TaskKind.VERIFY)),
    BUILD: Part(show_build, (TaskKind.BUILD,), changes=True),
    "Change": Part(show_change, CHANGING, changes=True),
    "Tune": Part(show_tuning, RUNS, changes=True),
    "History": Part(show_history),
}


# Seven names fit in one line of a phone, if only just.
_STYLE = """
@media (max-width: 640px) {
  .st-key-parts [role="radiogroup"] button { padding-left: 0.3rem; padding-right: 0.3rem; }
  .st-key-parts [role="radiogroup"] button p { font-size: 0.78rem; }
}
"""


def main() -> None:
    """The parts to choose from, news of a run, then one part."""
    state.come_back()
    read_only = resources.get_settings().read_only
    names = [name for name, part in PARTS.items() if not (read_only and part.changes)]
    first = BUILD if BUILD in names and not cache.find_infos() else names[0]
    st.html(f"<style>{_STYLE}</style>")
    with st.container(horizontal=True, vertical_alignment="center", key="parts"):
        chosen = PARTS[segmented("Show", names, key=Address.PART, default=first, inline=True)]
        line = st.container(width="content", key="run_line")
    show_news(beside=chosen.runs, line=line)
    chosen.show()


with page_errors():
    main()
