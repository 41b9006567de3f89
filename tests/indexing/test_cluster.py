"""Encoding on a real Ray cluster of two machines, and what befalls it: nothing lost, nothing twice.

The rows are those of a run without Ray bit for bit: the encoder of these tests takes one picture at
a time, where a real one rounds by the size of its batches. One cluster lasts as long as it can, so
the order of the tests counts: first what leaves it whole, then what takes a machine of it, and what
takes its head at last.
"""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.config import Settings, load_settings
from core.errors import ClusterError, DeviceMemoryError
from core.indexing.build import build_index
from core.indexing.cluster.connection import LOCAL, Cluster, connected, told
from core.indexing.cluster.encoding import EncodingOnCluster
from core.indexing.cluster.worker import Work, Worker, checked
from core.indexing.encoding import Candidate
from core.metric import Metric
from core.progress import Stage
from core.store.vector_store import VectorStore, open_store
from scripts import build_index as build_index_script
from tests.conftest import ColourEncoder, draw_dataset, eventually
from tests.support import ray_machines
from tests.support.cluster_encoders import AlwaysDying, Colours, DyingOnce, Stuck, TooSmall
from tests.support.processes import free_ports, running, started_by

pytestmark = pytest.mark.slow

PICTURES = 40

CONNECTED = """
import sys, time
from core.indexing.cluster.connection import connected
with connected(sys.argv[1]) as cluster:
    print(cluster.pid, flush=True)
    time.sleep(3600)
"""


@pytest.fixture(scope="module")
def machines() -> Iterator[ray_machines.Machines]:
    pytest.importorskip("ray")
    with ray_machines.started() as machines:
        yield machines


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return draw_dataset(tmp_path / "photos", [f"{n % 5}/{n:02}.png" for n in range(PICTURES)])


def on(cluster: Cluster, make: Callable[[], Any]) -> EncodingOnCluster:
    return EncodingOnCluster(ColourEncoder().identity, make, cluster)


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


def once(call: Callable[[], None]) -> tuple[Callable[[Stage, int, int], None], list[int]]:
    """What calls when the first pictures are encoded, and notes how many these are."""
    done_then: list[int] = []

    def on_progress(stage: Stage, done: int, total: int) -> None:
        if stage is Stage.ENCODE and not done_then:
            done_then.append(done)
            call()

    return on_progress, done_then


def assert_the_rest_is_encoded(store: VectorStore, photos: Path, *, kept: int) -> None:
    """The same run once more, here, has at least so many pictures already."""
    encoder = ColourEncoder()
    again = build_index(photos, store=store, encoder=encoder, family="fruit")
    assert again.unchanged >= kept > 0
    assert encoder.calls == again.added == PICTURES - again.unchanged
    assert rows(store, "fruit") == plain_rows(store, photos)


def test_a_worker_that_makes_another_encoder_encodes_nothing() -> None:
    with pytest.raises(ClusterError, match="Install the same packages on every machine"):
        checked(Colours("other")(), ColourEncoder().identity)


def test_what_a_worker_cannot_do_is_answered_in_its_own_words(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(get=lambda found: found))
    begun = SimpleNamespace(again=SimpleNamespace(remote=lambda number: 1))
    work = Work(ColourEncoder().identity, TooSmall(), photos, most_deaths=5)
    portion = {"number": [7], "content": [pickle.dumps([Candidate("0/00.png", "0")])]}
    (answer,) = Worker(work, begun, processors=1)(portion)["content"]
    with pytest.raises(DeviceMemoryError, match="too small for a single picture"):
        raise pickle.loads(answer)


@pytest.mark.usefixtures("no_settings")
def test_where_links_may_lead_is_told_also_where_the_settings_file_says_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")
    assert "ORCHARD_FOLLOW_LINKS" not in told("10.0.0.1:6379")
    (tmp_path / ".env").write_text(f"ORCHARD_FOLLOW_LINKS={tmp_path / 'annex'}\n")
    assert told("10.0.0.1:6379")["ORCHARD_FOLLOW_LINKS"] == str(tmp_path / "annex")


def test_an_address_where_nobody_listens_is_told_at_once() -> None:
    pytest.importorskip("ray")
    (port,) = free_ports(1)
    said = rf"no Ray cluster answers at '127\.0\.0\.1:{port}'"
    with pytest.raises(ClusterError, match=said), connected(f"127.0.0.1:{port}"):
        pass


def test_the_script_sends_the_weights_and_its_rows_are_those_of_a_run_without_ray(
    machines: ray_machines.Machines,
    photos: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    no_settings: None,
) -> None:
    monkeypatch.setenv("ORCHARD_MILVUS_URI", str(photos.parent / "script.db"))
    command = [str(photos / "0"), "--architecture", "resnet14", "--metrics", "l2"]
    assert build_index_script.main([*command, "--collection", "plain"]) == 0
    on_ray = ["--collection", "cluster", "--ray", machines.address]
    assert build_index_script.main([*command, *on_ray]) == 0
    assert "2 encoders on 2 machines, each with 1 processor" in capsys.readouterr().err
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


def test_a_killed_worker_a_full_object_store_and_a_machine_that_goes_lose_nothing(
    machines: ray_machines.Machines, store: VectorStore, photos: Path, tmp_path: Path
) -> None:
    (photos / "0" / "broken.png").write_bytes(b"no picture")
    expected = plain_rows(store, photos)
    store_first_rows(store, "fruit", photos, count=10)
    told: list[tuple[int, int]] = []
    end_machine, then = once(lambda: os.kill(machines.other, signal.SIGKILL))

    def on_progress(stage: Stage, done: int, total: int) -> None:
        if stage is Stage.ENCODE:
            told.append((done, total))
        end_machine(stage, done, total)

    with connected(machines.address) as cluster, removed_before_reading(photos / "4" / "39.png"):
        report = build_index(
            photos,
            store=store,
            encoder=on(cluster, DyingOnce(folder=tmp_path)),
            family="fruit",
            on_progress=on_progress,
        )
    assert (tmp_path / "died").exists() and (tmp_path / "full").exists()
    assert 0 < then[0] < PICTURES
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


def test_pictures_that_kill_every_worker_end_the_run_with_a_word(
    machines: ray_machines.Machines, store: VectorStore, photos: Path
) -> None:
    # A portion is a quarter of what one worker gets, or two: 40 / 4 pictures, or 40 / 2 / 4.
    said = r"1 worker died over the same (10|5) pictures, '\d/\d\d\.png' to '\d/\d\d\.png'"
    with connected(machines.address) as cluster:
        encoding = replace(on(cluster, AlwaysDying()), most_deaths=1)
        with pytest.raises(ClusterError, match=said):
            build_index(photos, store=store, encoder=encoding, family="fruit")
        # A run that is stopped leaves nothing behind that goes on.
        assert not running([cluster.pid])


def test_the_process_that_speaks_with_ray_ends_with_the_one_that_started_it(
    machines: ray_machines.Machines,
) -> None:
    command = [sys.executable, "-c", CONNECTED, machines.address]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        child = int(process.stdout.readline())
        assert running([child])
        process.kill()
    assert eventually(lambda: not running([child]), seconds=60)


def test_a_head_that_goes_ends_the_run_with_a_word_and_keeps_what_was_encoded(
    machines: ray_machines.Machines, store: VectorStore, photos: Path
) -> None:
    end_head, kept = once(lambda: os.kill(machines.head, signal.SIGKILL))
    said = rf"the head of the Ray cluster at {machines.address} no longer answers|cluster failed"
    with pytest.raises(ClusterError, match=said), connected(machines.address) as cluster:
        stuck = on(cluster, Stuck())
        build_index(photos, store=store, encoder=stuck, family="fruit", on_progress=end_head)
    assert_the_rest_is_encoded(store, photos, kept=kept[0])


def test_a_killed_process_that_speaks_with_ray_ends_the_run_with_a_word_and_leaves_no_other(
    store: VectorStore, photos: Path
) -> None:
    pytest.importorskip("ray")
    of_ray: list[int] = []

    def kill() -> None:
        of_ray.extend(started_by(cluster.pid))
        os.kill(cluster.pid, signal.SIGKILL)

    on_progress, kept = once(kill)
    with (
        pytest.raises(ClusterError, match=r"on this machine is lost: .* ended by SIGKILL"),
        connected(LOCAL) as cluster,
    ):
        stuck = on(cluster, Stuck())
        build_index(photos, store=store, encoder=stuck, family="fruit", on_progress=on_progress)
    # This one, what Ray is here, and two workers at least.
    assert len(of_ray) > 3
    assert eventually(lambda: not running(of_ray), seconds=60)
    assert_the_rest_is_encoded(store, photos, kept=kept[0])


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
