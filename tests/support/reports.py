"""Reports of runs that never were, for tests of what is made of them."""

from typing import Any

from core.collection.info import CollectionInfo
from core.indexing.report import IndexReport
from core.metric import Metric
from core.records import EncoderIdentity

ENCODER = EncoderIdentity("resnet50", "0676ba61", "resize256-crop224-imagenet", 2_048)


def collection(name: str = "fruit_l2", **facts: Any) -> CollectionInfo:
    """A collection of twelve rows, with other facts where they are given."""
    usual = {
        "metric": Metric.L2, "dimension": 2_048, "rows": 12, "index_type": "IVF_FLAT", "nlist": 1,
        "pending_rows": 0, "encoder": ENCODER, "dataset": "/photos", "complete": True,
    }  # fmt: skip
    return CollectionInfo(name=name, **{**usual, **facts})


def index_report(**facts: Any) -> IndexReport:
    """The report of a run that found nothing to do, with other facts where they are given."""
    usual = {
        "dataset": "/photos", "encoder": str(ENCODER), "added": 0, "updated": 0, "unchanged": 0,
        "skipped": (), "ignored": 0, "removed": 0, "without_file": 0, "copied": 0,
        "collections": (), "seconds": 1.0, "images_per_second": 0.0,
    }  # fmt: skip
    return IndexReport(**{**usual, **facts})
