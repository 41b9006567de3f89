"""Rows moved between databases and Parquet files: all of them, bit for bit, and resumable."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from core.collection.index_choice import IndexChoice, IndexType
from core.errors import CollectionNotFoundError, EncoderMismatchError, StoreError
from core.health.verify import verify
from core.indexing.build import build_index
from core.metric import Metric
from core.records import ImageRecord
from core.store.transfer import export_rows, import_rows, transfer
from core.store.vector_store import VectorStore
from scripts import transfer as script
from tests.conftest import ColourEncoder

FAMILY = "fruit"


def contents(store: VectorStore, metric: Metric) -> dict[ImageRecord, bytes]:
    records = list(store.records(FAMILY, metric))
    found = store.embeddings(FAMILY, metric, [record.id for record in records])
    return {record: found[record.id].tobytes() for record in records}


@pytest.fixture
def source(tmp_path: Path, dataset: Path) -> VectorStore:
    store = VectorStore(str(tmp_path / "source.db"), database="pictures")
    (dataset / "labels.csv").write_text(
        'path,class,variety,bar code\napple/0.png,apple,"it""s, 香蕉",007\npear/1.png,pear,,\n'
    )
    build_index(
        dataset, store=store, encoder=ColourEncoder(), family=FAMILY, index=IndexChoice(nlist=3)
    )
    return store


def test_family_arrives_bit_for_bit_with_its_indexes(
    source: VectorStore, either_store: VectorStore
) -> None:
    moved = transfer(source, either_store, family=FAMILY)
    assert [(one.written, one.rows) for one in moved] == [(12, 12)] * 3
    for metric in Metric:
        assert contents(either_store, metric) == contents(source, metric)
        info = either_store.info(FAMILY, metric)
        assert (info.index_type, info.nlist, info.complete) == ("IVF_FLAT", 3, True)
    assert verify(either_store, family=FAMILY).findings == ()
    again = transfer(source, either_store, family=FAMILY)
    assert [(one.written, one.rows) for one in again] == [(0, 12)] * 3
    source.close()


def test_stopped_transfer_continues_and_is_incomplete_until_then(
    source: VectorStore, store: VectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.store.row_reader.BATCH_ROWS", 5)
    real, calls = store.upsert, []

    def twice(*arguments: object) -> None:
        calls.append(1)
        if len(calls) > 2:
            raise KeyboardInterrupt
        real(*arguments)

    monkeypatch.setattr(store, "upsert", twice)
    with pytest.raises(KeyboardInterrupt):
        transfer(source, store, family=FAMILY)
    monkeypatch.setattr(store, "upsert", real)
    # COSINE is the first.
    assert not store.info(FAMILY, Metric.COSINE).complete
    assert [one.written for one in transfer(source, store, family=FAMILY)] == [2, 12, 12]
    source.close()


def test_parquet_there_and_back(source: VectorStore, store: VectorStore, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    assert export_rows(source, path, family=FAMILY).rows == 12
    assert [p.name for p in tmp_path.glob("rows*")] == ["rows.parquet"]
    moved = import_rows(path, store, family=FAMILY, metrics=[Metric.L2, Metric.COSINE])
    assert [(one.name, one.rows) for one in moved] == [("fruit_l2", 12), ("fruit_cosine", 12)]
    assert contents(store, Metric.COSINE) == contents(source, Metric.L2)
    assert store.info(FAMILY, Metric.L2).complete
    assert [one.written for one in import_rows(path, store, family=FAMILY)] == [0, 0, 12]
    source.close()


def test_a_file_of_before_further_columns_were_kept_is_read(
    source: VectorStore, store: VectorStore, tmp_path: Path
) -> None:
    file = tmp_path / "rows.parquet"
    export_rows(source, file, family=FAMILY)
    table = pq.read_table(file)
    pq.write_table(table.drop_columns(["further"]), file)
    import_rows(file, store, family=FAMILY, metrics=[Metric.L2])
    assert {record.path: record.further for record in store.records(FAMILY, Metric.L2)} == {
        record.path: () for record in source.records(FAMILY, Metric.L2)
    }
    source.close()


def test_export_that_the_database_breaks_off_leaves_no_file(
    source: VectorStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_: object) -> None:
        raise StoreError("the database does not answer.")

    monkeypatch.setattr(source, "embeddings", break_off)
    monkeypatch.setattr(source.stored, "rows_with_embeddings", break_off)
    with pytest.raises(StoreError, match="does not answer"):
        export_rows(source, tmp_path / "out" / "rows.parquet", family=FAMILY)
    assert list((tmp_path / "out").iterdir()) == []
    source.close()


def test_fault_of_the_target_is_not_told_as_one_of_the_file(
    source: VectorStore, store: VectorStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("not of the file")

    path = tmp_path / "rows.parquet"
    export_rows(source, path, family=FAMILY)
    monkeypatch.setattr(store, "upsert", refuse)
    with pytest.raises(ValueError, match="not of the file"):
        import_rows(path, store, family=FAMILY)
    source.close()


def test_files_that_are_no_export_are_refused(store: VectorStore, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    foreign, damaged = tmp_path / "foreign.parquet", tmp_path / "damaged.parquet"
    pq.write_table(pa.table({"id": [1]}), foreign)
    damaged.write_text("no parquet")
    for path, said in (
        (foreign, "was not exported by Orchard"),
        (damaged, "cannot be read as a Parquet file"),
        (tmp_path / "none.parquet", "cannot be read as a Parquet file"),
    ):
        with pytest.raises(StoreError, match=said):
            import_rows(path, store, family=FAMILY)
    assert store.metrics(FAMILY) == []


def test_other_encoder_in_the_target_and_empty_source_are_refused(
    source: VectorStore, store: VectorStore, dataset: Path
) -> None:
    build_index(dataset, store=store, encoder=ColourEncoder("11111111"), family=FAMILY)
    before = contents(store, Metric.L2)
    with pytest.raises(EncoderMismatchError, match="nothing was written"):
        transfer(source, store, family=FAMILY)
    assert contents(store, Metric.L2) == before
    with pytest.raises(CollectionNotFoundError):
        transfer(source, store, family="nuts")
    source.close()


def test_no_family_gets_metrics_of_two_encoders(
    source: VectorStore, store: VectorStore, dataset: Path, tmp_path: Path
) -> None:
    other = ColourEncoder("11111111")
    build_index(dataset, store=store, encoder=other, family=FAMILY, metrics=[Metric.L2])
    path = tmp_path / "rows.parquet"
    export_rows(source, path, family=FAMILY)
    for bring in (
        lambda: transfer(source, store, family=FAMILY),
        lambda: import_rows(path, store, family=FAMILY),
        lambda: import_rows(path, store, family=FAMILY, metrics=[Metric.COSINE]),
    ):
        with pytest.raises(EncoderMismatchError, match="fruit_l2 in the target was built with"):
            bring()
        # COSINE comes before L2.
        assert store.metrics(FAMILY) == [Metric.L2]
    source.close()


def test_hnsw_stays_hnsw(source: VectorStore, store: VectorStore, dataset: Path) -> None:
    build_index(
        dataset, store=source, encoder=ColourEncoder(), family=FAMILY,
        index=IndexChoice(IndexType.HNSW, m=6, ef_construction=50),
    )  # fmt: skip
    transfer(source, store, family=FAMILY)
    info = store.info(FAMILY, Metric.IP)
    assert (info.index_type, info.m, info.ef_construction) == ("HNSW", 6, 50)
    source.close()


@pytest.mark.usefixtures("no_settings")
def test_script_moves_and_says_how_many(
    source: VectorStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source.close()
    one, two, path = (str(tmp_path / n) for n in ("source.db", "two.db", "rows.parquet"))
    common = ["--collection", FAMILY, "--database", "pictures"]
    assert script.main([one, two, *common]) == 0
    assert "fruit_ip: 12 rows written, 12 there" in capsys.readouterr().out
    assert script.main([two, path, *common]) == 0
    assert "rows.parquet: 12 rows written" in capsys.readouterr().out
    assert script.main([path, two, *common]) == 0
    assert "fruit_ip: 0 rows written, 12 there" in capsys.readouterr().out
    missing = tmp_path / "typo.db"
    assert script.main([str(missing), two, *common]) == 2
    assert "there is no database 'pictures'" in capsys.readouterr().err
    assert not missing.exists(), "the source stays as it is"
    for wrong in ([one, one], [path, path + ".parquet"], ["nothing", two]):
        assert script.main([*wrong, *common]) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: ")
        assert "Traceback" not in said
