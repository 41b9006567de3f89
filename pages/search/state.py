"""What one session searches with, kept between reruns and in the address.

The functions are callbacks: they change the state before the page runs. Nothing here is shared
between sessions.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import streamlit as st

from core.collection.catalogue import Catalogue
from core.dataset.files import digest_of
from core.errors import OrchardError
from core.metric import Metric
from core.records import ImageRecord
from core.search.crop import SCALE, Crop
from core.search.link import NAMES, Link, read_link, write_link
from core.search.query_picture import MAX_QUERIES, QueryPicture, choose_uploads
from core.ui.choosing import looked_at
from pages.search.elsewhere import picture_there
from pages.search.keys import Address, Key, limit_of, menu_of

# A crop counts in parts of `SCALE`, people in hundredths.
_PERCENT = SCALE / 100
# Queries that are remembered, and bytes of uploads among them.
_RECENT, _RECENT_BYTES = 10, 50_000_000


@dataclass
class Session:
    """State of one browser tab.

    Attributes:
        pictures: Searched with, combined.
        recent: What was searched with before, the last first.
        more: Ids marked "more like this".
        less: Ids marked "less like this".
        notices: Sentences that stay until they are dismissed.
        noted: Sentences about the address that were shown before.
        uploads: Counts uploaders; a new one is empty.
        shuffles: Counts the choices of pictures to start with.
        previews: Small JPEGs of the pictures that are searched with, by key and crop.
        details: Hit whose details are open.
        cropping: Key of the picture whose crop is to be opened in this run.
        written: What this session wrote into the address.
        beside: The collection that was compared with last.
    """

    pictures: list[QueryPicture] = field(default_factory=list)
    recent: list[tuple[QueryPicture, ...]] = field(default_factory=list)
    more: list[int] = field(default_factory=list)
    less: list[int] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    noted: set[str] = field(default_factory=set)
    uploads: int = 0
    shuffles: int = 0
    previews: dict[tuple[str, str], bytes] = field(default_factory=dict, repr=False)
    details: int | None = None
    cropping: str | None = None
    written: dict[str, str] = field(default_factory=dict)
    beside: str = ""


def current() -> Session:
    """Return the state of this session."""
    return looked_at.kept(Key.SESSION, Session)


def follow_address(catalogue: Catalogue) -> Session:
    """Take over the address where it is not what this session wrote; then write it.

    Where another collection was looked at before, its query is searched with here too.
    """
    session = current()
    asked = {name: st.query_params[name] for name in NAMES if name in st.query_params}
    if left := looked_at.left(Key.SESSION):
        asked = _come_from(*left, asked, session, catalogue)
    if asked and asked != session.written:
        link = read_link(asked, known=catalogue.by_id.keys(), limit=MAX_QUERIES)
        crops = link.crops or {}
        _replace(
            session, [_row(catalogue.by_id[number], crops.get(number)) for number in link.queries]
        )
        session.more, session.less = list(link.more), list(link.less)
        session.notices += link.notices
    session.pictures = _still_there(session.pictures, catalogue)
    _write_address(session)
    return session


def _come_from(
    family: str,
    before: Session | None,
    asked: dict[str, str],
    session: Session,
    catalogue: Catalogue,
) -> dict[str, str]:
    """Take the query of another collection along, unless a link has one; return what it asks."""
    if before is None or (asked and asked != before.written):
        return asked
    taken: list[QueryPicture] = []
    for picture in before.pictures:
        try:
            taken.append(picture_there(picture, here=family, there=catalogue))
        except OrchardError as error:
            session.notices.append(f"{picture.name} was not taken along: {error}")
    if taken:
        _replace(session, taken)
        session.more, session.less = [], []
    # Filters by what the other collection knows.
    for key in (Address.CLASSES, Address.WHERE, Key.START_CLASS, Key.QUERY_CLASS):
        st.session_state.pop(key, None)
    return {}


def link_of(session: Session) -> Link:
    """Return what of a session can be handed on: uploads cannot."""
    rows = [p for p in session.pictures if p.record]
    return Link(
        queries=tuple(p.record.id for p in rows if p.record),
        crops={p.record.id: p.crop for p in rows if p.record},
        more=tuple(session.more),
        less=tuple(session.less),
    )


def search_with(record: ImageRecord) -> None:
    """Search with one picture of the collection instead of what was searched with."""
    close_details()
    _start_anew([_row(record)])


def search_again(pictures: tuple[QueryPicture, ...]) -> None:
    """Search with what was searched with before."""
    _start_anew(pictures)


def add(record: ImageRecord) -> None:
    """Combine a picture of the collection with those that are searched with."""
    session = current()
    if any(p.record == record for p in session.pictures):
        return
    if len(session.pictures) >= MAX_QUERIES:
        session.notices.append(
            f"{record.path} was not added: up to {MAX_QUERIES} pictures are combined to one query. "
            "Remove another one first."
        )
        return
    session.pictures.append(_row(record))
    _first_page()


def take_uploads(key: str, *, combine: bool) -> None:
    """Search with the files of an uploader or of the camera, whose widget has this key."""
    given = st.session_state.get(key)
    files = given if isinstance(given, list) else [given] if given else []
    if not files:
        return
    session = current()
    contents = [(file.name, file.getvalue()) for file in files]
    before = session.pictures if combine else []
    chosen = choose_uploads(
        contents,
        digests=[digest_of(content) for _, content in contents],
        before=before,
    )
    session.notices = list(chosen.refused)
    # The files are in `pictures` now; the widget starts empty, so that more can be added.
    session.uploads += 1
    if chosen.taken:
        _start_anew([*before, *chosen.taken], keep_marks=combine)


def remove(key: str) -> None:
    """Search without one of the pictures."""
    session = current()
    _replace(session, [p for p in session.pictures if p.key != key])
    if not session.pictures:
        session.more, session.less = [], []
    _first_page()


def set_crop(key: str, crop: Crop) -> None:
    """Search with a part of one of the pictures."""
    session = current()
    session.pictures = [replace(p, crop=crop) if p.key == key else p for p in session.pictures]
    _first_page()


def mark(picture: int, *, more: bool) -> None:
    """Mark a hit as one to find more or less like, or take the same mark away again."""
    session = current()
    own, other = (session.more, session.less) if more else (session.less, session.more)
    if picture in own:
        own.remove(picture)
        return
    own.append(picture)
    if picture in other:
        other.remove(picture)


def shuffle() -> None:
    """Offer other pictures to start with."""
    current().shuffles += 1


def forget_marks() -> None:
    """Take all marks away."""
    session = current()
    session.more, session.less = [], []


def remove_limit(metric: Metric) -> None:
    """Show hits however bad their score is."""
    st.session_state[limit_of(metric)] = None


def all_classes() -> None:
    """Show hits of all classes."""
    st.session_state[Address.CLASSES] = []


def all_rows() -> None:
    """Show hits whatever their further columns say."""
    st.session_state[Address.WHERE] = []


def show_query() -> None:
    """Show the query itself among the hits, and files with the same bytes."""
    st.session_state[Address.HIDE_QUERY] = False


def search_all_lists(nlist: int) -> None:
    """Search every list of the index."""
    st.session_state[Address.NPROBE] = nlist


def dismiss() -> None:
    """Take the notices away."""
    current().notices = []


def open_details(picture: int) -> None:
    """Open the details of a hit; they stay open until they are closed."""
    current().details = picture


def close_details() -> None:
    """Close the details."""
    current().details = None


def start_cropping(key: str) -> None:
    """Open the crop of a picture in the run that follows."""
    current().cropping = key


def take_choice() -> str:
    """Return the path that was chosen among those of the collection; nothing is chosen then."""
    chosen = str(st.session_state[Key.PICTURE] or "")
    st.session_state[Key.PICTURE] = None
    return chosen


def menu_choice(picture: int) -> str:
    """Return what was chosen from the menu of a hit."""
    return str(st.session_state[menu_of(picture)])


def keep_page_within(pages: int) -> None:
    """Turn back to the last page if a later one was open."""
    if st.session_state.get(Address.PAGE, 1) > pages:
        st.session_state[Address.PAGE] = pages


def old_view() -> str:
    """Return how the hits are to be shown by a link from before the key had a page to itself."""
    return st.query_params.get("view", "")


def offer_ways(ways: Sequence[str]) -> None:
    """Show the hits in another way where the one that was chosen is no longer offered."""
    if st.session_state.get(Address.SHOW, ways[0]) not in ways:
        del st.session_state[Address.SHOW]


def open_beside(names: Sequence[str]) -> None:
    """Set the control of the collection to compare with before it is drawn, as the address says.

    It is not bound: a bound one leaves its default, the first, out of the address, so that a link
    would lead to another one as soon as there is another first.
    """
    session, asked = current(), st.query_params.get(Address.BESIDE, "")
    if asked != session.beside and asked in names:
        st.session_state[Address.BESIDE] = asked
    if st.session_state.get(Address.BESIDE, names[0]) not in names:
        del st.session_state[Address.BESIDE]


def write_beside(name: str) -> None:
    """Tell the address which collection is compared with."""
    current().beside = name
    if st.query_params.get(Address.BESIDE) != name:
        st.query_params[Address.BESIDE] = name


class Edges:
    """The two sliders of a picture's crop, which a box drawn on the picture moves as well.

    Attributes:
        across: Key of the slider from left to right, in % of the width.
        down: Key of the slider from top to bottom, in % of the height.
        chart: Key of the figure that a box is drawn on.
    """

    def __init__(self, picture: QueryPicture) -> None:
        key = f"part_{picture.key}"
        self.across, self.down, self.chart = f"{key}_across", f"{key}_down", f"{key}_chart"
        if self.across not in st.session_state:
            self._set(picture.crop)

    def crop(self) -> Crop:
        """Return the crop that the sliders show."""
        return Crop.between(self._parts(self.across), self._parts(self.down))

    def take_box(self) -> None:
        """Move the sliders to the box that was drawn; a callback."""
        boxes = st.session_state[self.chart]["selection"]["box"]
        if boxes:
            x, y = boxes[-1]["x"], boxes[-1]["y"]
            self._set(Crop.between((min(x), max(x)), (min(y), max(y))))

    def forget(self) -> None:
        """Begin with the picture's own crop when the sliders are drawn the next time."""
        for key in (self.across, self.down):
            del st.session_state[key]

    def _set(self, crop: Crop) -> None:
        st.session_state[self.across] = (crop.left / _PERCENT, crop.right / _PERCENT)
        st.session_state[self.down] = (crop.top / _PERCENT, crop.bottom / _PERCENT)

    def _parts(self, key: str) -> tuple[float, float]:
        low, high = st.session_state[key]
        return _PERCENT * low, _PERCENT * high


def _still_there(pictures: list[QueryPicture], catalogue: Catalogue) -> list[QueryPicture]:
    """Leave out rows that were deleted, and take rows as they are now."""
    kept = []
    for picture in pictures:
        if picture.record is None:
            kept.append(picture)
        elif now := catalogue.by_id.get(picture.record.id):
            kept.append(replace(picture, record=now, digest=now.digest))
    return kept


def _start_anew(pictures: Sequence[QueryPicture], *, keep_marks: bool = False) -> None:
    session = current()
    _replace(session, pictures)
    if not keep_marks:
        session.more, session.less = [], []
    _first_page()


def _replace(session: Session, pictures: Sequence[QueryPicture]) -> None:
    """Search with other pictures, and remember those of before."""
    before, session.pictures = tuple(session.pictures), list(pictures)
    shown = _keys(pictures)
    # A query that only grows or shrinks is not another one.
    is_other = bool(before) and not (set(_keys(before)) & set(shown))
    known: dict[tuple[str, ...], tuple[QueryPicture, ...]] = {}
    for query in [before, *session.recent] if is_other else session.recent:
        if _keys(query) != shown:
            known.setdefault(_keys(query), query)
    session.recent = _small_enough(known.values())
    kept = {picture.key for query in (*session.recent, pictures) for picture in query}
    session.previews = {k: v for k, v in session.previews.items() if k[0] in kept}


def _small_enough(queries: Iterable[tuple[QueryPicture, ...]]) -> list[tuple[QueryPicture, ...]]:
    """Return the first queries, as many as a session may keep."""
    kept: list[tuple[QueryPicture, ...]] = []
    size = 0
    for query in queries:
        size += sum(len(picture.content) for picture in query)
        if len(kept) == _RECENT or size > _RECENT_BYTES:
            break
        kept.append(query)
    return kept


def _keys(pictures: Sequence[QueryPicture]) -> tuple[str, ...]:
    return tuple(picture.key for picture in pictures)


def _row(record: ImageRecord, crop: Crop | None = None) -> QueryPicture:
    picture = QueryPicture(record.path, record.digest, record)
    return replace(picture, crop=crop) if crop else picture


def _first_page() -> None:
    if Address.PAGE in st.session_state:
        st.session_state[Address.PAGE] = 1


def _write_address(session: Session) -> None:
    wanted = write_link(link_of(session))
    for name in NAMES:
        if name in wanted:
            if st.query_params.get(name) != wanted[name]:
                st.query_params[name] = wanted[name]
        elif name in st.query_params:
            del st.query_params[name]
    session.written = wanted
