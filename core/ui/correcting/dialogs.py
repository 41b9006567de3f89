"""What is drawn of corrections on every page: what was done last with a way back, the dialogs."""

from collections.abc import Sequence

import streamlit as st

from core.corrections.correction import Edit
from core.records import ImageRecord
from core.ui import resources
from core.ui.choosing import looked_at
from core.ui.correcting import actions
from core.ui.correcting.actions import Way
from core.ui.text import plain
from core.wording import counted

# Over the page, so that nothing on it moves: a map would be drawn anew.
STYLE = """
[data-testid="stLayoutWrapper"]:has(> .st-key-corrected) {
  position: fixed; z-index: 100; left: 50%; bottom: 1.5rem; transform: translateX(-50%);
  width: max-content; max-width: calc(100vw - 2rem);
}
.st-key-corrected:not(:empty) {
  padding: 0.25rem 0.5rem 0.25rem 1rem; border-radius: 8px;
  background: #2B2926; border: 1px solid rgba(255, 255, 255, 0.2);
  box-shadow: 0 2px 12px rgba(0, 0, 0, 0.35);
}
.st-key-corrected :is(p, button, span) { color: #FFFFFF !important; }
"""


def follow() -> None:
    """Draw what was done last with a way back, and the dialog that was asked for."""
    # Its place is there in every run, so that what follows keeps its own.
    with st.container(
        key="corrected", horizontal=True, gap="small", vertical_alignment="center", width="content"
    ):
        if done := actions.done():
            st.markdown(plain(done.said), width="content")
            if done.number is not None:
                st.button(
                    "Undo",
                    icon=":material/undo:",
                    type="tertiary",
                    key="correction_undo",
                    on_click=actions.undo,
                    args=(done.number, done.family),
                )
            with st.container(key="icons_correction", width="content"):
                st.button(
                    "Close",
                    icon=":material/close:",
                    type="tertiary",
                    key="correction_close",
                    on_click=actions.close,
                )
    if asked := actions.asked():
        (_tag_dialog if asked.way is Way.TAG else _class_dialog)(asked.records)


@st.dialog("Tags", icon=":material/sell:", on_dismiss=actions.forget)
def _tag_dialog(records: tuple[ImageRecord, ...]) -> None:
    said = resources.get_corrections(looked_at.family())
    st.caption(_whom(records))
    own = [set(said.of(record.path).tags) for record in records]
    common = sorted(set.intersection(*own))
    chosen = common
    if said.all_tags:
        chosen = st.pills(
            "Tags",
            said.all_tags,
            default=common,
            selection_mode="multi",
            format_func=plain,
            label_visibility="collapsed",
            wrap=True,
            key="correction_tags",
        )
    new = st.text_input(
        "New tags",
        placeholder="New tags, separated by commas",
        label_visibility="collapsed",
        key="correction_tag",
    )
    if st.button("Save", type="primary", key="correction_save"):
        added = (*(tag for tag in chosen if tag not in common), *([new] if new.strip() else []))
        gone = tuple(tag for tag in common if tag not in chosen)
        actions.change([record.path for record in records], Edit(tagged=added, untagged=gone))
        actions.forget()
        st.rerun()


@st.dialog("Another class", icon=":material/drive_file_move:", on_dismiss=actions.forget)
def _class_dialog(records: tuple[ImageRecord, ...]) -> None:
    said = resources.get_corrections(looked_at.family())
    st.caption(_whom(records))
    label = _class_control([c for c in resources.get_catalogue(looked_at.family()).by_class if c])
    with st.container(horizontal=True):
        give = st.button(
            "Give this class", type="primary", disabled=not label, key="correction_save"
        )
        is_given = any(said.of(record.path).label is not None for record in records)
        back = is_given and st.button("As indexed", key="correction_back")
    paths = [record.path for record in records]
    if back:
        actions.change(paths, Edit(label=""))
    elif give:
        actions.give_class(paths, label)
    if give or back:
        actions.forget()
        st.rerun()


def _class_control(known: Sequence[str]) -> str:
    """Ask for a class; empty as long as there is none.

    A new one has to be asked for: where the box took it, a part of a name and Enter would be one.
    """
    field = st.container()
    if not known or st.checkbox("A new class", key="correction_is_new"):
        return field.text_input(
            "New class",
            placeholder="Name of the new class",
            label_visibility="collapsed",
            key="correction_new",
        ).strip()
    chosen = field.selectbox(
        "Class",
        known,
        index=None,
        placeholder="Choose a class",
        label_visibility="collapsed",
        key="correction_class",
    )
    return chosen or ""


def _whom(records: Sequence[ImageRecord]) -> str:
    if len(records) == 1:
        return plain(f"{records[0].label or 'no class'}, {records[0].path}")
    return f"{counted(len(records), 'picture')}, such as {plain(records[0].path)}"
