"""What can be done with any picture of the collection: icons below its tile, and its details."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.collection.columns import title_of
from core.dataset.files import read_picture
from core.errors import OrchardError
from core.metric import Metric
from core.records import ImageRecord
from core.search.query_picture import full_picture
from core.ui import links, resources
from core.ui.choosing import looked_at
from core.ui.correcting import actions
from core.ui.text import plain
from core.ui.tiles import data_url, with_path

# Of the session: the key of the tile whose details are to be opened in this run.
_OPENED = "details_of"


class Lead(StrEnum):
    """Where the menu of a picture leads."""

    DETAILS = "Details"
    MAP = "Show on the map"
    CONFUSIONS = "Confusions of its class"


Choice = Lead | actions.Way
ICONS: Mapping[str, str] = {
    Lead.DETAILS: "info",
    Lead.MAP: "scatter_plot",
    Lead.CONFUSIONS: "grid_on",
    **{way.value: icon for way, icon in actions.WAY_ICONS.items()},
}


def lead_on(
    record: ImageRecord,
    *,
    key: str,
    name: str,
    metric: Metric | None = None,
    on_find: Callable[[ImageRecord], None] | None = None,
) -> None:
    """Draw the icons below a tile: search with the picture, and where else it leads.

    Args:
        key: Tells the tiles of a page apart.
        name: What the picture is called for those who do not see it; Markdown.
        metric: By which Search and the map are to compare it; None leaves it to them.
        on_find: Picks the picture on the map of this very page, which then takes the place of the
            way to the map.
    """
    with icon_row(key):
        st.button(
            f"Search with {name}",
            icon=":material/image_search:",
            key=f"search_{key}",
            type="tertiary",
            help="Search with this picture",
            on_click=links.leave,
            args=(links.to_search([record.id], metric=metric),),
        )
        options = choices(record)
        if on_find:
            options.remove(Lead.MAP)
            st.button(
                f"Find {name} on this map",
                icon=":material/my_location:",
                key=f"find_{key}",
                type="tertiary",
                help="Find on this map",
                on_click=on_find,
                args=(record,),
            )
        _menu(options, record, key=key, name=name, metric=metric)
    # In the run of the press alone: whoever leaves the page and comes back finds it closed.
    if st.session_state.get(_OPENED) == key:
        del st.session_state[_OPENED]
        details_dialog(record, metric=metric)


def icon_row(key: str) -> DeltaGenerator:
    """Return a row for buttons that show their icons alone, see `core.ui.tiles.STYLE`."""
    return st.container(
        key=f"icons_{key}",
        horizontal=True,
        gap=None,
        horizontal_alignment="distribute",
        wrap=False,
    )


def choices(record: ImageRecord) -> list[Choice]:
    """Return what the menu of a picture offers: one without a class has no confusions."""
    leads = [lead for lead in Lead if record.label or lead is not Lead.CONFUSIONS]
    return [*leads, *actions.ways()]


def take_choice(choice: str, record: ImageRecord, *, metric: Metric | None) -> None:
    """Go to the page that a menu leads to, or correct the picture; a callback."""
    if choice in set(actions.Way):
        actions.take(actions.Way(choice), [record])
    elif choice == Lead.MAP:
        links.leave(links.to_map(record, metric=metric))
    else:
        links.leave(links.to_confusions(record.label))


def _menu(
    options: Sequence[Choice], record: ImageRecord, *, key: str, name: str, metric: Metric | None
) -> None:
    st.menu_button(
        f"What else can be done with {name}",
        options,
        icon=":material/more_vert:",
        key=f"menu_{key}",
        type="tertiary",
        format_func=lambda choice: f":material/{ICONS[choice]}: {choice}",
        on_click=_follow_menu,
        args=(key, record, metric),
    )


def _follow_menu(key: str, record: ImageRecord, metric: Metric | None) -> None:
    choice = st.session_state[f"menu_{key}"]
    if choice == Lead.DETAILS:
        st.session_state[_OPENED] = key
    else:
        take_choice(choice, record, metric=metric)


def facts_of(record: ImageRecord) -> dict[str, str]:
    """Return what is known of a picture, by its title, as Markdown."""
    return {
        "Class": plain(record.label or "no class"),
        "Path": plain(record.path),
        "Id": str(record.id),
        "Digest": plain(record.digest or "none"),
        **_corrected_facts(record),
        **{plain(title_of(name)): plain(value) for name, value in record.further},
    }


@st.dialog("Details", width="large", icon=":material/info:")
def details_dialog(record: ImageRecord, *, metric: Metric | None) -> None:
    """Show a picture in full and what is known of it, and lead to a search with it."""
    info = next(iter(resources.get_collections(looked_at.family()).values()))
    shown, known = st.columns(2)
    facts = facts_of(record)
    with shown:
        try:
            root = resources.dataset_folder(info)
            alt = f"{record.label or 'no class'}, {record.path}, in full"
            st.image(data_url(full_picture(record, root=root)), width="stretch", alt=alt)
            _, content = read_picture(root, record.path)
            facts["Size"] = f"{len(content) / 1000:,.0f} kB"
        except OrchardError as error:
            st.warning(with_path(error, record.path), icon=":material/broken_image:")
    with known:
        st.table(facts, border="horizontal")
        if st.button(
            "Search with this picture",
            icon=":material/image_search:",
            on_click=links.leave,
            args=(links.to_search([record.id], metric=metric),),
        ):
            st.rerun()


def _corrected_facts(record: ImageRecord) -> dict[str, str]:
    """Return what is said of a picture by corrections, for a table; text of data is escaped."""
    said = resources.get_corrections(looked_at.family()).of(record.path)
    facts = {"Class given": plain(said.label)} if said.label else {}
    return facts | ({"Tags": plain(", ".join(said.tags))} if said.tags else {})
