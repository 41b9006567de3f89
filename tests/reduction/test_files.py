"""What was fitted is kept in a file that nobody can exchange unseen."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import ReductionError
from core.records import Reduction
from core.reduction.files import (
    file_of,
    load_fitted,
    read_content,
    save_fitted,
    write_content,
)
from core.reduction.fitted import Fitted, fit

ROWS = np.random.default_rng(1).normal(size=(30, 8)).astype(np.float32)


@pytest.fixture
def kept(tmp_path: Path) -> Fitted:
    return save_fitted(fit(ROWS, Reduction.parse("pca3+int8"), centred=True), tmp_path)


def test_it_is_read_back_as_it_was(kept: Fitted, tmp_path: Path) -> None:
    assert len(kept.reduction.fitted) == 8
    assert [file.name for file in tmp_path.iterdir()] == [f"{kept.reduction}.npz"]
    again = load_fitted(kept.reduction, tmp_path)
    np.testing.assert_array_equal(again.apply(ROWS), kept.apply(ROWS))
    # The same again is the same file.
    same = save_fitted(fit(ROWS, Reduction.parse("pca3+int8"), centred=True), tmp_path)
    assert same.reduction == kept.reduction


def test_what_needs_no_fitting_needs_no_file(tmp_path: Path) -> None:
    half = Reduction.parse("normalised+float16")
    assert save_fitted(fit(ROWS, half, centred=True), tmp_path / "none").reduction == half
    assert load_fitted(half, tmp_path / "none").apply(ROWS).shape == ROWS.shape
    assert not (tmp_path / "none").exists()


def test_a_file_that_is_gone_changed_or_of_something_else_is_said_to_be(
    kept: Fitted, tmp_path: Path
) -> None:
    file = file_of(kept.reduction, tmp_path)
    content = file.read_bytes()
    file.write_bytes(content[:-1] + b"!")
    with pytest.raises(ReductionError, match=r"damaged or was replaced\. Copy the file"):
        load_fitted(kept.reduction, tmp_path)
    file.unlink()
    with pytest.raises(ReductionError, match=r"PCA to 3 numbers, int8 numbers.*Copy the file"):
        load_fitted(kept.reduction, tmp_path)
    # A file that bears the right hash, of another reduction.
    wrong = replace(kept.reduction, pca=2)
    file_of(wrong, tmp_path).write_bytes(content)
    with pytest.raises(ReductionError, match="does not hold what its name says"):
        load_fitted(wrong, tmp_path)


def test_no_code_is_run_that_a_file_may_hold(tmp_path: Path) -> None:
    objects = Fitted(Reduction(pca=1), mean=np.array([print], object))  # type: ignore[arg-type]
    named = save_fitted(objects, tmp_path).reduction
    with pytest.raises(ReductionError, match="does not hold what its name says"):
        load_fitted(named, tmp_path)


def test_its_bytes_can_be_taken_elsewhere_and_nothing_else_in_their_place(
    kept: Fitted, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    content = read_content(kept.reduction, tmp_path)
    write_content(kept.reduction, content, other)
    assert load_fitted(kept.reduction, other).reduction == kept.reduction
    with pytest.raises(ReductionError, match="damaged or was replaced"):
        write_content(kept.reduction, content + b"!", other)
    assert read_content(kept.reduction, other) == content
