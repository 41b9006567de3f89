"""Reports in the making: one that was asked for, and the first, which makes itself."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence

import streamlit as st

from core.collection.info import CollectionInfo
from core.errors import BusyError
from core.evaluation.report import Request
from core.metric import Metric
from core.runs.runner import is_running
from core.ui import progress, resources
from core.wording import counted
from pages.evaluation import cache as shared
from pages.evaluation import state
from pages.evaluation.reports.request import first_request

# Up to so many the first report takes well under a minute.
_MOST_AT_ONCE = 20_000
_LOOK_AGAIN_SECONDS = 1.0
_CANCELLED = "The report was cancelled; nothing was saved."
_CANCELLED_BESIDE = "Cancelled. Reports that were done by then are kept."


def run_wanted() -> None:
    """Run the reports that were asked for, if any were; anything that is pressed stops them.

    Raises:
        OrchardError: As `cache.make_report`.
    """
    wanted, opens = state.take_wanted(), state.current().opens
    if not wanted:
        return
    if opens:
        _run(*wanted[0])
    else:
        _run_beside(wanted)


def first_report(infos: Mapping[Metric, CollectionInfo]) -> None:
    """Where there is no report: make the usual one at once if that is quick, else offer it.

    Of two visitors who come at the same time one makes it, and the other waits for it.
    """
    info = next(iter(infos.values()))
    request, metric = first_request(infos)
    if shared.is_measuring():
        _wait_for_another()
        return
    if _makes_itself(info):
        with progress.errors_in_place():
            _run(request, metric, first=True)
    with st.container(horizontal_alignment="center", gap="small"):
        st.subheader("How often are the hits right?", text_alignment="center")
        st.markdown(_what(request, info), text_alignment="center")
        st.button(
            "Measure accuracy",
            type="primary",
            icon=":material/play_arrow:",
            on_click=state.want,
            args=(request, metric),
        )


def _makes_itself(info: CollectionInfo) -> bool:
    return (
        info.rows <= _MOST_AT_ONCE
        and info.complete
        # Whoever follows a link to a report wants that one.
        and not state.asked()
        # Those cannot be opened, which the page says: they are not to be lost sight of.
        and not shared.get_report_list().unreadable
        and not resources.get_settings().read_only
        and not shared.is_first_report_declined()
        and not is_running(resources.get_settings().data.runs)
    )


def _run(request: Request, metric: Metric, *, first: bool = False) -> None:
    """Make a report with progress and open it."""
    make = shared.make_first_report if first else shared.make_report
    try:
        with progress.cancellable(_CANCELLED) as show, _outline(shown=first):
            state.current().made = make(request, metric, on_progress=show)
    except BusyError:
        if not first:
            raise
        # Somebody else began in the same moment.
    except Exception:
        # Else it would be tried again with every visit.
        shared.decline_first_report()
        raise
    st.rerun()


def _run_beside(wanted: Sequence[tuple[Request, Metric]]) -> None:
    """Make reports one after the other; the one that is open stays open."""
    said = st.empty()
    with progress.cancellable(_CANCELLED_BESIDE) as show:
        for number, (request, metric) in enumerate(wanted, start=1):
            said.caption(f"Measuring {metric}, {number} of {len(wanted)}")
            shared.make_report(request, metric, on_progress=show)
    st.rerun()


@contextlib.contextmanager
def _outline(*, shown: bool) -> Iterator[None]:
    """Show what is coming, in grey and in its shape, until it is there."""
    place = st.empty()
    if shown:
        with place.container():
            st.skeleton(height=48)
            with st.container(horizontal=True, gap="small"):
                for _ in range(4):
                    st.skeleton(height=72, width=160)
            st.skeleton(height=40)
            st.skeleton(height=420)
    try:
        yield
    except Exception:
        place.empty()
        raise


@st.fragment(run_every=_LOOK_AGAIN_SECONDS)
def _wait_for_another() -> None:
    """Wait for the report of another visitor, and go on once it is there or was given up."""
    if shared.own_reports() or not shared.is_measuring():
        st.rerun()
    st.info(
        "The first report is being made for somebody else. It appears here too.",
        icon=":material/hourglass:",
    )


def _what(request: Request, info: CollectionInfo) -> str:
    pictures = counted(info.rows, "picture")
    if request.sample:
        return (
            f"Up to {request.sample:,} of {pictures}, drawn from every class, are searched with, "
            "and their hits are compared with their class."
        )
    return f"Each of {pictures} is searched with, and its hits are compared with its class."
