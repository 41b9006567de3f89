"""The run that goes on, on every visitor's Collection page, how one ended, whether to go on."""

from collections.abc import Collection

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.encoder.weights import is_offline, is_offline_notice
from core.indexing.report import IndexReport
from core.progress import progress_text, share_done
from core.runs.result_text import result_text
from core.runs.run_record import RunState, RunStatus
from core.runs.task import Build, Reduce, TaskKind
from core.ui import resources
from core.ui.choosing import looked_at
from core.ui.text import plain
from core.wording import duration, sentence
from pages.collection import cache
from pages.collection.left_out import show_left_out, show_named
from pages.collection.state import current, pop_refusal


def show_news(*, beside: Collection[TaskKind], line: DeltaGenerator) -> None:
    """Say what concerns every part of the page: a refusal, a run that stopped, the end of one.

    Args:
        beside: Kinds whose run the part that is open shows beside the button that starts it.
        line: Where a run of another kind has one line.
    """
    if refusal := pop_refusal():
        st.error(plain(sentence(refusal)), icon=":material/block:")
    state = resources.get_runner().state()
    if state and state.is_open:
        current().watched = state.name
        if state.task.kind not in beside:
            with line:
                _watch_in_a_line(_mark(state))
        return
    _watch_from_afar(_mark(state))
    if state and current().watched == state.name:
        current().watched = ""
        _toast(state)
    _offer_to_continue()


def run_panel(*kinds: TaskKind, tells_end: bool = False) -> None:
    """Show a run of some kinds as it goes on, beside the button that starts it, and its failure.

    Args:
        tells_end: Whether what came of it stays until it is closed; not where the part shows that
            by itself.
    """
    state = resources.get_runner().state()
    if state is None or state.task.kind not in kinds:
        return
    if state.is_open:
        _watch_closely(_mark(state))
    elif tells_end or state.status is not RunStatus.DONE:
        _show_end(state)


# Beside a button that waits for it.
BUSY = "A run is going on."


def is_busy() -> bool:
    """Whether a run goes on, so that no other can be started."""
    state = resources.get_runner().state()
    return bool(state and state.is_open)


def run_text(state: RunState) -> str:
    """Return one line about a run: stage, count, rate and time left."""
    if state.cancelling:
        return "Stopping; what is done so far is kept"
    return progress_text(
        state.stage, state.done, state.total, rate=state.rate, left=state.seconds_left
    )


def summary(state: RunState) -> str:
    """Return what a finished run did, in one line."""
    return f"{state.title}: done in {duration(state.seconds)}. {sentence(result_text(state))}"


def _mark(state: RunState | None) -> str:
    return f"{state.name} {state.status}" if state else ""


@st.fragment(run_every=1.0)
def _watch_closely(mark: str) -> None:
    runner = resources.get_runner()
    state = runner.state()
    if state is None or not state.is_open or _mark(state) != mark:
        st.rerun()
    with st.container(key="run"):
        st.markdown(f":material/sync: **{plain(state.title)}**")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.progress(share_done(state.done, state.total), run_text(state))
            st.button(
                "Cancel",
                icon=":material/stop:",
                on_click=runner.cancel,
                args=(state.name,),
                disabled=state.cancelling,
                help="What is done so far is kept; a run that changes something can be continued.",
                key="run_cancel",
            )
        _show_notes(state)
        show_named("skipped", state.skipped, state.skipped_count)


@st.fragment(run_every=1.0)
def _watch_in_a_line(mark: str) -> None:
    state = resources.get_runner().state()
    if state is None or not state.is_open or _mark(state) != mark:
        st.rerun()
    st.markdown(f":material/sync: :small[**{state.task.kind}** {plain(run_text(state))}]")


@st.fragment(run_every=3.0)
def _watch_from_afar(mark: str) -> None:
    # Somebody else may start a run.
    if _mark(resources.get_runner().state()) != mark:
        st.rerun()


def _toast(state: RunState) -> None:
    if state.status is RunStatus.DONE:
        st.toast(plain(summary(state)), icon=":material/check_circle:")
    else:
        st.toast(plain(f"{state.title}: {state.status}"), icon=":material/warning:")


def _show_end(state: RunState) -> None:
    if current().closed == state.name:
        return
    if state.status is not RunStatus.DONE:
        # One that can be continued is offered below, until it is dismissed.
        if state.task.kind.is_resumable and not state.cannot_succeed:
            return
        text = f"{state.title}: {state.status}. {sentence(state.error)}"
        st.warning(plain(text), icon=":material/warning:")
    else:
        st.success(plain(summary(state)), icon=":material/check_circle:")
    _show_notes(state)
    show_named("skipped", state.skipped, state.skipped_count)
    if isinstance(state.report, IndexReport):
        show_left_out(state.report.left_out)
    with st.container(horizontal=True, gap="small"):
        if isinstance(state.task, Reduce) and state.status is RunStatus.DONE:
            _look_button(state.task.name)
        st.button("Close", icon=":material/close:", on_click=_close, args=(state,), key="run_close")


def _show_notes(state: RunState) -> None:
    # Every page says so above, once the collection is there.
    is_said = any(is_offline(info.encoder) for info in cache.find_infos().values())
    for note in state.notes:
        if not (is_said and is_offline_notice(note)):
            st.info(plain(note), icon=":material/info:")


def _look_button(name: str) -> None:
    """Offer to look at a collection that was built, unless that is done already."""
    if name != looked_at.family():
        st.button(
            f"Look at {plain(name)}",
            icon=":material/visibility:",
            on_click=looked_at.choose,
            args=(name,),
            key="run_look",
        )


def _close(state: RunState) -> None:
    current().closed = state.name


def _offer_to_continue() -> None:
    runner = resources.get_runner()
    settings = resources.get_settings()
    state = runner.unfinished(looked_at.family())
    if state is None or _is_settled(state):
        return
    why = {
        RunStatus.CANCELLED: "was cancelled",
        RunStatus.FAILED: "failed",
        RunStatus.INTERRUPTED: "was cut off when the dashboard stopped",
    }[state.status]
    text = f"{state.title} {why}."
    if state.error:
        text += f" {sentence(state.error)}"
    if state.status is RunStatus.FAILED:
        st.error(plain(text), icon=":material/error:")
    else:
        st.warning(plain(text), icon=":material/pause_circle:")
    show_named("skipped", state.skipped, state.skipped_count)
    if settings.read_only:
        return
    with st.container(horizontal=True):
        st.button(
            "Continue",
            icon=":material/play_arrow:",
            type="primary",
            on_click=cache.start,
            args=(state.task,),
            key="run_continue",
            help="What is there already is not done again.",
        )
        st.button("Dismiss", on_click=cache.dismiss, args=(state,), key="run_dismiss")


def _is_settled(state: RunState) -> bool:
    """Whether a build that was cut off has been brought to its end since, at the command line."""
    task, infos = state.task, cache.find_infos()
    return (
        state.status is RunStatus.INTERRUPTED
        and isinstance(task, Build)
        and set(task.metrics) <= set(infos)
        and all(info.complete and info.dataset == task.folder for info in infos.values())
        and (not task.recreate or all(info.begun_by == task.token for info in infos.values()))
    )
