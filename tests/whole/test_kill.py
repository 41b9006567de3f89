"""kill -9 at twenty moments of an indexing run, then the same run again: nothing lost or doubled.

The moments are drawn with a fixed seed over all stages of a run, so that a failure can be repeated.
"""

import multiprocessing
import random
import signal
from pathlib import Path

import pytest

from core.indexing.build import build_index
from core.metric import Metric
from core.records import ImageRecord
from core.store.vector_store import VectorStore
from tests.conftest import ColourEncoder, draw_dataset
from tests.support import killed_run
from tests.support.bare_client import bare_client
from tests.support.killed_run import STAGES

PICTURES = 80
KILLS = 20

# How often a run of 80 pictures in batches of 16 comes by each stage; three metrics.
CALLS = {
    "decode": PICTURES,
    "encode": 5,
    "upsert": 15,
    "upsert-after": 15,
    "flush": 3,
    "flush-after": 3,
    "save_schema": 3,
    "create_collection-after": 3,
    "create_index": 3,
    "create_alias": 3,
    "load_collection": 3,
    "alter_collection_properties-after": 3,
}

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")


def moments() -> list[tuple[str, int]]:
    """Every stage at least once, each at a random one of its calls."""
    chance = random.Random(20)
    stages = [*STAGES, *chance.choices(STAGES, k=KILLS - len(STAGES))]
    return [(stage, chance.randint(1, CALLS[stage])) for stage in stages]


Rows = dict[Metric, list[tuple[ImageRecord, bytes]]]


def contents(store: VectorStore) -> Rows:
    """All rows of all metrics in order of their ids, embeddings as bytes, doubles included."""
    found: Rows = {}
    for metric in Metric:
        records = list(store.records("fruit", metric))
        vectors = store.embeddings("fruit", metric, [record.id for record in records])
        found[metric] = [(record, vectors[record.id].tobytes()) for record in records]
    return found


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    return draw_dataset(root, [f"c{n % 5}/{n}.png" for n in range(PICTURES)])


@pytest.fixture(scope="module")
def clean(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """What a run that nobody disturbs writes."""
    store = VectorStore(str(tmp_path_factory.mktemp("clean") / "x.db"), database="pictures")
    build_index(photos, store=store, encoder=ColourEncoder(), family="fruit")
    rows = contents(store)
    store.close()
    return rows


def kill(photos: Path, database: Path, stage: str, count: int, token: str = "") -> None:
    # Forked from a process that has imported everything already.
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([killed_run.__name__])
    run = processes.Process(
        target=killed_run.run, args=(photos, str(database), stage, count, token)
    )
    run.start()
    run.join(300)
    assert run.exitcode == -signal.SIGKILL


def test_moments_cover_every_stage() -> None:
    assert len(moments()) == KILLS
    assert {stage for stage, _ in moments()} == set(STAGES) == set(CALLS)


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "count"), moments())
def test_killed_run_is_completed_by_the_next(
    stage: str, count: int, photos: Path, clean: Rows, database: Path
) -> None:
    kill(photos, database, stage, count)
    store = VectorStore(str(database), database="pictures")
    try:
        report = build_index(photos, store=store, encoder=ColourEncoder(), family="fruit")
        assert contents(store) == clean
        assert report.added + report.unchanged == PICTURES
        assert [(i.rows, i.complete) for i in report.collections] == [(PICTURES, True)] * 3
        assert len(bare_client(store).list_collections()) == len(Metric)
    finally:
        store.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "count", "kept"),
    [
        # Nothing of the new is there: between one dropped metric and the next, and after the last.
        ("drop_collection-after", 1, 0),
        ("drop_collection-after", 3, 0),
        # All are made before the first row: L2 is being made and COSINE is empty.
        ("create_alias", 2, 0),
        # Batches of 16 go to COSINE, L2, IP in turn: COSINE alone has one.
        ("upsert-after", 1, 16),
        # 7 = 2 * 3 + 1: two batches everywhere, and the third in COSINE alone.
        ("upsert-after", 7, 48),
        ("flush-after", 3, PICTURES),
    ],
)
def test_killed_replacement_goes_on_where_it_was(
    stage: str, count: int, kept: int, *, photos: Path, clean: Rows, database: Path
) -> None:
    store = VectorStore(str(database), database="pictures")
    build_index(photos, store=store, encoder=ColourEncoder("11111111"), family="fruit")
    store.close()
    kill(photos, database, stage, count, "token")
    store = VectorStore(str(database), database="pictures")
    encoder = ColourEncoder()
    try:
        report = build_index(
            photos, store=store, encoder=encoder, family="fruit", recreate=True, token="token"
        )
        assert (encoder.calls, report.unchanged) == (PICTURES - kept, kept)
        assert contents(store) == clean
        assert {(i.encoder, i.complete) for i in report.collections} == {(encoder.identity, True)}
        assert len(bare_client(store).list_collections()) == len(Metric)
    finally:
        store.close()
