"""A saved report: given a name, or deleted."""

import streamlit as st

from core.evaluation.files import MOST_TITLE, ListedReport
from core.ui import progress, resources
from core.ui.text import plain
from pages.evaluation import cache as shared
from pages.evaluation import state
from pages.evaluation.reports.names import browser_zone, describe


def edit_buttons() -> None:
    """Offer to name the report that is open, and to delete it."""
    if resources.get_settings().read_only:
        return
    with st.container(horizontal=True, gap="small"):
        st.button(
            "Rename",
            icon=":material/edit:",
            type="tertiary",
            on_click=state.open_dialog,
            args=(state.Dialog.RENAME,),
        )
        st.button(
            "Delete",
            icon=":material/delete:",
            type="tertiary",
            on_click=state.open_dialog,
            args=(state.Dialog.DELETE,),
        )


@st.dialog("Name of the report", icon=":material/edit:", on_dismiss=state.close_dialog)
def rename_report(report: ListedReport) -> None:
    """Ask for a name; an empty one is that of what was measured."""
    with st.form("name", border=False):
        title = st.text_input(
            "Name",
            value=report.title,
            placeholder=describe(report.configuration, zone=browser_zone()),
            max_chars=MOST_TITLE,
        )
        pressed = st.form_submit_button("Save", type="primary", icon=":material/check:")
    if pressed:
        with progress.errors_in_place():
            shared.rename_report(report.name, title)
            state.close_dialog()
            st.rerun()


@st.dialog("Delete this report?", icon=":material/delete:", on_dismiss=state.close_dialog)
def delete_report(report: ListedReport) -> None:
    """Ask whether the report is to be deleted, and do so."""
    called = report.title or describe(report.configuration, zone=browser_zone())
    st.markdown(
        f"**{plain(called)}** and its files are deleted for everybody. They cannot be brought "
        "back; the collection stays as it is."
    )
    with st.container(horizontal=True):
        pressed = st.button("Delete it", type="primary", icon=":material/delete:")
        kept = st.button("Keep it")
    if pressed:
        with progress.errors_in_place():
            shared.delete_report(report.name)
            state.forget_report()
            state.close_dialog()
            st.rerun()
    if kept:
        state.close_dialog()
        st.rerun()
