"""Changes on the Collection page: a card for each, with what it does and its button."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from core.collection.info import CollectionInfo
from core.config import require_name
from core.errors import DatasetError, SettingsError
from core.metric import Metric
from core.runs.history import how_long
from core.runs.task import (
    AddMetric,
    Drop,
    Prune,
    Reindex,
    RemoveClass,
    Rename,
    Repair,
    Task,
    TaskKind,
    Verify,
)
from core.ui import resources
from core.ui.choosing import looked_at
from core.ui.controls import is_dark
from core.ui.text import plain
from core.wording import counted, sentence
from pages.collection import cache, state
from pages.collection.health.checks import last_verification, show_findings
from pages.collection.index_controls import index_control
from pages.collection.keys import Key
from pages.collection.run import BUSY, is_busy, run_panel

Infos = dict[Metric, CollectionInfo]


@dataclass(frozen=True, slots=True)
class Change:
    """One kind of change.

    Attributes:
        icon: Name of a Material icon.
        what: What it does, in a sentence.
        ask: Draws the inputs and returns the task; None while it cannot be started.
        asks: Whether there are inputs; without, the button of the card starts it.
        more: What to know before it is started.
        is_dangerous: Whether what it deletes does not come back by itself.
    """

    kind: TaskKind
    icon: str
    what: str
    ask: Callable[[Infos], Task | None]
    asks: bool = True
    more: str = ""
    is_dangerous: bool = False


def show_change() -> None:
    """A card for every change; the inputs of one at a time."""
    infos = cache.find_infos()
    if not infos:
        _show_empty()
        return
    if any(info.is_foreign for info in infos.values()):
        st.info(
            "Others made this collection, so it is only read: nothing here can change it.",
            icon=":material/info:",
        )
        return
    _redden()
    for change in CHANGES:
        _show_card(change, infos)


def _redden() -> None:
    """Make the buttons of what is dangerous red, which buttons have no setting for."""
    red, on_red = ("#FF8A80", "#16171A") if is_dark() else ("#B3261E", "#FFFFFF")
    button = '[class*="st-key-danger_"] [data-testid="stBaseButton-'
    st.html(
        f'<style>{button}secondary"] {{ color: {red}; border-color: {red}; }}'
        f'{button}primary"]:not(:disabled) {{ color: {on_red}; background: {red}; '
        f"border-color: {red}; }}</style>"
    )


def _show_empty() -> None:
    """Without a row there is nothing to change but the collections themselves, to be dropped."""
    st.markdown("Nothing is indexed yet, so there is nothing to change.")
    empty = [one.info for one in cache.get_collections_health(_family())]
    if empty and not any(info.is_foreign for info in empty):
        names = ", ".join(info.name for info in empty)
        st.markdown(plain(f"Empty collections: {names}. They can be dropped."))
        _redden()
        with st.container(border=True, key="danger_drop"):
            _show_form(DROPPING, {info.metric: info for info in empty})
    run_panel(*CHANGING, tells_end=True)


def _show_card(change: Change, infos: Infos) -> None:
    title = f":material/{change.icon}: **{change.kind}**"
    if change.is_dangerous:
        title = f":red[{title}]"
    name = change.kind.name.lower()
    is_open = state.current().change is change.kind
    with st.container(border=True, key=f"{'danger' if change.is_dangerous else 'card'}_{name}"):
        with st.container(horizontal=True, vertical_alignment="center", wrap=False):
            st.markdown(f"{title}  \n:small[{change.what}]", width="stretch")
            if not change.asks:
                _start_button(change, change.ask(infos), key=f"change_{name}")
            else:
                st.button(
                    "Close" if is_open else change.kind.value,
                    key=f"change_{name}",
                    on_click=state.open_change,
                    args=(None if is_open else change.kind,),
                )
        if change.asks and is_open:
            _show_form(change, infos)
        if change.kind is TaskKind.VERIFY:
            _show_findings()
        # What a comparison has found stands there already.
        run_panel(change.kind, tells_end=change.kind is not TaskKind.VERIFY)


def _show_form(change: Change, infos: Infos) -> None:
    known = how_long(cache.get_history().runs, change.kind)
    if said := " ".join(filter(None, (change.more, known))):
        st.caption(said)
    _start_button(change, change.ask(infos), key="change_start", type="primary")


def _start_button(
    change: Change,
    task: Task | None,
    *,
    key: str,
    type: Literal["primary", "secondary"] = "secondary",
) -> None:
    busy = is_busy()
    st.button(
        change.kind.value,
        type=type,
        key=key,
        disabled=task is None or busy,
        help=BUSY if busy else None,
        on_click=_start,
        args=(task,),
    )


def _start(task: Task) -> None:
    cache.start(task)
    state.forget_confirmation()


def _family() -> str:
    return looked_at.family()


def _ask_metric(infos: Infos) -> Task | None:
    missing = [metric for metric in Metric if metric not in infos]
    if not missing:
        st.info("All three metrics are there.", icon=":material/info:")
        return None
    metric = st.segmented_control(
        "Metric", missing, default=missing[0], required=True, key=_key("change_metric", infos)
    )
    index = index_control("change_add", rows=_rows(infos))
    return AddMetric(_family(), metric or missing[0], index)


def _ask_index(infos: Infos) -> Task | None:
    chosen = _metrics_control("change_metrics", infos)
    index = index_control("change_index", rows=_rows(infos))
    if not chosen:
        return None
    return Reindex(_family(), tuple(chosen), index)


def _ask_prune(infos: Infos) -> Task | None:
    family = _family()
    folder = resources.dataset_folder(next(iter(infos.values())))
    try:
        gone = cache.get_gone(family, str(folder))
    except DatasetError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None
    count = len(gone.paths)
    if not count:
        st.info("Every row has its file, so there is nothing to prune.", icon=":material/info:")
        return None
    how_many = f"{count:,} of {counted(gone.total, 'picture')}"
    st.warning(
        plain(
            f"The files of {how_many} are gone from {folder}, such as {min(gone.paths.values())}. "
            "This deletes their rows."
        ),
        icon=":material/warning:",
    )
    # The key holds the number: who agreed to few has not agreed to many.
    if gone.is_unusual and not st.checkbox(
        f"That is a large part. The folder is complete: delete the rows of {how_many}",
        key=f"change_prune_{count}",
    ):
        return None
    return Prune(family, agreed=count)


def _ask_class(infos: Infos) -> Task | None:
    records = resources.get_catalogue(looked_at.family()).by_class
    label = st.selectbox(
        "Class",
        list(records),
        index=None,
        format_func=lambda name: name or "no class",
        placeholder="Choose a class",
        key="change_class",
    )
    if label is None:
        return None
    st.warning(
        plain(
            f"This removes {counted(len(records[label]), 'picture')} of {label or 'no class'} "
            "from the collection."
        ),
        icon=":material/warning:",
    )
    return RemoveClass(_family(), label)


def _ask_name(_: Infos) -> Task | None:
    family = _family()
    name = st.text_input("New name", key=f"change_name_{family}").strip()
    if not name:
        return None
    try:
        require_name(name)
    except SettingsError as error:
        st.error(plain(sentence(str(error))), icon=":material/error:")
        return None
    if name in {one.name for one in looked_at.offered()}:
        st.error(plain(f"There is a collection {name} already."), icon=":material/error:")
        return None
    if family == looked_at.usual():
        st.caption(
            f"ORCHARD\\_COLLECTION is {plain(family)}: set it to {plain(name)}, or visitors and "
            "scripts that name no collection find nothing."
        )
    return Rename(family, name)


def _ask_drop(infos: Infos) -> Task | None:
    family = _family()
    chosen = _metrics_control("change_drop", infos)
    typed = st.text_input(
        f"Type the collection's name, {plain(family)}, to confirm", key=Key.CONFIRM
    )
    if typed.strip() not in ("", family):
        st.caption(plain(f"This is not the name {family}."))
    if typed.strip() != family or not chosen:
        return None
    return Drop(family, tuple(chosen))


def _metrics_control(key: str, infos: Infos) -> list[Metric]:
    chosen = st.segmented_control(
        "Metrics",
        list(infos),
        default=list(infos),
        selection_mode="multi",
        key=_key(key, infos),
    )
    if not chosen:
        st.caption("Choose at least one metric.")
    return chosen


def _rows(infos: Infos) -> int:
    return max(info.rows for info in infos.values())


def _key(name: str, infos: Infos) -> str:
    """Another widget when there are other metrics: one that loses options loses its choice."""
    return "_".join([name, *infos])


def _show_findings() -> None:
    past, report = last_verification(cache.get_own_runs())
    if past and report:
        found = counted(len(report.findings), "finding")
        title = f"Last comparison, {past.started:%Y-%m-%d %H:%M} UTC: {found}"
        with st.expander(title, type="compact", expanded=bool(report.findings)):
            show_findings(report)


DROPPING = Change(
    TaskKind.DROP,
    "delete_forever",
    "Deletes collections with all their rows; this cannot be undone. The pictures stay.",
    _ask_drop,
    is_dangerous=True,
)
CHANGES = (
    Change(
        TaskKind.VERIFY,
        "rule",
        "Checks files against rows. Changes nothing.",
        lambda infos: Verify(_family()),
        asks=False,
    ),
    Change(
        TaskKind.REPAIR,
        "healing",
        "Copies rows that one metric has and another lacks; new and changed files need a build.",
        lambda infos: Repair(_family()),
        asks=False,
    ),
    Change(
        TaskKind.PRUNE,
        "content_cut",
        "Deletes the rows of pictures whose files are gone.",
        _ask_prune,
    ),
    Change(
        TaskKind.ADD_METRIC,
        "add_circle",
        "Copies the stored embeddings for one more metric; nothing is encoded.",
        _ask_metric,
        more="The rows then take that much more space.",
    ),
    Change(
        TaskKind.REINDEX,
        "account_tree",
        "Builds another index over the same rows; the old one answers until it is loaded.",
        _ask_index,
        more="Meanwhile the rows take twice the space.",
    ),
    Change(
        TaskKind.RENAME,
        "edit",
        "Gives the collection another name.",
        _ask_name,
        more="Corrections, maps and measured indexes go along; saved reports keep the old name. "
        "Rename it back to undo this.",
    ),
    Change(
        TaskKind.REMOVE_CLASS,
        "label_off",
        "Deletes the rows of one class from every metric. Its files stay.",
        _ask_class,
        more="Move the files away, or the next build brings them back.",
        is_dangerous=True,
    ),
    DROPPING,
)
CHANGING = tuple(change.kind for change in CHANGES)
