"""Every kind of run says what came of it, nothing included."""

import pytest

from core.collection.index_choice import IndexChoice
from core.health.inspection import Inspection
from core.health.self_test import Check, Outcome, SelfTest
from core.health.verify import Finding, Problem, Verification
from core.metric import Metric
from core.records import SkippedFile
from core.runs.reports import (
    Dropped,
    Reindexed,
    Removed,
    Renamed,
    Repaired,
    Report,
    Transferred,
)
from core.runs.result_text import result_text
from core.runs.run_record import RunState, RunStatus
from core.runs.task import (
    AddMetric,
    Build,
    Drop,
    Export,
    InspectPictures,
    Prune,
    Reindex,
    RemoveClass,
    Rename,
    Repair,
    RunSelfTest,
    Task,
    Verify,
)
from core.store.transfer import Moved
from tests.support.reports import collection, index_report

BUILD = Build("fruit", "/photos", (Metric.L2,))
WHOLE = Verification("fruit", "/photos", {"fruit_l2": 12}, checked_files=True, findings=())
FOUND = Verification(
    "fruit", "/photos", {"fruit_l2": 12}, checked_files=True,
    findings=(Finding(Problem.NO_ROW, "fruit_l2", 3, ("a/1.png",)),),
)  # fmt: skip
HNSW = collection(metric=Metric.L2, index_type="HNSW", nlist=0, m=8, ef_construction=64)
IVF = collection(metric=Metric.IP, nlist=1_024)
INSPECTED = Inspection(
    pictures=9, sizes=(), formats={}, damaged=(SkippedFile("a/1.png", "gone"),), exact=(),
    exact_count=0, near=(), near_count=2_000, similarity=0.98,
)  # fmt: skip
FAILED = Check(Metric.L2, "nprobe has an effect", Outcome.FAILED, "it has none")


@pytest.mark.parametrize(
    ("task", "report", "said"),
    [
        (BUILD, index_report(), "0 added"),
        (BUILD, index_report(added=1_253, unchanged=2), "1,253 added, 2 unchanged"),
        (BUILD, index_report(updated=1, copied=4), "0 added, 1 updated, 4 rows copied"),
        (AddMetric("fruit", Metric.IP), index_report(copied=1), "1 row copied"),
        (AddMetric("fruit", Metric.IP), index_report(), "0 rows copied"),
        (Prune("fruit", 1), Removed(12, 0, ()), "0 pictures removed"),
        (RemoveClass("fruit", "a"), Removed(12, 1, ("a/1.png",)), "1 picture removed"),
        (Repair("fruit"), Repaired(0, FOUND), "0 rows written, 1 finding"),
        (Verify("fruit"), WHOLE, "0 findings"),
        (Drop("fruit", (Metric.L2,)), Dropped(12, (Metric.L2,)), "dropped L2"),
        (RunSelfTest("fruit"), SelfTest((FAILED,), 12, 12), "a check failed"),
        (Rename("fruit", "obst"), Renamed(12, "obst"), "it is called obst now"),
        (
            Export("fruit", "/x.parquet"),
            Transferred((Moved("/x.parquet", 3, 3),)),
            "3 rows written",
        ),
        (
            Reindex("fruit", (Metric.L2, Metric.IP), IndexChoice()),
            Reindexed((HNSW, IVF)),
            "L2 has HNSW with M 8 and efConstruction 64, IP has IVF_FLAT with nlist 1,024",
        ),
        (
            InspectPictures("fruit"),
            INSPECTED,
            "1 file damaged or gone, 0 exact duplicates, 2,000 near-duplicates",
        ),
    ],
)
def test_result_of_every_kind(task: Task, report: Report, said: str) -> None:
    assert result_text(RunState("run-1", task, RunStatus.DONE, 0.0, report=report)) == said


def test_run_without_a_report_says_nothing() -> None:
    assert result_text(RunState("run-1", Prune("fruit", 1), RunStatus.FAILED, 0.0)) == ""
