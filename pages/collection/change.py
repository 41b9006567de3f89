"""Changes on the Collection page: what each will do, how long it took before, then the button."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from core.collection.info import CollectionInfo
from core.errors import DatasetError
from core.health.verify import Verification
from core.metric import Metric
from core.runs.history import how_long
from core.runs.reports import Repaired
from core.runs.task import (
    AddMetric,
    Drop,
    Prune,
    Reindex,
    RemoveClass,
    Repair,
    Task,
    TaskKind,
    Verify,
)
from core.ui import resources
from core.ui.text import plain
from core.wording import counted
from pages.collection import cache
from pages.collection.index_controls import index_control
from pages.collection.keys import Key
from pages.collection.run import run_panel
from pages.collection.state import forget_confirmation

Infos = dict[Metric, CollectionInfo]


@dataclass(frozen=True, slots=True)
class Change:
    """One kind of change.

    Attributes:
        what: What it will do, in words.
        ask: Draws the inputs and returns the task; None while it cannot be started.
    """

    kind: TaskKind
    what: str
    ask: Callable[[Infos], Task | None]


def show_change() -> None:
    """One change at a time: what it does, its inputs, its button."""
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
    by_name = {change.kind.value: change for change in CHANGES}
    change = by_name[st.selectbox("Change", list(by_name), key="change_kind")]
    _show_form(change, infos)
    run_panel(*CHANGING, tells_end=True)
    if change.kind in (TaskKind.VERIFY, TaskKind.REPAIR):
        _show_findings()


def _show_empty() -> None:
    """Without a row there is nothing to change but the collections themselves, to be dropped."""
    st.markdown("Nothing is indexed yet, so there is nothing to change.")
    empty = [one.info for one in cache.get_collections_health()]
    if empty and not any(info.is_foreign for info in empty):
        names = ", ".join(info.name for info in empty)
        st.markdown(plain(f"Empty collections: {names}. They can be dropped."))
        _show_form(DROPPING, {info.metric: info for info in empty})


def _show_form(change: Change, infos: Infos) -> None:
    with st.container(border=True):
        st.markdown(change.what)
        known = how_long(cache.get_history().runs, change.kind)
        st.caption(known or "No such run is in the history yet, so how long it takes is unknown.")
        task = change.ask(infos)
        state = cache.get_runner().state()
        st.button(
            change.kind.value,
            type="primary",
            key="change_start",
            disabled=task is None or bool(state and state.is_open),
            on_click=_start,
            args=(task,),
        )


def _start(task: Task) -> None:
    cache.start(task)
    forget_confirmation()


def _family() -> str:
    return resources.get_settings().collection


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
    records = resources.get_catalogue().by_class
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
    for run in cache.get_history().runs:
        report = run.report.verification if isinstance(run.report, Repaired) else run.report
        if isinstance(report, Verification):
            st.markdown(f"**Last comparison**, {run.started:%Y-%m-%d %H:%M} UTC")
            _show_verification(report)
            return


def _show_verification(report: Verification) -> None:
    if not report.findings:
        st.success("Collections and files agree.", icon=":material/check_circle:")
    for found in report.findings:
        examples = f", such as {', '.join(found.examples)}" if found.examples else ""
        st.warning(
            plain(f"{found.where}: {found.count:,} {found.problem}{examples}"),
            icon=":material/warning:",
        )


DROPPING = Change(
    TaskKind.DROP,
    "Deletes collections with all their rows; this cannot be undone. The pictures stay.",
    _ask_drop,
)
CHANGES = (
    Change(
        TaskKind.VERIFY,
        "Compares every collection with the files and with the other metrics, and reads every "
        "embedding and every file. Changes nothing.",
        lambda infos: Verify(_family()),
    ),
    Change(
        TaskKind.REPAIR,
        "Copies rows that one metric has and another lacks, then verifies. New and changed files "
        "need a build instead.",
        lambda infos: Repair(_family()),
    ),
    Change(
        TaskKind.PRUNE,
        "Deletes the rows of pictures whose files are gone from the dataset folder. Files are not "
        "touched.",
        _ask_prune,
    ),
    Change(
        TaskKind.ADD_METRIC,
        "Gives the collection one more metric. The stored embeddings are copied, nothing is "
        "encoded; the rows then take that much more space.",
        _ask_metric,
    ),
    Change(
        TaskKind.REINDEX,
        "Builds another index over the same rows. Searching goes on with the old one until the "
        "new one is loaded; meanwhile the rows take twice the space.",
        _ask_index,
    ),
    Change(
        TaskKind.REMOVE_CLASS,
        "Deletes the rows of one class from every metric. Its files stay: move them away, or the "
        "next build brings them back.",
        _ask_class,
    ),
    DROPPING,
)
CHANGING = tuple(change.kind for change in CHANGES)
