"""One task of every kind."""

from core.collection.index_choice import IndexChoice, IndexType
from core.metric import Metric
from core.records import Reduction
from core.runs.task import (
    AddMetric,
    Build,
    Drop,
    Export,
    Import,
    InspectPictures,
    Prune,
    Reduce,
    Reindex,
    RemoveClass,
    Rename,
    Repair,
    RunSelfTest,
    Task,
    Tune,
    Verify,
)


def one_of_each(family: str, *, folder: str = "/ä") -> list[Task]:
    """Tasks on a family, in the order of `TaskKind`."""
    hnsw = IndexChoice(IndexType.HNSW, m=8)
    return [
        Build(family, folder, (Metric.COSINE,), draw=1, index=hnsw, recreate=True),
        AddMetric(family, Metric.IP, hnsw),
        Reindex(family, (Metric.COSINE, Metric.L2), hnsw),
        Verify(family),
        Repair(family),
        Prune(family, agreed=1),
        RemoveClass(family, "apple"),
        Rename(family, f"{family}_too"),
        Drop(family, tuple(Metric)),
        RunSelfTest(family),
        InspectPictures(family),
        Reduce(family, f"{family}_small", (Metric.L2,), Reduction(pca=4), hnsw),
        Tune(family, Metric.COSINE, (IndexType.FLAT,), sample=20),
        Export(family, f"{folder}/rows.parquet"),
        Import(family, "http://localhost:19530"),
    ]
