"""What a start opens and what it builds first."""

from pathlib import Path

import pytest

from core.collection.info import CollectionInfo
from core.config import Settings, load_settings
from core.errors import ReadOnlyError, SettingsError
from core.indexing.start_plan import plan_start
from tests.support.reports import collection as described


@pytest.fixture
def settings(no_settings: None) -> Settings:
    return load_settings()


def collection(dataset: Path, *, complete: bool = True) -> CollectionInfo:
    return described(dataset=str(dataset.resolve()), complete=complete)


def test_without_a_collection_the_sample_is_built(settings: Settings) -> None:
    chosen = plan_start(settings, None, {}, recreate=False)
    assert chosen.collection == "fruit_vector"
    assert chosen.dataset == settings.data.sample


def test_a_folder_without_a_collection_is_built(settings: Settings, tmp_path: Path) -> None:
    chosen = plan_start(settings, tmp_path, {}, recreate=False)
    assert (chosen.collection, chosen.dataset) == ("fruit_vector", tmp_path)


def test_a_complete_collection_is_opened_and_nothing_repeated(
    settings: Settings, tmp_path: Path
) -> None:
    existing = {"fruit_vector": collection(tmp_path)}
    for dataset in (None, tmp_path):
        chosen = plan_start(settings, dataset, existing, recreate=False)
        assert (chosen.collection, chosen.dataset) == ("fruit_vector", None)


def test_a_folder_that_is_gone_is_told_and_what_to_do_where_it_has_moved(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, gone = tmp_path / "there", tmp_path / "gone"
    there.mkdir()
    existing = {"fruit_vector": collection(gone)}
    opened = plan_start(settings, None, existing, recreate=False)
    assert opened.dataset is None
    assert f"{gone}, which is not there" in opened.reason and "ORCHARD_DATASET" in opened.reason
    other = plan_start(settings, there, existing, recreate=False)
    assert other.dataset == there and f"ORCHARD_DATASET={there}" in other.reason
    gone.mkdir()
    for dataset in (None, there):
        reason = plan_start(settings, dataset, existing, recreate=False).reason
        assert "not there" not in reason and "ORCHARD_DATASET" not in reason
    gone.rmdir()
    monkeypatch.setenv("ORCHARD_DATASET", str(there))
    assert "not there" not in plan_start(load_settings(), None, existing, recreate=False).reason


def test_photos_in_an_object_store_are_not_told_to_be_gone(settings: Settings) -> None:
    existing = {"fruit_vector": described(dataset="s3://photos/fruit")}
    assert "not there" not in plan_start(settings, None, existing, recreate=False).reason


def test_an_unfinished_collection_is_continued(settings: Settings, tmp_path: Path) -> None:
    existing = {"fruit_vector": collection(tmp_path, complete=False)}
    assert plan_start(settings, None, existing, recreate=False).dataset == tmp_path.resolve()


def test_another_folder_gets_a_collection_of_its_own_and_keeps_the_first(
    settings: Settings, tmp_path: Path
) -> None:
    other = tmp_path / "My photos, 2026"
    other.mkdir()
    existing = {"fruit_vector": collection(tmp_path)}
    chosen = plan_start(settings, other, existing, recreate=False)
    assert chosen.dataset == other
    assert chosen.collection.startswith("c_my_photos_2026_")
    # The name passes the rule for names of collections.
    load_settings(collection=chosen.collection)
    existing[chosen.collection] = collection(other)
    assert plan_start(settings, other, existing, recreate=False).dataset is None


def test_recreate_builds_a_complete_collection_again(settings: Settings, tmp_path: Path) -> None:
    existing = {"fruit_vector": collection(tmp_path)}
    assert plan_start(settings, None, existing, recreate=True).dataset == tmp_path.resolve()


def test_read_only_builds_nothing_and_refuses_to_recreate(
    settings: Settings, tmp_path: Path
) -> None:
    closed = settings.model_copy(update={"read_only": True})
    existing = {"fruit_vector": collection(tmp_path, complete=False)}
    assert plan_start(closed, None, existing, recreate=False).dataset is None
    assert plan_start(closed, None, {}, recreate=False).dataset is None
    with pytest.raises(ReadOnlyError):
        plan_start(closed, None, existing, recreate=True)


def test_collection_of_others_is_opened_and_never_built_anew(
    settings: Settings, tmp_path: Path
) -> None:
    existing = {"fruit_vector": described(dataset=str(tmp_path), is_foreign=True)}
    assert plan_start(settings, None, existing, recreate=False).dataset is None
    with pytest.raises(SettingsError, match="was not built by Orchard"):
        plan_start(settings, None, existing, recreate=True)
