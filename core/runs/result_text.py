"""What came of a run, in a few words."""

from core.health.inspection import Inspection
from core.health.self_test import SelfTest
from core.health.verify import Verification
from core.indexing.report import IndexReport
from core.runs.reports import Dropped, Reindexed, Removed, Renamed, Repaired, Report, Transferred
from core.runs.run_record import RunState
from core.runs.task import TaskKind
from core.tuning.tuning import Tuning
from core.wording import counted


def result_text(state: RunState) -> str:
    """Return what a run that is done has done or found, such as `3 pictures removed`."""
    said = _said(state.report, state.task.kind) if state.report else []
    if state.skipped_count:
        said.append(f"{counted(state.skipped_count, 'file')} skipped")
    return ", ".join(said)


def _said(report: Report, kind: TaskKind) -> list[str]:
    said: list[str]
    match report:
        case IndexReport():
            said = _indexed(report, kind)
        case Reindexed():
            said = [f"{info.metric} has {info.index_text}" for info in report.collections]
        case Verification():
            said = [counted(len(report.findings), "finding")]
        case Repaired():
            found = counted(len(report.verification.findings), "finding")
            said = [f"{counted(report.written, 'row')} written", found]
        case Removed():
            said = [f"{counted(report.removed, 'picture')} removed"]
        case Renamed():
            said = [f"it is called {report.name} now"]
        case Dropped():
            said = [f"dropped {', '.join(report.dropped) or 'nothing'}"]
        case SelfTest():
            said = ["all checks passed" if report.passed else "a check failed"]
        case Tuning():
            said = [f"{counted(len(report.measured), 'setting')} measured"]
            if report.refused:
                said.append(f"{counted(len(report.refused), 'index', 'indexes')} refused")
        case Transferred():
            written = sum(one.written for one in report.moved)
            said = [f"{counted(written, 'row')} written"]
        case Inspection():
            said = [
                f"{counted(len(report.damaged), 'file')} damaged or gone",
                f"{counted(report.exact_count, 'exact duplicate')}",
                f"{counted(report.near_count, 'near-duplicate')}",
            ]
    return said


def _indexed(report: IndexReport, kind: TaskKind) -> list[str]:
    """What the task was for is said even where it is nothing."""
    is_build = kind is TaskKind.BUILD
    said = []
    if is_build or report.added:
        said.append(f"{report.added:,} added")
    if report.updated:
        said.append(f"{report.updated:,} updated")
    if report.relabelled:
        said.append(f"{report.relabelled:,} relabelled")
    if report.unchanged:
        said.append(f"{report.unchanged:,} unchanged")
    if not is_build or report.copied:
        said.append(f"{counted(report.copied, 'row')} copied")
    if report.removed:
        said.append(f"{counted(report.removed, 'picture')} removed")
    if report.removed_unreadable:
        said.append(f"{counted(report.removed_unreadable, 'unreadable picture')} removed")
    if report.kept_unreadable:
        said.append(f"{counted(report.kept_unreadable, 'row')} of unreadable files kept")
    if report.ignored:
        said.append(f"{report.ignored:,} left out")
    if report.unkept:
        said.append(f"embeddings not kept for exact search ({report.unkept.rstrip('.')})")
    return said
