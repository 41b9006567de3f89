"""Cards of what is checked on request: files against rows, and the self-test."""

from collections.abc import Sequence

import streamlit as st

from core.corrections.correction import UNREADABLE, Edit
from core.health.self_test import Outcome, SelfTest
from core.health.verify import Verification
from core.runs.history import PastRun, how_long
from core.runs.reports import Repaired
from core.runs.task import RunSelfTest, Task, TaskKind, Verify
from core.ui import resources
from core.ui.choosing import looked_at
from core.ui.correcting import actions
from core.ui.text import plain
from core.wording import counted
from pages.collection import cache
from pages.collection.health.card import Sign, card
from pages.collection.run import BUSY, is_busy, run_panel

_SHOWN = 20
_VERDICTS = {
    Outcome.PASSED: ":green[:material/check:] passed",
    Outcome.FAILED: ":red[:material/close:] **failed**",
    Outcome.NOT_APPLICABLE: ":material/remove: not applicable",
}


def show_verification() -> None:
    """The last comparison of files and rows, and a button for the next one."""
    past, report = last_verification(cache.get_own_runs())
    if past is None or report is None:
        sign, said = Sign.UNKNOWN, "Never checked."
    elif report.findings:
        sign = Sign.LOOK
        said = f"{counted(len(report.findings), 'finding')}, {_moment(past)}."
    else:
        left = f"; {counted(len(report.accepted), 'file')} left out" if report.accepted else ""
        sign, said = Sign.GOOD, f"Collections and files agree{left}, {_moment(past)}."
    with card("Files against rows", sign, said, icon="rule"):
        _start_button("Verify", Verify(_family()), icon="rule", key="verify")
        run_panel(TaskKind.VERIFY)
        if report and (report.findings or report.accepted):
            title = "Findings" if report.findings else "Left out"
            with st.expander(title, type="compact"):
                show_findings(report)


def show_self_test() -> None:
    """The last self-test with its checks, and a button for the next one."""
    runs = cache.get_own_runs()
    past = next((run for run in runs if isinstance(run.report, SelfTest)), None)
    report = past.report if past and isinstance(past.report, SelfTest) else None
    if past is None or report is None:
        sign, said = Sign.UNKNOWN, "Never run."
    elif report.passed:
        sign, said = Sign.GOOD, f"All checks passed, {_moment(past)}."
    else:
        sign, said = Sign.BAD, f"A check failed, {_moment(past)}."
    with card("Self-test", sign, said, icon="verified"):
        _start_button("Run the self-test", RunSelfTest(_family()), icon="verified", key="self_test")
        run_panel(TaskKind.SELF_TEST)
        if report:
            with st.expander("Checks", type="compact", expanded=not report.passed):
                _show_checks(report)


def last_verification(runs: Sequence[PastRun]) -> tuple[PastRun | None, Verification | None]:
    """Return the newest run that compared files and rows, and what it found."""
    for run in runs:
        report = run.report.verification if isinstance(run.report, Repaired) else run.report
        if isinstance(report, Verification):
            return run, report
    return None, None


def show_findings(report: Verification) -> None:
    """Show what a comparison has found."""
    if not report.findings:
        st.success("Collections and files agree.", icon=":material/check_circle:")
    for found in report.findings:
        remedy = found.problem.remedy(report.dataset or "DATASET")
        st.warning(
            plain(found.said) + (f"  \n:small[{plain(remedy)}]" if remedy else ""),
            icon=":material/warning:",
        )
    if report.accepted:
        st.caption(
            plain(
                f"Left out, so no fault: {counted(len(report.accepted), 'file')} "
                f"({', '.join(report.accepted[:_SHOWN])})"
            )
        )
    said = resources.get_corrections(looked_at.family())
    unreadable = [path for path in report.unreadable if path not in said.excluded]
    if unreadable and not resources.get_settings().read_only:
        st.button(
            f"Leave out {counted(len(unreadable), 'unreadable file')}",
            icon=":material/block:",
            key="accept_unreadable",
            help="Neither search nor evaluation has them, and the next check passes them over, "
            "until a build can read them again.",
            on_click=actions.change,
            args=(unreadable, Edit(excluded=True, tagged=(UNREADABLE,))),
        )


_WHAT = {
    TaskKind.VERIFY: "Checks files against rows. Changes nothing.",
    TaskKind.SELF_TEST: "Known pictures find themselves at rank 1 (under IP those with longer "
    "embeddings may rightly come first), nprobe has an effect, and approximate search at nprobe = "
    "nlist agrees with exact search: a recall of 1.",
}


def _start_button(label: str, task: Task, *, icon: str, key: str) -> None:
    known = how_long(cache.get_history().runs, task.kind)
    st.button(
        label,
        icon=f":material/{icon}:",
        on_click=cache.start,
        args=(task,),
        disabled=is_busy(),
        help=BUSY if is_busy() else f"{_WHAT[task.kind]} {known}",
        key=key,
    )


def _show_checks(report: SelfTest) -> None:
    st.markdown(
        "  \n".join(
            f":small[{_VERDICTS[check.verdict]} **{plain(check.metric)}** {plain(check.name)}: "
            f"{plain(check.detail)}]"
            for check in report.checks
        )
    )


def _moment(run: PastRun) -> str:
    return f"{run.started:%Y-%m-%d %H:%M} UTC"


def _family() -> str:
    return looked_at.family()
