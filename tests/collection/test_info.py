"""Which folder the pictures of a collection lie in, and that none is opened before it is known."""

from pathlib import Path
from typing import Any

import pytest

from core.collection.info import CollectionInfo, dataset_folder
from core.collection.schema import Schema
from core.errors import ImageError
from core.metric import Metric
from core.records import EncoderIdentity


def made_up_info(**attributes: Any) -> CollectionInfo:
    plain: dict[str, Any] = {
        "name": "fruit_l2",
        "metric": Metric.L2,
        "dimension": 4,
        "rows": 100,
        "index_type": "IVF_FLAT",
        "nlist": 2,
        "pending_rows": 0,
        "encoder": EncoderIdentity("resnet50", "12345678", "resize256", 4),
        "dataset": "/indexed",
        "complete": True,
    }
    return CollectionInfo(**{**plain, **attributes})


def test_a_named_folder_comes_before_the_one_that_was_indexed() -> None:
    assert dataset_folder(made_up_info(), setting=Path("/moved")) == Path("/moved")
    assert dataset_folder(made_up_info(), setting=None) == Path("/indexed")


def test_no_file_is_opened_before_a_person_has_said_where_they_lie() -> None:
    with pytest.raises(ImageError, match=r"pictures of fruit_l2\. Set it"):
        dataset_folder(made_up_info(dataset=""), setting=None)
    foreign = made_up_info(dataset="", schema=Schema(prefix="/data/fruit/"), is_foreign=True)
    with pytest.raises(ImageError, match=r"\(their paths begin with '/data/fruit/'\)"):
        dataset_folder(foreign, setting=None)
