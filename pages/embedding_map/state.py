"""What one session has picked, ringed and selected on the map.

The functions are callbacks, except `current` and `follow_address`: they change the state before
the page runs.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import streamlit as st

from core.projection.rows import MapRows
from core.records import ImageRecord
from core.ui import links
from core.ui.choosing import looked_at
from core.wording import counted
from pages.embedding_map.component.mount import new_token
from pages.embedding_map.keys import Address, Key

# The list that a selection on the map opens.
SELECTION = "Selection"


@dataclass
class Session:
    """State of one browser tab, beside the controls.

    Attributes:
        drawn: The rows that were drawn last; a selection counts in them.
        drawn_as: What the browser calls them.
        token: What the browser of this session fetches the map with.
        cleared: How often the selection was given up by a button.
        selected: Ids, in the order of the map.
        ringed: Ids.
        written: Of those, what this session wrote into the address.
        lost: Pictures of a link that are not on the map, or a selection that cannot be told, in
            words, until something else is marked or selected.
        notices: Why maps that were kept could not be used; they stay for the session, since a small
            map is computed again before anybody could read them.
        own_picture: Digest and small JPEG of the file that was uploaded last.
    """

    drawn: MapRows | None = None
    drawn_as: str = ""
    token: str = field(default_factory=new_token)
    cleared: int = 0
    selected: list[int] = field(default_factory=list)
    ringed: list[int] = field(default_factory=list)
    written: str = ""
    lost: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    own_picture: tuple[str, bytes] = field(default=("", b""), repr=False)

    def note(self, notices: Iterable[str]) -> None:
        """Keep what is not empty and not kept yet."""
        self.notices += [text for text in notices if text and text not in self.notices]


def current() -> Session:
    """Return the state of this session."""
    return looked_at.kept(Key.SESSION, Session)


def follow_address(rows: MapRows, places: Collection[int]) -> None:
    """Ring the pictures that the address names, where this session did not write it; then write it.

    Ids that are no picture of the collection, or not in the sample that is shown, are told.

    Args:
        places: Ids on the map.
    """
    session = current()
    if looked_at.left(Key.SESSION):
        # What was picked in another collection, or is known of its pictures alone.
        for key in (Address.CLASS, Address.PICTURE):
            st.session_state.pop(key, None)
    asked = st.query_params.get(Address.RING, "")
    if asked and asked != session.written:
        ids, session.lost = links.read_ring(asked, frozenset(rows.matrix.ids.tolist()))
        session.ringed = [number for number in ids if number in places]
        if beside := len(ids) - len(session.ringed):
            session.lost.append(
                f"Not ringed: {beside} of {counted(len(ids), 'picture')}, which the sample on this "
                "map leaves out (ORCHARD_MAP_LIMIT sets how many it has)."
            )
    elif not asked and Address.PICTURE in st.query_params:
        # A link to one picture: the rings of an earlier visit are not meant.
        session.ringed = []
    session.written = ",".join(str(number) for number in session.ringed[: links.MAX_RINGED])
    if session.written:
        st.query_params[Address.RING] = session.written
    elif asked:
        del st.query_params[Address.RING]


def pick(record: ImageRecord) -> None:
    """Make a picture the picked one."""
    for key, value in links.place_on_map(record).items():
        st.session_state[key] = value
    _mark([])


def forget_pick() -> None:
    """Pick no picture."""
    st.session_state[Address.CLASS] = None
    st.session_state[Address.PICTURE] = None


def ring(ids: list[int]) -> None:
    """Ring the pictures with these ids instead of a picked one."""
    forget_pick()
    _mark(ids)


def take_selection() -> None:
    """Select what was clicked, or lies in the box or the lasso, and open its list."""
    session = current()
    told = st.session_state[Key.MAP]["selection"]
    if session.drawn is None or told["cards"] != session.drawn_as:
        session.lost = ["The map has changed since something was selected on it; select again."]
        return
    session.lost = []
    rows = sorted({int(row) for row in told["rows"] if 0 <= int(row) < len(session.drawn)})
    session.selected = session.drawn.ids[rows].tolist()
    st.session_state[Address.LIST] = SELECTION


def forget_selection() -> None:
    """Select nothing."""
    session = current()
    session.selected = []
    session.cleared += 1


def _mark(ids: list[int]) -> None:
    session = current()
    session.ringed, session.lost = ids, []
