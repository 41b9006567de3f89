"""Every kind of run says what came of it, nothing included."""

from typing import Any

import pytest

from core.runs.outcome import result_text
from core.runs.state import RunState, Status
from core.runs.task import Kind, Task

BUILT = {"added": 0, "updated": 0, "unchanged": 0, "copied": 0, "removed": 0, "collections": []}
HNSW = {"metric": "L2", "index_type": "HNSW", "nlist": 0, "m": 8, "ef_construction": 64}
IVF = {"metric": "IP", "index_type": "IVF_FLAT", "nlist": 1_024, "m": 0, "ef_construction": 0}
INSPECTED = {"pictures": 9, "damaged": [{}], "exact_count": 0, "near_count": 2_000}


@pytest.mark.parametrize(
    ("kind", "outcome", "said"),
    [
        (Kind.BUILD, BUILT, "0 added"),
        (Kind.BUILD, {**BUILT, "added": 1_253, "unchanged": 2}, "1,253 added, 2 unchanged"),
        (Kind.ADD_METRIC, {**BUILT, "copied": 1}, "1 row copied"),
        (Kind.PRUNE, {"removed": 0, "examples": []}, "0 pictures removed"),
        (Kind.REMOVE_CLASS, {"removed": 1, "examples": ["a"]}, "1 picture removed"),
        (Kind.REPAIR, {"written": 0, "findings": [{}]}, "0 rows written, 1 finding"),
        (Kind.VERIFY, {"findings": []}, "0 findings"),
        (Kind.DROP, {"dropped": ["L2"]}, "dropped L2"),
        (Kind.SELF_TEST, {"passed": False}, "a check failed"),
        (
            Kind.REINDEX,
            {"collections": [HNSW, IVF]},
            "L2 has HNSW with M 8 and efConstruction 64, IP has IVF_FLAT with nlist 1,024",
        ),
        (
            Kind.INSPECT,
            INSPECTED,
            "1 file damaged or gone, 0 exact duplicates, 2,000 near-duplicates",
        ),
    ],
)
def test_result_of_every_kind(kind: Kind, outcome: dict[str, Any], said: str) -> None:
    state = RunState("run-1", Task(kind, "fruit"), Status.DONE, 0.0, outcome=outcome)
    assert result_text(state) == said


def test_run_without_an_outcome_says_nothing() -> None:
    assert result_text(RunState("run-1", Task(Kind.PRUNE, "fruit"), Status.FAILED, 0.0)) == ""
