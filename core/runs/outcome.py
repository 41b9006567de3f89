"""What came of a run, in a few words."""

from typing import Any

from core.collection.index import IndexType
from core.runs.state import RunState
from core.runs.task import Kind
from core.wording import counted

# Of a count in a report: what is counted, left out for the pictures of a build, and what happened.
_WORDS = {
    "added": ("", "added"),
    "updated": ("", "updated"),
    "unchanged": ("", "unchanged"),
    "copied": ("row", "copied"),
    "written": ("row", "written"),
    "removed": ("picture", "removed"),
}
# What a run of a kind is for: said even where it is nothing.
_MAIN = {
    Kind.BUILD: "added",
    Kind.ADD_METRIC: "copied",
    Kind.REPAIR: "written",
    Kind.PRUNE: "removed",
    Kind.REMOVE_CLASS: "removed",
}


def result_text(state: RunState) -> str:
    """Return what a run that is done has done or found, such as `3 pictures removed`."""
    report = state.outcome or {}
    said = _counts(state.task.kind, report)
    if "dropped" in report:
        said.append(f"dropped {', '.join(report['dropped']) or 'nothing'}")
    if state.task.kind is Kind.REINDEX:
        said += [_index(one) for one in report.get("collections", ())]
    if "findings" in report:
        said.append(counted(len(report["findings"]), "finding"))
    if "passed" in report:
        said.append("all checks passed" if report["passed"] else "a check failed")
    if state.task.kind is Kind.INSPECT and report:
        said.append(f"{counted(len(report['damaged']), 'file')} damaged or gone")
        said.append(f"{counted(report['exact_count'], 'exact duplicate')}")
        said.append(f"{counted(report['near_count'], 'near-duplicate')}")
    if state.skipped_count:
        said.append(f"{counted(state.skipped_count, 'file')} skipped")
    return ", ".join(said)


def _counts(kind: Kind, report: dict[str, Any]) -> list[str]:
    shown = {key for key in _WORDS if report.get(key)} | ({_MAIN[kind]} if kind in _MAIN else set())
    return [
        f"{counted(report[key], noun) if noun else format(report[key], ',')} {word}"
        for key, (noun, word) in _WORDS.items()
        if key in shown and key in report
    ]


def _index(built: dict[str, Any]) -> str:
    details = f" with nlist {built['nlist']:,}" if built["nlist"] else ""
    if built["index_type"] == IndexType.HNSW:
        details = f" with M {built['m']} and efConstruction {built['ef_construction']}"
    return f"{built['metric']} has {built['index_type']}{details}"
