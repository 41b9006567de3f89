"""Rows of the map: all or a sample, with their records."""

from dataclasses import replace

import numpy as np

from core.embeddings.matrix import Matrix
from core.projection.rows import choose_rows


def _matrix(rows: int) -> Matrix:
    labels = tuple("ab"[number % 2] for number in range(rows))
    return Matrix(
        ids=np.arange(100, 100 + rows),
        paths=tuple(f"{label}/{number}.jpg" for number, label in enumerate(labels)),
        labels=labels,
        digests=("d",) * rows,
        embeddings=np.arange(rows * 3, dtype="f4").reshape(rows, 3),
        fingerprint="f",
        stored="f",
        embedded="f",
    )


def test_all_rows_when_they_fit() -> None:
    rows = choose_rows(_matrix(10), limit=10)
    assert len(rows) == 10
    assert not rows.is_sample


def test_a_sample_keeps_rows_ids_and_embeddings_together() -> None:
    matrix = _matrix(40)
    rows = choose_rows(matrix, limit=10)
    assert rows.is_sample
    assert sorted(rows.labels) == ["a"] * 5 + ["b"] * 5
    for row, position in enumerate(rows.positions.tolist()):
        assert rows.record(row).id == 100 + position == rows.ids[row]
        assert rows.record(row).path == rows.paths[row] == matrix.paths[position]
        assert rows.embeddings()[row].tolist() == matrix.embeddings[position].tolist()


def test_another_choice_has_another_fingerprint() -> None:
    matrix = _matrix(40)
    marks = {
        choose_rows(matrix, limit=40).fingerprint,
        choose_rows(matrix, limit=10).fingerprint,
        choose_rows(matrix, limit=10, seed=1).fingerprint,
    }
    assert len(marks) == 3
    assert choose_rows(matrix, limit=10).fingerprint in marks


def test_another_class_moves_no_point_and_fewer_rows_do() -> None:
    plain = _matrix(10)
    relabelled = replace(plain, labels=("b", *plain.labels[1:]), fingerprint="other")
    fewer = replace(plain, embedded="fewer", fingerprint="fewer")
    one, two, three = (choose_rows(matrix, limit=10) for matrix in (plain, relabelled, fewer))
    assert one.fingerprint == two.fingerprint != three.fingerprint
    assert len({one.seen, two.seen, three.seen}) == 3
