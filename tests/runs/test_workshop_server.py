"""A build in the background on a real Milvus server that goes away in the middle."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.config import load_settings
from core.indexing import picture_run
from core.metric import Metric
from core.runs import workshop
from core.runs.reports import Report
from core.runs.run_record import RunStatus
from core.runs.runner import Runner, RunProgress
from core.runs.task import Build, Task
from core.runs.workshop import perform
from core.store.vector_store import open_store
from tests.conftest import ColourEncoder, draw_dataset
from tests.support.milvus_server import MilvusServer

pytestmark = [pytest.mark.server, pytest.mark.slow]

PICTURES = 120


@pytest.fixture
def server(server_program: Path, unpacked: Path, tmp_path: Path) -> Iterator[MilvusServer]:
    """A server that the test may kill."""
    server = MilvusServer(server_program, tmp_path / "milvus", unpacked)
    server.start()
    yield server
    server.thaw()
    server.kill()


@pytest.mark.usefixtures("no_settings")
def test_server_that_goes_away_fails_the_run_in_words_and_it_is_continued_later(
    server: MilvusServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = draw_dataset(tmp_path / "photos", [f"c{n % 5}/{n}.png" for n in range(PICTURES)])
    monkeypatch.setenv("ORCHARD_MILVUS_URI", server.uri)
    monkeypatch.setenv("ORCHARD_MILVUS_TIMEOUT", "5")
    monkeypatch.setattr(workshop, "RUN_PATIENCE", 12.0)
    monkeypatch.setattr(picture_run, "BATCH_ROWS", 16)
    encoder = ColourEncoder()
    monkeypatch.setattr(workshop, "load_encoder", lambda *_, **__: encoder)
    settings = load_settings()
    store = open_store(settings)

    def go_away_in_the_middle(task: Task, progress: RunProgress) -> Report:
        def look(stage: str, done: int, total: int) -> None:
            progress(stage, done, total)
            if stage == "encode" and done >= 60:
                server.freeze()

        look.skip, look.note = progress.skip, progress.note  # type: ignore[attr-defined]
        return perform(task, look, store=store, settings=settings)  # type: ignore[arg-type]

    task = Build("fruit", folder=str(photos), metrics=(Metric.L2,))
    first = Runner(settings.data.runs, go_away_in_the_middle)
    first.start(task)
    first.wait(120)
    state = first.state()
    assert state.status is RunStatus.FAILED
    assert "does not answer" in state.error
    assert any("trying again" in note for note in state.notes)
    before = encoder.calls

    server.thaw()
    second = Runner(
        settings.data.runs,
        lambda task, progress: perform(task, progress, store=store, settings=settings),
    )
    # A server that answers may still refuse for some seconds; each time it is offered again.
    for _ in range(20):
        unfinished = second.unfinished("fruit")
        assert unfinished is not None
        second.start(unfinished.task)
        second.wait(240)
        if second.state().status is RunStatus.DONE:
            break
        time.sleep(3)  # for the server to come to itself
    assert second.state().status is RunStatus.DONE, second.state().error
    assert store.count("fruit", Metric.L2) == PICTURES
    # What had been written before the server went away is not encoded again.
    assert encoder.calls - before < PICTURES
    store.close()
