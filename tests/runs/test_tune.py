"""Measuring indexes as a run: it is remembered, and what a killed one has left goes."""

import pytest

from core.collection.index_choice import IndexChoice, IndexType
from core.config import Settings
from core.metric import Metric
from core.runs.history import load_history
from core.runs.result_text import result_text
from core.runs.run_record import RunStatus
from core.runs.task import Reindex, Tune
from core.store.alias import candidate_name
from core.store.vector_store import VectorStore
from core.tuning.tuning import Tuning, load_tuning
from tests.runs.test_workshop import FAMILY, Run, built, quick, run, settings, store
from tests.support.bare_client import bare_client

__all__ = ["built", "quick", "run", "settings", "store"]


@pytest.mark.usefixtures("built")
def test_a_run_measures_indexes_and_what_it_found_is_read_again(
    run: Run, settings: Settings
) -> None:
    types = (IndexType.FLAT, IndexType.SCANN)
    state = run(Tune(FAMILY, Metric.L2, types, k=3, sample=12))
    assert state.status is RunStatus.DONE, state.error
    assert result_text(state) == "1 setting measured, 1 index refused"
    (past, *_) = load_history(settings.data).runs
    assert isinstance(state.report, Tuning)
    assert past.report == state.report == load_tuning(settings.data.tunings, "fruit_l2")


@pytest.mark.usefixtures("built")
def test_what_a_killed_run_left_is_dropped_before_the_next_change(
    run: Run, store: VectorStore
) -> None:
    left = candidate_name("fruit_l2")
    bare_client(store).create_collection(left, dimension=3)
    flat = Reindex(FAMILY, (Metric.COSINE,), IndexChoice(IndexType.FLAT))
    assert run(flat).status is RunStatus.DONE
    assert left not in bare_client(store).list_collections()
