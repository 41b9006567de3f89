"""Embeddings in memory: a failed preparation is tried again, but not with every rerun."""

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from core.errors import StoreError, StoreUnavailableError
from core.ui import resources


class Reading:
    """Stands in for reading the embeddings: it counts its calls, and fails."""

    def __init__(self) -> None:
        self.calls = 0
        self.error: Exception = StoreError("a row is damaged.")

    def __call__(self, *_: object, **__: object) -> None:
        self.calls += 1
        raise self.error


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reading]:
    reading = Reading()
    settings = SimpleNamespace(collection="set", data=SimpleNamespace(embeddings=None))
    monkeypatch.setattr(resources, "load_reference", reading)
    catalogue = SimpleNamespace(fingerprint="f", told=0)
    monkeypatch.setattr(resources, "get_catalogue", lambda _: catalogue)
    monkeypatch.setattr(resources, "get_listing", lambda _: None)
    monkeypatch.setattr(resources, "get_store", lambda: None)
    monkeypatch.setattr(resources, "get_settings", lambda: settings)
    monkeypatch.setattr(resources, "get_collections", lambda _: {})
    resources._preparing.clear()
    yield reading
    resources._preparing.clear()


def fail(error: type[Exception]) -> None:
    with pytest.raises(error):
        resources.get_reference("set")


# A `TimeoutError` of the work itself is not one of waiting for it.
@pytest.mark.parametrize("error", [StoreError("x"), MemoryError(), TimeoutError(), OSError()])
def test_whatever_went_wrong_is_told_at_every_rerun_and_read_again_after_a_minute(
    reading: Reading, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    reading.error = error
    fail(type(error))
    fail(type(error))
    assert reading.calls == 1
    # Once the minute is over, the failure is told a last time and forgotten.
    monkeypatch.setattr(resources, "_RETRY_SECONDS", -1.0)
    fail(type(error))
    assert reading.calls == 1
    fail(type(error))
    assert reading.calls == 2


def test_a_database_that_was_away_is_asked_again_at_once(reading: Reading) -> None:
    reading.error = StoreUnavailableError("away.")
    fail(StoreUnavailableError)
    fail(StoreUnavailableError)
    assert reading.calls == 2


@pytest.mark.parametrize(
    ("is_dashboard", "read_only"), [(True, False), (True, True), (False, False)]
)
def test_dashboard_that_may_change_things_keeps_its_data_folder_in_order(
    monkeypatch: pytest.MonkeyPatch, is_dashboard: bool, read_only: bool
) -> None:
    cleaned: list[object] = []
    settings = SimpleNamespace(data="data", read_only=read_only)
    monkeypatch.setattr(resources, "get_settings", lambda: settings)
    monkeypatch.setattr(resources, "get_store", lambda: "store")
    monkeypatch.setattr(resources, "forget_collections", lambda: None)
    monkeypatch.setattr(resources, "_after_runs", [])
    monkeypatch.setattr(resources.Runtime, "exists", lambda: is_dashboard)
    monkeypatch.setattr(resources, "clean_up", lambda *given: cleaned.append(given))
    # In this thread instead of one of its own.
    pool = SimpleNamespace(submit=lambda work, *given: work(*given), shutdown=lambda wait: None)
    monkeypatch.setattr(resources, "ThreadPoolExecutor", lambda *_, **__: pool)
    resources._run_has_ended()
    wanted = [("data", "store")] if is_dashboard and not read_only else []
    assert cleaned == wanted
