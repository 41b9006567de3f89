"""What can be done with any picture of the collection, as icons below its tile."""

from enum import StrEnum

import streamlit as st

from core.metric import Metric
from core.records import ImageRecord
from core.ui import links


class Lead(StrEnum):
    """Where the menu of a picture leads."""

    MAP = "Show on the map"
    CONFUSIONS = "Confusions of its class"


LEAD_ICONS = {Lead.MAP: "scatter_plot", Lead.CONFUSIONS: "grid_on"}


def lead_on(record: ImageRecord, *, key: str, name: str, metric: Metric | None = None) -> None:
    """Draw the icons below a tile: search with the picture, and a menu of where else it leads.

    Args:
        key: Tells the tiles of a page apart.
        name: What the picture is called for those who do not see it.
        metric: By which Search and the map are to compare it; None leaves it to them.
    """
    with st.container(
        key=f"icons_{key}",
        horizontal=True,
        gap=None,
        horizontal_alignment="distribute",
        wrap=False,
    ):
        st.button(
            f"Search with {name}",
            icon=":material/image_search:",
            key=f"search_{key}",
            type="tertiary",
            help="Search with this picture",
            on_click=links.leave,
            args=(links.to_search([record.id], metric=metric),),
        )
        st.menu_button(
            f"What else can be done with {name}",
            leads(record),
            icon=":material/more_vert:",
            key=f"menu_{key}",
            type="tertiary",
            format_func=lambda lead: f":material/{LEAD_ICONS[lead]}: {lead}",
            on_click=_follow_menu,
            args=(f"menu_{key}", record, metric),
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


def _follow_menu(menu: str, record: ImageRecord, metric: Metric | None) -> None:
    take_lead(Lead(st.session_state[menu]), record, metric=metric)
