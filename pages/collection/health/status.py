"""Health: all is well or what to do, then cards with what that rests on."""

from collections.abc import Sequence

import streamlit as st

from core.collection.info import CollectionInfo
from core.errors import ImageError, OrchardError
from core.health.status import (
    Checks,
    CollectionHealth,
    DatabaseHealth,
    FilesHealth,
    concerns,
    files_and_rows,
)
from core.records import EncoderIdentity
from core.runs.run_record import RunState
from core.runs.task import TaskKind
from core.ui import resources
from core.ui.choosing import looked_at
from core.ui.text import plain
from core.wording import counted, sentence
from pages.collection import cache
from pages.collection.health.card import Sign, card, facts, size_text
from pages.collection.health.checks import (
    checks_that_hold,
    show_self_test,
    show_verification,
    unreadable_files,
)
from pages.collection.run import run_panel
from pages.collection.state import open_build, refuse

# Below this a build may not end.
_LITTLE_SPACE = 2e9
# What is half done is neither well nor wrong.
_LATER = (Sign.UNKNOWN, "Compared when the run has ended.")


def show_health() -> None:
    """Say at a glance whether all is well, then what that rests on."""
    database = cache.get_database()
    collections = [] if database.error else cache.get_collections_health(looked_at.family())
    rows = max((one.info.rows for one in collections), default=0)
    checks = checks_that_hold(rows) if rows else Checks()
    files = _count_files(collections[0].info, checks) if collections else None
    has_rows = rows > 0
    changing = _change_going_on()
    found = concerns(database, collections, files, checks, is_changing=changing is not None)
    if not database.error:
        cards = [_state_of_encoder(collections[0].info)] if collections else []
        cards.append(_state_of_storage(database))
        found += [said for sign, said in cards if sign in (Sign.LOOK, Sign.BAD)]
    _show_concerns(database, found, changing, known=checks if has_rows else None)
    if not database.error and not has_rows:
        _show_nothing_indexed()
    with st.grid(min_column_width=290, key="health_cards"):
        if files:
            _files_card(files, rows, checks, is_changing=changing is not None)
        if collections:
            _index_card(collections, is_changing=changing is not None)
            _encoder_card(collections[0].info)
        if has_rows:
            show_verification(checks)
            show_self_test(checks)
        _storage_card(database)
    if not has_rows:
        # A run that failed is told of although nothing is left to look at.
        run_panel(TaskKind.SELF_TEST, TaskKind.VERIFY)


def _change_going_on() -> RunState | None:
    state = resources.get_runner().state()
    changes = bool(state and state.is_open and state.task.kind.changes)
    return state if state and changes and state.task.family == looked_at.family() else None


def _count_files(info: CollectionInfo, checks: Checks) -> FilesHealth:
    try:
        folder = resources.dataset_folder(info)
    except ImageError as error:
        return FilesHealth("", None, error=str(error))
    accepted = resources.get_corrections(info.family).excluded
    if accepted:
        rows = resources.get_stored(info.family)
        accepted = accepted.difference(record.path for record in rows)
    return cache.get_files(str(folder), unreadable_files(info.name, checks), accepted)


def _show_concerns(
    database: DatabaseHealth,
    found: Sequence[str],
    changing: RunState | None,
    *,
    known: Checks | None,
) -> None:
    """Say how it stands.

    Args:
        found: What a person should look at.
        known: What was checked; None where there is nothing to check.
    """
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
    elif known and not changing:
        said = "All is well." if known.are_all_made else "No problem found in what was checked."
        st.success(said, icon=":material/check_circle:")


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


def _files_card(files: FilesHealth, rows: int, checks: Checks, *, is_changing: bool) -> None:
    sign, said = _LATER if is_changing else _files_against_rows(files, rows, checks)
    with card("Pictures and rows", sign, said, icon="photo_library"):
        if files.pictures is None:
            return
        facts(
            {
                "Folder": files.folder,
                "Pictures on disk": f"{files.pictures:,}",
                "Rows": f"{rows:,}",
                "Unreadable": f"{files.unreadable:,}",
                "Left out by corrections": f"{files.accepted:,}",
                "Unusable by name or kind": f"{files.skipped:,}",
                "Left out, not pictures": files.others or "none",
            }
        )


def _files_against_rows(files: FilesHealth, rows: int, checks: Checks) -> tuple[Sign, str]:
    if files.pictures is None:
        return Sign.LOOK, "The dataset folder cannot be read."
    is_well, said = files_and_rows(files, rows, checks.findings)
    return Sign.GOOD if is_well else Sign.LOOK, said


def _index_card(collections: list[CollectionHealth], *, is_changing: bool) -> None:
    sign, said = _LATER if is_changing else _state_of_indexes([one.info for one in collections])
    with card("Indexes", sign, said, icon="account_tree"):
        facts({one.info.metric.value: _index_facts(one) for one in collections})


def _state_of_indexes(infos: Sequence[CollectionInfo]) -> tuple[Sign, str]:
    named = ", ".join(info.metric for info in infos)
    if any(not info.complete for info in infos):
        return Sign.LOOK, f"{named}: the last indexing run did not finish."
    if any(info.pending_rows for info in infos):
        return Sign.LOOK, f"{named}: not every row is in the index yet."
    if len({info.rows for info in infos}) > 1:
        return Sign.LOOK, f"{named}: different numbers of rows."
    return Sign.GOOD, f"{named}: every row is in the index."


def _index_facts(one: CollectionHealth) -> str:
    info = one.info
    told = [counted(info.rows, "row"), f"{info.dimension:,} numbers each", info.index_text]
    if info.pending_rows:
        told.append(f"{info.pending_rows:,} pending")
    told.append("loaded" if one.loaded else "not loaded")
    return f"{info.name}, {', '.join(told)}"


def _running(wanted: EncoderIdentity) -> EncoderIdentity | None:
    """Return the encoder of a collection if it is loaded, else any: another may be beside it."""
    loaded = resources.loaded_encoders()
    return wanted if wanted in loaded else next(iter(loaded), None)


def _state_of_encoder(info: CollectionInfo) -> tuple[Sign, str]:
    running = _running(info.encoder)
    if not info.encoder.is_known:
        return Sign.UNKNOWN, "Others made the embeddings: uploads cannot be searched with."
    if running is None:
        return Sign.UNKNOWN, "Not loaded yet; the first upload loads it."
    if running == info.encoder:
        return Sign.GOOD, "Encoder matches the collection."
    return Sign.BAD, "Encoder differs: uploads cannot be searched with."


def _encoder_card(info: CollectionInfo) -> None:
    sign, said = _state_of_encoder(info)
    running = _running(info.encoder)
    with card("Encoder", sign, said, icon="memory"):
        if info.encoder.is_known and running is None:
            st.button(
                "Load and compare",
                icon=":material/compare_arrows:",
                on_click=_load_encoder,
                key="load_encoder",
            )
        lines = {"Collection": str(info.encoder)}
        facts(lines | ({"Dashboard": str(running)} if running else {}))


def _load_encoder() -> None:
    try:
        resources.get_encoder(
            next(iter(resources.get_collections(looked_at.family()).values())).encoder
        )
    except OrchardError as error:
        refuse(error)


def _state_of_storage(health: DatabaseHealth) -> tuple[Sign, str]:
    free = cache.get_free()
    sign, said = Sign.GOOD, f"{health.kind} answers"
    if health.milliseconds is None:
        sign, said = Sign.BAD, f"{health.kind} does not answer"
    elif free < _LITTLE_SPACE:
        sign = Sign.LOOK
    return sign, f"{said}; {size_text(free)} free."


def _storage_card(health: DatabaseHealth) -> None:
    sign, said = _state_of_storage(health)
    lines = {name: size_text(size) for name, size in cache.get_disk().items()}
    about = {"Version": health.version, "Address": health.address, "Name": health.database}
    if health.milliseconds is not None:
        about["Answered in"] = f"{health.milliseconds:.0f} ms"
    with card("Database and disk", sign, said, icon="database"):
        facts(about | {f"Size of {name.lower()}": size for name, size in lines.items()})
