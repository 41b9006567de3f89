"""Cards of what is checked on request: files against rows, and the self-test."""

from collections.abc import Sequence, Set

import streamlit as st

from core.corrections.correction import UNREADABLE, Edit
from core.health.self_test import Outcome, SelfTest
from core.health.status import Checks
from core.health.verify import Verification
from core.runs.history import PastRun, how_long, still_holds, unreadable
from core.runs.reports import Repaired
from core.runs.task import RunSelfTest, Task, TaskKind, Verify
from core.ui import resources
from core.ui.choosing import looked_at
from core.ui.correcting import actions
from core.ui.text import plain
from core.wording import counted, some
from pages.collection import cache
from pages.collection.health.card import Sign, card
from pages.collection.run import BUSY, is_busy, run_panel

_SHOWN = 20
_CHANGED_SINCE = "The collection has changed since."
_VERDICTS = {
    Outcome.PASSED: ":green[:material/check:] passed",
    Outcome.FAILED: ":red[:material/close:] **failed**",
    Outcome.NOT_APPLICABLE: ":material/remove: not applicable",
}


def checks_that_hold(rows: int) -> Checks:
    """Return what was found by the last checks, where nothing has changed the collection since.

    Args:
        rows: Of the largest collection.
    """
    runs = cache.get_own_runs()
    findings = passed = None
    past, report = last_verification(runs)
    if past and report and past.rows == rows and still_holds(past, runs):
        findings = report.standing(_excluded())
    tested, self_test = _last_self_test(runs)
    if tested and self_test and still_holds(tested, runs):
        passed = self_test.passed
    return Checks(findings, passed)


def unreadable_files(collection: str, checks: Checks) -> frozenset[str]:
    """Return paths of files that could not be read and that nobody has left out.

    Args:
        collection: Its full name, such as `fruit_vector_l2`.
    """
    _, report = last_verification(cache.get_own_runs())
    if report and checks.findings is not None:
        return frozenset(report.unreadable) - _excluded()
    return unreadable(cache.get_history().runs, collection) - _excluded()


def show_verification(checks: Checks) -> None:
    """The last comparison of files and rows, and a button for the next one."""
    past, report = last_verification(cache.get_own_runs())
    if past is None or report is None:
        sign, said = Sign.UNKNOWN, "Never checked."
    else:
        found, left = report.standing(_excluded()), _left_out(report)
        sign = Sign.LOOK if found else Sign.GOOD
        said = counted(len(found), "finding") if found else "Collections and files agree"
        said += f"; {counted(len(left), 'file')} left out" if left and not found else ""
        said += f", {_moment(past)}."
        if checks.findings is None:
            sign, said = Sign.UNKNOWN, f"{said} {_CHANGED_SINCE}"
    with card("Files against rows", sign, said, icon="rule"):
        _start_button("Verify", Verify(_family()), icon="rule", key="verify")
        run_panel(TaskKind.VERIFY)
        if report and (report.findings or report.accepted):
            title = "Findings" if report.findings else "Left out"
            with st.expander(title, type="compact"):
                show_findings(report)


def show_self_test(checks: Checks) -> None:
    """The last self-test with its checks, and a button for the next one."""
    past, report = _last_self_test(cache.get_own_runs())
    if past is None or report is None:
        sign, said = Sign.UNKNOWN, "Never run."
    elif report.passed:
        sign, said = Sign.GOOD, f"All checks passed, {_moment(past)}."
    else:
        sign, said = Sign.BAD, f"A check failed, {_moment(past)}."
    if report and checks.passed is None:
        sign, said = Sign.UNKNOWN, f"{said} {_CHANGED_SINCE}"
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


def _last_self_test(runs: Sequence[PastRun]) -> tuple[PastRun | None, SelfTest | None]:
    for run in runs:
        if isinstance(run.report, SelfTest):
            return run, run.report
    return None, None


def _left_out(report: Verification) -> list[str]:
    """Paths that a comparison has passed over, or would by now."""
    return sorted({*report.accepted, *(_excluded() & set(report.unreadable))})


def _excluded() -> Set[str]:
    """Paths that corrections leave out."""
    return resources.get_corrections(looked_at.family()).excluded


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
                f"({some(report.accepted[:_SHOWN], total=len(report.accepted))})"
            )
        )
    excluded = _excluded()
    unread = [path for path in report.unreadable if path not in excluded]
    if unread and not resources.get_settings().read_only:
        st.button(
            f"Leave out {counted(len(unread), 'unreadable file')}",
            icon=":material/block:",
            key="accept_unreadable",
            help="Neither search nor evaluation has them, and the next check passes them over, "
            "until a build can read them again.",
            on_click=actions.change,
            args=(unread, Edit(excluded=True, tagged=(UNREADABLE,))),
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
