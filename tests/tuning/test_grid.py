"""What is measured by default, and what each type is searched with."""

from core.collection.index_choice import IndexChoice, IndexType
from core.collection.index_types.memory import computed_bytes
from core.tuning.grid import default_grid


def efforts(kind: IndexType, *, rows: int = 10_000, k: int = 10) -> list[dict[str, int]]:
    (trial,) = default_grid([], rows=rows, k=k, wanted=[kind])
    return list(trial.efforts)


def test_every_offered_type_is_measured_but_the_one_that_not_every_machine_builds() -> None:
    trials = default_grid(list(IndexType), rows=10_000, k=10)
    assert {trial.index.index_type for trial in trials} == set(IndexType) - {IndexType.DISKANN}
    # 10,000 // 39 = 256 lists.
    assert {t.index.nlist for t in trials if t.index.kind.has_lists} == {256}
    assert efforts(IndexType.DISKANN)[0] == {"search_list": 16}


def test_lists_are_searched_from_one_to_all_and_candidates_from_k_on() -> None:
    assert efforts(IndexType.FLAT) == [{}]
    lists = [one["nprobe"] for one in efforts(IndexType.IVF_FLAT)]
    assert lists == [1, 4, 8, 16, 32, 64, 128, 256]
    assert [one["nprobe"] for one in efforts(IndexType.IVF_SQ8, rows=200)] == [1, 4, 5]
    assert [one["ef"] for one in efforts(IndexType.HNSW, k=16)] == [32, 64, 128, 256]
    # None of the usual steps is enough; 101 hits are asked for.
    assert efforts(IndexType.HNSW, k=100)[0]["ef"] == 128
    assert {one["reorder_k"] for one in efforts(IndexType.SCANN)} == {64}


def test_bytes_follow_the_formula_of_the_type() -> None:
    def memory(choice: IndexChoice) -> int:
        return computed_bytes(choice, rows=1_000, dimension=64).memory

    lists = 10 * 64 * 4 + 1_000 * 8
    assert memory(IndexChoice(IndexType.FLAT)) == 1_000 * 64 * 4
    assert memory(IndexChoice(IndexType.IVF_FLAT, 10)) == 1_000 * 64 * 4 + lists
    assert memory(IndexChoice(IndexType.IVF_SQ8, 10)) == 1_000 * 64 + lists
    # Eight parts of a byte, and 256 centres of each.
    assert memory(IndexChoice(IndexType.IVF_PQ, 10)) == 1_000 * 8 + lists + 256 * 64 * 4
    # 32 links of four bytes, and 16 bytes more a row.
    assert memory(IndexChoice(IndexType.HNSW_SQ)) == 1_000 * (64 + 32 * 4 + 16)
    disk = computed_bytes(IndexChoice(IndexType.DISKANN), rows=1_000, dimension=64)
    assert disk.memory == 1_000 * 64 * 4 // 8 < disk.disk
