"""Several machines index one dataset into one server: no picture twice, none left out."""

import subprocess
import sys
from pathlib import Path

import pytest

from core.dataset.files import image_id
from core.dataset.listing import list_dataset
from core.errors import SettingsError, StoreError
from core.indexing import family
from core.indexing.build import build_index
from core.indexing.shard import WHOLE, Shard, share_of
from core.metric import Metric
from core.records import ImageRecord
from core.store.vector_store import VectorStore
from scripts.build_index import main
from tests.conftest import ColourEncoder, draw_dataset
from tests.support.milvus_server import MilvusServer

PROJECT = Path(__file__).parents[2]
PICTURES = 60


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return draw_dataset(tmp_path / "photos", [f"c{n % 5}/{n}.png" for n in range(PICTURES)])


def rows_of(store: VectorStore, metric: Metric) -> list[tuple[ImageRecord, bytes]]:
    return [
        (record, embedding.tobytes())
        for records, embeddings in store.rows_with_embeddings("fruit", metric)
        for record, embedding in zip(records, embeddings, strict=True)
    ]


@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_shards_never_overlap_and_leave_nothing_out(photos: Path, of: int) -> None:
    (photos / "notes.txt").write_text("no picture")
    (photos / "away.png").symlink_to("/nowhere.png")
    whole = list_dataset(photos)
    shares = [share_of(whole, Shard(number, of)) for number in range(1, of + 1)]
    assert sorted(path for share in shares for path in share.paths) == list(whole.paths)
    assert sorted(s.path for share in shares for s in share.skipped) == ["away.png"]
    assert sum(share.left_out.count for share in shares) == whole.left_out.count == 1
    # by id, so that every machine agrees
    for number, share in enumerate(shares, 1):
        assert {image_id(path) % of for path in share.paths} <= {number - 1}


@pytest.mark.parametrize("text", ["0/3", "4/3", "1/0", "a/b", "1", "1/2/3", "-1/2", ""])
def test_shard_that_is_none_is_named(text: str) -> None:
    with pytest.raises(SettingsError, match="is not allowed: give I/N"):
        Shard.parse(text)


def test_shard_reads_what_it_writes() -> None:
    assert Shard.parse("2/3") == Shard(2, 3)
    assert str(Shard(2, 3)) == "2/3"
    assert Shard.parse("1/1") == WHOLE


def test_shards_one_after_another_and_the_closing_run(store: VectorStore, photos: Path) -> None:
    encoder, added = ColourEncoder(), 0
    for number in (1, 2, 3):
        report = build_index(
            photos, store=store, encoder=encoder, family="fruit", shard=Shard(number, 3)
        )
        share = share_of(list_dataset(photos), Shard(number, 3))
        assert report.added == len(share.paths)
        added += report.added
        assert [info.complete for info in report.collections] == [False] * 3
    assert added == encoder.calls == PICTURES
    # a shard that runs again knows its own and touches no other
    again = build_index(photos, store=store, encoder=encoder, family="fruit", shard=Shard(2, 3))
    assert (again.added, again.without_file) == (0, 0)
    closing = build_index(photos, store=store, encoder=encoder, family="fruit")
    assert (closing.added, closing.unchanged, encoder.calls) == (0, PICTURES, PICTURES)
    assert [(i.rows, i.complete) for i in closing.collections] == [(PICTURES, True)] * 3


def test_shard_cannot_recreate_or_prune(store: VectorStore, photos: Path) -> None:
    for option in ({"recreate": True}, {"prune": True}):
        with pytest.raises(SettingsError, match="knows only its own pictures"):
            build_index(
                photos, store=store, encoder=ColourEncoder(), family="fruit", shard=Shard(1, 2),
                **option,
            )  # fmt: skip


def test_shard_that_waits_in_vain_says_which_one_to_start(
    store: VectorStore, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(family, "SHARD_SECONDS", 0.0)
    with pytest.raises(StoreError, match=r"shard 1/2 makes\. Start that one"):
        build_index(photos, store=store, encoder=ColourEncoder(), family="fruit", shard=Shard(2, 2))


@pytest.mark.usefixtures("no_settings")
def test_script_refuses_shards_on_milvus_lite(
    photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(photos), "--shard", "1/2"]) == 2
    assert "Milvus Lite serves one process" in capsys.readouterr().err


RUN = """
import sys
from pathlib import Path
from core.indexing import picture_run, build
from core.indexing.shard import Shard
from core.store.vector_store import VectorStore
from tests.conftest import ColourEncoder
picture_run.BATCH_ROWS = 8
store = VectorStore(sys.argv[1], database=sys.argv[2], timeout=30, patience=60)
report = build.build_index(
    Path(sys.argv[3]), store=store, encoder=ColourEncoder(), family="fruit",
    shard=Shard.parse(sys.argv[4]),
)
store.close()
sys.stdout.write(str(report.added))
"""


@pytest.mark.server
def test_two_processes_fill_one_server(
    server: MilvusServer, server_store: VectorStore, photos: Path
) -> None:
    # The second is started first: it waits for the collections of the first.
    running = [
        subprocess.Popen(
            [sys.executable, "-c", RUN, server.uri, server_store.database, photos, shard],
            cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for shard in ("2/2", "1/2")
    ]  # fmt: skip
    outcomes = [process.communicate(timeout=240) for process in running]
    assert [process.returncode for process in running] == [0, 0], outcomes
    assert sum(int(out) for out, _ in outcomes) == PICTURES
    encoder = ColourEncoder()
    closing = build_index(photos, store=server_store, encoder=encoder, family="fruit")
    assert (closing.unchanged, encoder.calls) == (PICTURES, 0)
    assert [(i.rows, i.complete) for i in closing.collections] == [(PICTURES, True)] * 3
    build_index(photos, store=server_store, encoder=ColourEncoder(), family="clean")
    for metric in Metric:
        rows = rows_of(server_store, metric)
        assert len({record.id for record, _ in rows}) == len(rows) == PICTURES
        clean = list(server_store.rows_with_embeddings("clean", metric))
        assert [record for record, _ in rows] == [r for records, _ in clean for r in records]
