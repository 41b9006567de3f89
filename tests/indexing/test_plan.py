"""A build does what it announces: an index is left or replaced, metrics are added."""

from dataclasses import replace

import pytest

from core.collection.index_choice import IndexChoice, IndexType
from core.collection.info import CollectionInfo
from core.dataset.files import image_id
from core.errors import DatasetError, EncoderMismatchError
from core.indexing.plan import index_sentences, index_to_build, refuse_to_add
from core.metric import Metric
from core.records import EncoderIdentity

ENCODER = EncoderIdentity("resnet50", "0676ba61", "resize256", 2_048)


def collection(metric: Metric, index_type: str, **parameters: int) -> CollectionInfo:
    facts = {"nlist": 0, **parameters}
    return CollectionInfo(
        f"fruit_{metric.lower()}", metric, 2_048, 1_253, index_type, pending_rows=0,
        encoder=ENCODER, dataset="/photos", complete=True, **facts,
    )  # fmt: skip


HNSW = collection(Metric.L2, "HNSW", m=16, ef_construction=200)
IVF = collection(Metric.L2, "IVF_FLAT", nlist=32)
FLAT = collection(Metric.L2, "FLAT")
HNSW_CHOICE = IndexChoice(IndexType.HNSW)
FLAT_CHOICE = IndexChoice(IndexType.FLAT)
ALONE, TWO = [Metric.L2], [Metric.L2, Metric.IP]


def planned(choice: IndexChoice | None, *infos: CollectionInfo, metrics: list[Metric]) -> str:
    index = index_to_build(choice, infos, metrics=metrics, rows=1_253)
    return index_sentences(index, infos, metrics=metrics)


def test_ivf_flat_chosen_on_purpose_replaces_another_index() -> None:
    # 4 * sqrt(1,253) is 142, but 1,253 // 39 is 32, the most that k-means can be trained for.
    index = index_to_build(IndexChoice(), [HNSW], metrics=ALONE, rows=1_253)
    assert index == IndexChoice(IndexType.IVF_FLAT, 32)
    assert index != IndexChoice()  # which `build_index` takes for nothing in particular
    assert index_sentences(index, [HNSW], metrics=ALONE) == (
        "The index of L2 is rebuilt as IVF_FLAT with nlist 32 (it is HNSW with M 16 and "
        "efConstruction 200); meanwhile the rows take twice the space."
    )


@pytest.mark.parametrize("info", [HNSW, IVF, FLAT])
def test_as_the_collection_asks_for_nothing_where_no_metric_is_new(info: CollectionInfo) -> None:
    assert index_to_build(None, [info], metrics=ALONE, rows=9_999) == IndexChoice()


@pytest.mark.parametrize(
    ("info", "index"), [(HNSW, HNSW_CHOICE), (FLAT, FLAT_CHOICE), (IVF, IndexChoice())]
)
def test_new_metric_gets_the_index_of_the_others(info: CollectionInfo, index: IndexChoice) -> None:
    assert index_to_build(None, [info], metrics=TWO, rows=1_253) == index


def test_announcement_names_what_is_kept_and_what_is_added() -> None:
    assert planned(None, HNSW, metrics=TWO) == (
        "The index stays as it is (HNSW with M 16 and efConstruction 200). IP is added, with the "
        "index HNSW with M 16 and efConstruction 200."
    )
    assert planned(None, IVF, metrics=ALONE) == (
        "The index stays as it is (IVF_FLAT with nlist 32), unless the rows outgrow its lists."
    )
    assert planned(FLAT_CHOICE, FLAT, metrics=ALONE) == "The index stays as it is (FLAT)."


def test_announcement_of_the_first_build_names_metrics_and_index() -> None:
    assert planned(FLAT_CHOICE, metrics=TWO) == "L2 and IP are built, with the index FLAT."


def test_metric_that_was_not_chosen_is_said_to_be_kept_up_to_date() -> None:
    said = planned(None, FLAT, metrics=[Metric.IP])
    assert said.endswith("L2, though not chosen, is kept up to date as well.")


def test_index_of_other_parameters_is_built_anew() -> None:
    said = planned(IndexChoice(IndexType.HNSW, m=8), HNSW, metrics=ALONE)
    assert said.startswith("The index of L2 is rebuilt as HNSW with M 8")
    said = planned(IndexChoice(IndexType.IVF_FLAT, nlist=4), IVF, metrics=ALONE)
    assert "as IVF_FLAT with nlist 4 (it is IVF_FLAT with nlist 32)" in said


def refuse(*infos: CollectionInfo, folder: str, names: str) -> None:
    """As if the collections held a.png, b.png and c.png."""
    stored = {image_id(f"{name}.png") for name in "abc"}
    paths = [f"{name}.png" for name in names]
    refuse_to_add(infos, folder=folder, paths=paths, stored=stored)


def test_other_pictures_are_refused_with_ways_that_a_page_and_a_terminal_have() -> None:
    # One of three is fewer than half, two are not.
    with pytest.raises(DatasetError, match=r"only 1 of them .* below '/other'") as caught:
        refuse(FLAT, folder="/other", names="axyz")
    for way in ("ORCHARD_COLLECTION", "--collection", "under Build on the Collection page"):
        assert way in str(caught.value)
    refuse(FLAT, folder="/moved", names="abxyz")


def test_the_folder_of_the_collection_is_never_refused() -> None:
    refuse(FLAT, folder="/photos", names="xyz")


def test_metrics_of_different_encoders_are_refused() -> None:
    other = replace(IVF, metric=Metric.IP, encoder=replace(ENCODER, weights="12345678"))
    with pytest.raises(EncoderMismatchError, match=r"made by different encoders.*12345678"):
        refuse(FLAT, other, folder="/photos", names="abc")
