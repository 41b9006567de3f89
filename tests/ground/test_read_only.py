"""Read-only means refused at the store, whoever asks and by whatever way."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.collection.index_choice import IndexChoice, IndexType
from core.config import load_settings
from core.errors import ReadOnlyError, StoreError
from core.health.verify import verify
from core.indexing.build import add_metric, build_index
from core.metric import Metric
from core.store.vector_store import VectorStore, open_store
from core.store.writer import Writer
from tests.conftest import ColourEncoder
from tests.support.bare_client import bare_client

FAMILY = "fruit"


@pytest.fixture
def read_only(
    store: VectorStore, database: Path, dataset: Path, encoder: ColourEncoder
) -> VectorStore:
    """A second view of a built collection that may not change it."""
    build_index(dataset, store=store, encoder=encoder, family=FAMILY, metrics=[Metric.L2])
    view = VectorStore(str(database), database="pictures", read_only=True)
    yield view
    view.close()


CHANGES: dict[str, Callable[[VectorStore], object]] = {
    "create": lambda store: store.create(
        FAMILY, Metric.IP, encoder=ColourEncoder().identity, dataset="/x",
        index=IndexChoice(), expected_rows=1,
    ),
    "upsert": lambda store: store.upsert(
        FAMILY, Metric.L2, [next(store.records(FAMILY, Metric.L2))], np.ones((1, 8), np.float32)
    ),
    "delete": lambda store: store.delete(
        FAMILY, Metric.L2, [next(store.records(FAMILY, Metric.L2)).id]
    ),
    "fit_index": lambda store: store.fit_index(
        FAMILY, Metric.L2, index=IndexChoice(IndexType.FLAT), expected_rows=12
    ),
    "set_complete": lambda store: store.set_complete(FAMILY, Metric.L2, complete=False),
    "flush": lambda store: store.flush(FAMILY, Metric.L2),
    "finish": lambda store: store.finish(FAMILY, Metric.L2),
    "drop": lambda store: store.drop(FAMILY, Metric.L2),
    "rename": lambda store: store.rename(FAMILY, "another"),
    "add_metric": lambda store: add_metric(Metric.IP, store=store, family=FAMILY),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_every_change_is_refused_and_nothing_changes(read_only: VectorStore, name: str) -> None:
    before = read_only.info(FAMILY, Metric.L2), read_only.metrics(FAMILY)
    with pytest.raises(ReadOnlyError, match="ORCHARD_READ_ONLY=false"):
        CHANGES[name](read_only)
    assert (read_only.info(FAMILY, Metric.L2), read_only.metrics(FAMILY)) == before


def test_no_method_that_writes_is_left_out_here() -> None:
    asking = {"index_types", "require_buildable"}
    writing = {name for name in vars(Writer) if not name.startswith("_")} - asking
    assert writing <= set(CHANGES)
    assert len(writing) >= 7


def test_reading_and_verifying_still_work(read_only: VectorStore) -> None:
    info = read_only.info(FAMILY, Metric.L2)
    hits = read_only.search(info, np.ones(8, np.float32), k=3, nprobe=1)
    assert len(hits) == 3
    assert verify(read_only, family=FAMILY).findings == ()


def test_the_setting_reaches_the_store(no_settings: None, monkeypatch: pytest.MonkeyPatch) -> None:
    open_store(load_settings()).close()
    monkeypatch.setenv("ORCHARD_READ_ONLY", "true")
    store = open_store(load_settings())
    with pytest.raises(ReadOnlyError):
        store.finish("anything", Metric.L2)
    store.close()


def test_no_database_is_created_where_none_may_be_changed(
    either_store: VectorStore, tmp_path: Path
) -> None:
    before = set(bare_client(either_store).list_databases())
    with pytest.raises(StoreError, match=r"there is no database 'typo' at .*none is created"):
        VectorStore(either_store.uri, database="typo", timeout=30, read_only=True)
    assert set(bare_client(either_store).list_databases()) == before
    with pytest.raises(StoreError, match="there is no database"):
        VectorStore(str(tmp_path / "typo" / "x.db"), read_only=True)
    assert not (tmp_path / "typo").exists()
