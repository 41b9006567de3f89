"""Encoding on a real Ray cluster of two machines, and what befalls it: nothing lost, nothing twice.

The rows are those of a run without Ray bit for bit: the encoder of these tests takes one picture at
a time, where a real one rounds by the size of its batches.
"""

import contextlib
import os
import pickle
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.config import load_settings
from core.errors import ClusterError, DeviceMemoryError
from core.indexing import cluster as cluster_module
from core.indexing.build import build_index
from core.indexing.cluster import EncodingOnCluster, Workers, _Worker, connected
from core.indexing.encoding import Candidate
from core.metric import Metric
from core.progress import Stage
from core.store.vector_store import VectorStore, open_store
from scripts import build_index as build_index_script
from tests.conftest import ColourEncoder, draw_dataset
from tests.support.cluster_encoders import (
    AlwaysDying,
    Colours,
    DyingOnce,
    Slow,
    TooSmall,
)
from tests.support.processes import free_ports

pytestmark = pytest.mark.slow

PICTURES = 40
# Smaller is not allowed.
OBJECT_BYTES = 80_000_000


@pytest.fixture(scope="module", autouse=True)
def quiet() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # As `connected` sets them; they are read when Ray is imported, which a fixture does first.
        patch.setenv("RAY_ENABLE_AUTO_CONNECT", "0")
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def machines() -> Iterator[Any]:
    """A head and one more machine, with a processor each."""
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    cluster = cluster_utils.Cluster(
        initialize_head=True,
        head_node_args={
            **{"num_cpus": 1, "object_store_memory": OBJECT_BYTES, "include_dashboard": False},
        },
    )
    add_machine(cluster)
    yield cluster
    cluster.shutdown()


def add_machine(cluster: Any) -> Any:
    return cluster.add_node(num_cpus=1, object_store_memory=OBJECT_BYTES)


@pytest.fixture
def workers(machines: Any) -> Iterator[Workers]:
    with connected(machines.address) as found:
        yield found


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return draw_dataset(tmp_path / "photos", [f"{n % 5}/{n:02}.png" for n in range(PICTURES)])


def on_cluster(workers: Workers, make: Callable[[], Any] = Colours()) -> EncodingOnCluster:  # noqa: B008
    return EncodingOnCluster(ColourEncoder().identity, make, workers)


def rows(store: VectorStore, family: str) -> dict[str, bytes]:
    """The rows of all metrics; one that is there twice fails."""
    found = [
        (f"{metric} {record}", embedding.tobytes())
        for metric in Metric
        for records, embeddings in store.rows_with_embeddings(family, metric)
        for record, embedding in zip(records, embeddings, strict=True)
    ]
    assert max(Counter(name for name, _ in found).values()) == 1
    return dict(found)


def store_first_rows(store: VectorStore, family: str, photos: Path, *, count: int) -> None:
    """Index as a run does that is stopped after so many pictures."""
    encoder = ColourEncoder()
    encoder.batch_size, encoder.stop_after = 5, count
    with contextlib.suppress(KeyboardInterrupt):
        build_index(photos, store=store, encoder=encoder, family=family)


def plain_rows(store: VectorStore, photos: Path) -> dict[str, bytes]:
    build_index(photos, store=store, encoder=ColourEncoder(), family="plain")
    return rows(store, "plain")


def test_the_workers_are_those_of_both_machines(workers: Workers) -> None:
    assert (workers.count, workers.machines, workers.has_gpu) == (2, 2, False)
    assert str(workers) == "2 encoders on 2 machines, each with 1 processor"


def test_rows_are_those_of_a_run_without_ray_and_what_is_stored_is_not_encoded_again(
    workers: Workers, store: VectorStore, photos: Path
) -> None:
    (photos / "0" / "broken.png").write_bytes(b"no picture")
    expected = plain_rows(store, photos)
    store_first_rows(store, "fruit", photos, count=10)
    with removed_before_reading(photos / "4" / "39.png"):
        told: list[tuple[int, int]] = []
        report = build_index(
            photos,
            store=store,
            encoder=on_cluster(workers),
            family="fruit",
            on_progress=lambda stage, done, total: (
                told.append((done, total)) if stage is Stage.ENCODE else None
            ),
        )
    # Of 40 pictures ten are stored, and one vanishes between the listing and the reading.
    assert (report.unchanged, report.added) == (10, 29)
    skipped = {one.path: one.reason for one in report.skipped}
    assert set(skipped) == {"0/broken.png", "4/39.png"}
    assert "No such file" in skipped["4/39.png"]
    assert told[-1] == (PICTURES + 1, PICTURES + 1)
    assert told == sorted(told)
    lost = {name: row for name, row in expected.items() if "'4/39.png'" in name}
    assert rows(store, "fruit") == {n: row for n, row in expected.items() if n not in lost}
    assert len(lost) == len(Metric)


def test_a_killed_worker_and_a_full_object_store_lose_nothing(
    workers: Workers, store: VectorStore, photos: Path, tmp_path: Path
) -> None:
    import ray

    # Ten times a tenth fill the store of one machine, and then some.
    held = [ray.put(np.zeros(OBJECT_BYTES // 10, np.uint8)) for _ in range(12)]
    encoding = on_cluster(workers, DyingOnce(marker=tmp_path / "died"))
    report = build_index(photos, store=store, encoder=encoding, family="fruit")
    del held
    assert (tmp_path / "died").exists()
    assert report.added == PICTURES
    assert rows(store, "fruit") == plain_rows(store, photos)


def test_pictures_that_kill_every_worker_end_the_run_with_a_word(
    workers: Workers, store: VectorStore, photos: Path
) -> None:
    # A portion is a quarter of a worker's share: 40 / 2 / 4 pictures.
    said = r"1 worker died over the same 5 pictures, '\d/\d\d\.png' to '\d/\d\d\.png'"
    with pytest.raises(ClusterError, match=said):
        build_index(
            photos,
            store=store,
            encoder=replace(on_cluster(workers, AlwaysDying()), most_deaths=1),
            family="fruit",
        )


def test_what_a_worker_cannot_do_is_told_in_its_own_words(
    workers: Workers, store: VectorStore, photos: Path
) -> None:
    with pytest.raises(DeviceMemoryError, match="too small for a single picture"):
        build_index(photos, store=store, encoder=on_cluster(workers, TooSmall()), family="fruit")


def test_a_worker_that_makes_another_encoder_encodes_nothing(photos: Path) -> None:
    workers = Workers(1, 1, has_gpu=False, machines=1, head=("", 0))
    worker = _Worker(on_cluster(workers, Colours("other")), photos, None)
    candidates = pickle.dumps([Candidate("0/00.png", "0")])
    (content,) = worker({"number": [7], "content": [candidates]})["content"]
    with pytest.raises(ClusterError, match="Install the same packages on every machine"):
        raise pickle.loads(content)


def test_an_address_where_nobody_listens_is_told_at_once() -> None:
    (port,) = free_ports(1)
    said = rf"no Ray cluster answers at '127\.0\.0\.1:{port}'"
    with pytest.raises(ClusterError, match=said), connected(f"127.0.0.1:{port}"):
        pass


def test_the_script_sends_the_weights_and_its_rows_are_those_of_a_run_without_ray(
    machines: Any, photos: Path, monkeypatch: pytest.MonkeyPatch, no_settings: None
) -> None:
    monkeypatch.setenv("ORCHARD_MILVUS_URI", str(photos.parent / "script.db"))
    command = [str(photos / "0"), "--architecture", "resnet14", "--metrics", "l2"]
    assert build_index_script.main([*command, "--collection", "plain"]) == 0
    on_ray = ["--collection", "cluster", "--ray", machines.address]
    assert build_index_script.main([*command, *on_ray]) == 0
    with contextlib.closing(open_store(load_settings())) as store:
        plain, cluster = (
            {
                record: embedding
                for records, embeddings in store.rows_with_embeddings(family, Metric.L2)
                for record, embedding in zip(records, embeddings, strict=True)
            }
            for family in ("plain", "cluster")
        )
    assert plain.keys() == cluster.keys() and len(plain) == PICTURES // 5
    for record, embedding in plain.items():
        # Batches of other sizes round otherwise.
        np.testing.assert_allclose(cluster[record], embedding, rtol=0.02, atol=0.02)


def test_a_machine_that_goes_loses_nothing(
    machines: Any, store: VectorStore, photos: Path, tmp_path: Path
) -> None:
    doomed, gone = next(iter(machines.worker_nodes)), []

    def end_it(stage: Stage, done: int, total: int) -> None:
        if stage is Stage.ENCODE and not gone:
            gone.append(done)
            machines.remove_node(doomed, allow_graceful=False)

    with connected(machines.address) as workers:
        report = build_index(
            photos, store=store, encoder=on_cluster(workers), family="fruit", on_progress=end_it
        )
    assert 0 < gone[0] < PICTURES
    assert report.added == PICTURES
    assert rows(store, "fruit") == plain_rows(store, photos)


def test_a_head_that_goes_ends_the_run_with_a_word_and_keeps_what_was_encoded(
    machines: Any,
    store: VectorStore,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster_module, "_PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr(cluster_module, "_LOOK_SECONDS", 0.2)
    monkeypatch.setattr(cluster_module, "_STOP_SECONDS", 0.2)
    kept: list[int] = []

    def end_it(stage: Stage, done: int, total: int) -> None:
        if stage is Stage.ENCODE and not kept:
            kept.append(done)
            for process in machines.head_node.all_processes["gcs_server"]:
                os.kill(process.process.pid, signal.SIGKILL)

    with (
        pytest.raises(ClusterError, match=r"no longer answers|the Ray cluster failed"),
        connected(machines.address) as workers,
    ):
        # Else a run of so few pictures ends before anybody looks for the head.
        slow = on_cluster(workers, Slow())
        build_index(photos, store=store, encoder=slow, family="fruit", on_progress=end_it)
    encoder = ColourEncoder()
    again = build_index(photos, store=store, encoder=encoder, family="fruit")
    assert again.unchanged >= kept[0] > 0
    assert encoder.calls == again.added == PICTURES - again.unchanged
    assert rows(store, "fruit") == plain_rows(store, photos)


@contextlib.contextmanager
def removed_before_reading(file: Path) -> Iterator[None]:
    """Remove a file once the folder is listed."""
    from core.indexing import build

    listed = build.list_dataset

    def list_and_remove(root: Any) -> Any:
        listing = listed(root)
        file.unlink()
        return listing

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "list_dataset", list_and_remove)
        yield
