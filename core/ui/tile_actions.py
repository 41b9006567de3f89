"""What can be done with any picture of the collection, as icons below its tile."""

from collections.abc import Callable
from enum import StrEnum

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.metric import Metric
from core.records import ImageRecord
from core.ui import links


class Lead(StrEnum):
    """Where the menu of a picture leads."""

    MAP = "Show on the map"
    CONFUSIONS = "Confusions of its class"


LEAD_ICONS = {Lead.MAP: "scatter_plot", Lead.CONFUSIONS: "grid_on"}


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
        options = leads(record)
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
        if len(options) > 1:
            _menu(options, record, key=key, name=name, metric=metric)
        elif options:
            _only_lead(options[0], record, key=key, name=name, metric=metric)


def icon_row(key: str) -> DeltaGenerator:
    """Return a row for buttons that show their icons alone, see `core.ui.tiles.STYLE`."""
    return st.container(
        key=f"icons_{key}",
        horizontal=True,
        gap=None,
        horizontal_alignment="distribute",
        wrap=False,
    )


def leads(record: ImageRecord) -> list[Lead]:
    """Return where the menu of a picture leads: one without a class has no confusions."""
    return [Lead.MAP, Lead.CONFUSIONS] if record.label else [Lead.MAP]


def take_lead(lead: Lead, record: ImageRecord, *, metric: Metric | None) -> None:
    """Go where a menu leads; a callback."""
    if lead is Lead.MAP:
        links.leave(links.to_map(record, metric=metric))
    else:
        links.leave(links.to_confusions(record.label))


def _menu(
    options: list[Lead], record: ImageRecord, *, key: str, name: str, metric: Metric | None
) -> None:
    st.menu_button(
        f"What else can be done with {name}",
        options,
        icon=":material/more_vert:",
        key=f"menu_{key}",
        type="tertiary",
        format_func=lambda lead: f":material/{LEAD_ICONS[lead]}: {lead}",
        on_click=_follow_menu,
        args=(f"menu_{key}", record, metric),
    )


def _only_lead(
    lead: Lead, record: ImageRecord, *, key: str, name: str, metric: Metric | None
) -> None:
    """A menu of one entry would be a press too many."""
    st.button(
        f"{lead}, {name}",
        icon=f":material/{LEAD_ICONS[lead]}:",
        key=f"lead_{key}",
        type="tertiary",
        help=lead.value,
        on_click=take_lead,
        args=(lead, record),
        kwargs={"metric": metric},
    )


def _follow_menu(menu: str, record: ImageRecord, metric: Metric | None) -> None:
    take_lead(Lead(st.session_state[menu]), record, metric=metric)
