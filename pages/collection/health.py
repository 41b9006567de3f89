"""Health on the Collection page: database, collections, encoder, files, disk, self-test."""

import streamlit as st

from core.collection.info import CollectionInfo
from core.errors import ImageError, OrchardError
from core.health.self_test import Outcome, SelfTest
from core.health.status import CollectionHealth, DatabaseHealth, FilesHealth, concerns
from core.runs.history import how_long
from core.runs.task import RunSelfTest, TaskKind
from core.ui import resources
from core.ui.text import plain
from core.wording import duration, sentence
from pages.collection import cache
from pages.collection.run import run_panel
from pages.collection.state import open_build, refuse

_VERDICTS = {
    Outcome.PASSED: ":green[:material/check:] passed",
    Outcome.FAILED: ":red[:material/close:] **failed**",
    Outcome.NOT_APPLICABLE: ":material/remove: not applicable",
}


def show_health() -> None:
    """Say at a glance whether all is well, then the facts."""
    database = cache.get_database()
    collections = [] if database.error else cache.get_collections_health()
    files = None
    if collections:
        files = _count_files(collections[0].info)
    _show_concerns(database, collections, files)
    has_rows = any(one.info.rows for one in collections)
    if not database.error and not has_rows:
        _show_nothing_indexed()
    if collections:
        _show_collections(collections)
    with st.container(horizontal=True, key="health_cards"):
        _show_database(database)
        if collections:
            _show_encoder(collections)
        if files:
            _show_files(files, collections)
        _show_disk()
    if has_rows:
        _show_self_test()
    run_panel(TaskKind.SELF_TEST)


def _count_files(info: CollectionInfo) -> FilesHealth:
    try:
        folder = resources.dataset_folder(info)
    except ImageError as error:
        return FilesHealth("", None, error=str(error))
    return cache.get_files(str(folder), info.name)


def _show_concerns(
    database: DatabaseHealth, collections: list[CollectionHealth], files: FilesHealth | None
) -> None:
    state = cache.get_runner().state()
    changing = state if state and state.is_open and state.task.kind.changes else None
    found = concerns(database, collections, files, is_changing=changing is not None)
    if changing and not database.error:
        text = f"A run is going on: {changing.title}. Rows and files are compared afterwards."
        st.info(plain(text), icon=":material/sync:")
    if database.error:
        st.error(plain(sentence(database.error)), icon=":material/cloud_off:")
        st.button("Try again", icon=":material/refresh:", on_click=cache.forget)
    elif found:
        for concern in found:
            st.warning(plain(sentence(concern)), icon=":material/warning:")
        if resources.get_settings().read_only:
            st.caption("This Orchard is read-only; ask its operator to fix this.")
    elif not changing and any(one.info.rows for one in collections):
        st.success("All is well.", icon=":material/check_circle:")


def _show_nothing_indexed() -> None:
    if resources.get_settings().read_only:
        st.markdown(":material/inbox: Nothing is indexed yet.")
        return
    st.markdown(":material/inbox: Nothing is indexed yet, so there is nothing to search.")
    st.button(
        "Build a collection",
        icon=":material/construction:",
        type="primary",
        on_click=open_build,
        key="health_build",
    )


def _show_collections(collections: list[CollectionHealth]) -> None:
    rows = []
    for one in collections:
        info = one.info
        parameters = f"nlist {info.nlist:,}" if info.nlist else ""
        if info.m:
            parameters = f"M {info.m}, efConstruction {info.ef_construction}"
        rows.append(
            {
                "Collection": info.name,
                "Metric": info.metric.value,
                "Rows": info.rows,
                "Dimension": info.dimension,
                "Index": info.index_type or "none",
                "Parameters": parameters,
                "Indexed": info.rows - info.pending_rows,
                "Pending": info.pending_rows,
                "Loaded": one.loaded,
                "Complete": info.complete,
            }
        )
    counts = ("Rows", "Dimension", "Indexed", "Pending")
    st.dataframe(
        rows,
        hide_index=True,
        key="health_table",
        column_config={name: st.column_config.NumberColumn(format="localized") for name in counts},
    )


def _card(title: str, lines: dict[str, str]) -> None:
    with st.container(border=True, width=320, gap="small"):
        st.markdown(f"**{title}**")
        st.markdown("  \n".join(f"{name}: {plain(value)}" for name, value in lines.items()))


def _show_database(health: DatabaseHealth) -> None:
    lines = {
        "Kind": health.kind,
        "Version": health.version,
        "Address": health.address,
        "Name": health.database,
    }
    if health.milliseconds is not None:
        lines["Reachable"] = f"yes, answered in {health.milliseconds:.0f} ms"
    else:
        lines["Reachable"] = "no"
    _card("Database", lines)


def _show_encoder(collections: list[CollectionHealth]) -> None:
    wanted = collections[0].info.encoder
    running = resources.loaded_encoder()
    with st.container(border=True, width=320, gap="small"):
        st.markdown("**Encoder**")
        st.markdown(f"Of the collection: {plain(str(wanted))}")
        if not wanted.is_known:
            st.markdown("Others made the embeddings; uploads cannot be searched with.")
            return
        if running is None:
            st.markdown("Of this dashboard: not loaded yet")
            st.button(
                "Load and compare",
                icon=":material/compare_arrows:",
                on_click=_load_encoder,
                key="load_encoder",
            )
            return
        st.markdown(f"Of this dashboard: {plain(str(running))}")
        if running == wanted:
            st.markdown(":green[:material/check:] They agree.")
        else:
            st.markdown(":red[:material/close:] They differ: uploads cannot be searched with.")


def _load_encoder() -> None:
    try:
        resources.get_encoder(next(iter(resources.get_collections().values())).encoder)
    except OrchardError as error:
        refuse(error)


def _show_files(files: FilesHealth, collections: list[CollectionHealth]) -> None:
    rows = max(one.info.rows for one in collections)
    lines = {"Folder": files.folder}
    if files.pictures is not None:
        lines["Pictures on disk"] = f"{files.pictures:,}"
        lines["Rows"] = f"{rows:,}"
        lines["Unreadable in the last build"] = f"{files.unreadable:,}"
        lines["Unusable by name or kind"] = f"{files.skipped:,}"
        lines["Other files"] = f"{files.other:,}"
    else:
        lines["State"] = "cannot be read"
    _card("Dataset", lines)


def _show_disk() -> None:
    used = cache.get_disk()
    lines = {name: size_text(size) for name, size in used.items()}
    if not resources.get_settings().is_lite:
        lines = {"Database": "on its server", **lines}
    _card("Disk", lines)


def size_text(size: int) -> str:
    """Return bytes as a person says them, in powers of 1,000."""
    for unit, power in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= power:
            return f"{size / power:.1f} {unit}"
    return f"{size} B"


def _show_self_test() -> None:
    runs = cache.get_history().runs
    state = cache.get_runner().state()
    st.markdown("#### Self-test")
    st.caption(
        "Known pictures find themselves at rank 1 (under IP those with longer embeddings may "
        "rightly come first), nprobe has an effect, and approximate search at nprobe = nlist "
        "agrees with exact search: a recall of 1. "
        + (how_long(runs, TaskKind.SELF_TEST) or "It reads every embedding once.")
    )
    st.button(
        "Run the self-test",
        icon=":material/verified:",
        on_click=cache.start,
        args=(RunSelfTest(resources.get_settings().collection),),
        disabled=bool(state and state.is_open),
        key="self_test",
    )
    for run in runs:
        if isinstance(run.report, SelfTest):
            st.caption(f"{run.started:%Y-%m-%d %H:%M} UTC, {duration(run.seconds)}")
            _show_checks(run.report)
            return


def _show_checks(report: SelfTest) -> None:
    for check in report.checks:
        verdict = _VERDICTS[check.verdict]
        st.markdown(
            f"{verdict} **{plain(check.metric)}** {plain(check.name)}: {plain(check.detail)}"
        )
