"""A job of the map page: started, watched, stopped, asked for again."""

import time
from collections.abc import Callable

import streamlit as st

from core.progress import progress_text, share_done
from core.projection.jobs import Job, JobState, JobStatus
from core.ui.text import plain
from pages.embedding_map import cache


def follow(job: Job, *, or_else: str) -> JobState | None:
    """Start a job that nobody has started, show how far it is, or say why it is not running.

    Args:
        or_else: What is there without it; said when it was stopped.

    Returns:
        The state of a job that has ended; None while it waits or runs.
    """
    projector = cache.get_projector()
    state = projector.state(job.key)
    if state is None or (state.status is JobStatus.DONE and not state.position):
        projector.request(job)
    elif not state.is_open:
        _offer_again(job, state, or_else)
        return state
    _watch(job.key, job.neighbours.path.exists(), job)
    return None


def _offer_again(job: Job, state: JobState, or_else: str) -> None:
    if state.status is JobStatus.DONE:
        return
    if state.status is JobStatus.FAILED:
        st.error(plain(state.error), icon=":material/error:")
    else:
        st.info(f"The computation was stopped; {or_else}.", icon=":material/stop:")
    st.button(
        "Compute it now",
        icon=":material/play_arrow:",
        on_click=cache.get_projector().request,
        args=(job,),
        key=f"again_{job.key}",
    )


@st.fragment(run_every=1.0)
def _watch(key: str, had_neighbours: bool, job: Job) -> None:
    projector = cache.get_projector()
    state = projector.state(key)
    if state is None or not state.is_open:
        st.rerun()
    if not had_neighbours and job.neighbours.path.exists():
        st.rerun()
    _show(state, key=key, on_cancel=lambda: projector.cancel(key))


def _show(state: JobState, *, key: str, on_cancel: Callable[[], None]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key=f"map_progress_{key}"):
        st.progress(share_done(state.done, state.total), _job_text(state, time.monotonic()))
        st.button("Cancel", icon=":material/close:", on_click=on_cancel, key=f"map_cancel_{key}")


def _job_text(state: JobState, now: float) -> str:
    if state.status is JobStatus.WAITING:
        return "Waiting for another map to be computed"
    return progress_text(state.stage, state.done, state.total, left=state.seconds_left(now))
