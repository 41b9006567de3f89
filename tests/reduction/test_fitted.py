"""Embeddings made smaller agree with scikit-learn and with arithmetic, rows and queries alike."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.decomposition import PCA, TruncatedSVD

from core.errors import ReductionError
from core.progress import Stage
from core.records import EncoderIdentity, Reduction, Rounding
from core.reduction import fitted as module
from core.reduction.fitted import fit, principal_components, reduced

RANDOM = np.random.default_rng(3)
# Directions that hold more and more, so that none can be taken for the next.
AXES = np.linalg.qr(RANDOM.normal(size=(20, 20)))[0] * np.geomspace(8, 0.1, 20)
ROWS = (RANDOM.normal(size=(300, 20)) @ AXES.T + 2).astype(np.float32)
QUERIES = (RANDOM.normal(size=(5, 20)) @ AXES.T + 2).astype(np.float32)


# Fewer rows than numbers in each are taken apart in another way.
WIDER = np.linalg.qr(RANDOM.normal(size=(300, 20)))[0].T.astype(np.float32)
BOTH = pytest.mark.parametrize(
    ("rows", "queries"),
    [(ROWS, QUERIES), (ROWS[:60] @ WIDER, QUERIES @ WIDER)],
    ids=["many", "few"],
)


@BOTH
def test_about_the_mean_a_query_is_what_scikit_learn_makes_of_it(
    rows: NDArray[np.float32], queries: NDArray[np.float32]
) -> None:
    theirs = PCA(6, svd_solver="full").fit(rows.astype(np.float64))
    ours = fit(rows, Reduction(pca=6), centred=True).apply(queries)
    # Theirs has the same rule for signs: the largest number of a component is positive.
    np.testing.assert_allclose(ours, theirs.transform(queries), rtol=1e-3, atol=1e-3)


@BOTH
def test_about_zero_inner_products_are_those_of_a_truncated_decomposition(
    rows: NDArray[np.float32], queries: NDArray[np.float32]
) -> None:
    theirs = TruncatedSVD(6, algorithm="arpack").fit(rows.astype(np.float64)).transform(queries)
    ours = fit(rows, Reduction(pca=6), centred=False).apply(queries)
    np.testing.assert_allclose(ours @ ours.T, theirs @ theirs.T, rtol=1e-3)


def test_blocks_and_batches_are_no_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    for reduction in (Reduction(pca=6), Reduction(pca=6, rounding=Rounding.INT8)):
        whole = fit(ROWS, reduction, centred=True)
        with monkeypatch.context() as patch:
            patch.setattr(module, "_BLOCK", 7)
            parts = fit(ROWS, reduction, centred=True)
            together = parts.apply(QUERIES)
        step = 0 if whole.step is None else whole.step.max()
        np.testing.assert_allclose(together, whole.apply(QUERIES), atol=step + 1e-3)
        alone = np.concatenate([whole.apply(QUERIES[[n]]) for n in range(len(QUERIES))])
        np.testing.assert_allclose(alone, whole.apply(QUERIES), atol=step + 1e-4)


def test_the_same_embeddings_give_the_same_numbers() -> None:
    first, second = (fit(ROWS, Reduction(pca=6), centred=True) for _ in range(2))
    np.testing.assert_array_equal(first.components, second.components)
    more = principal_components(ROWS, 9, centred=True)[1]
    np.testing.assert_array_equal(more[:, :6], first.components)


def test_steps_are_taken_in_order_and_a_byte_has_room_for_what_it_was_fitted_to_alone() -> None:
    rows = np.array([[3, 4], [0, 5], [6, 8]], np.float32)
    way = Reduction(normalised=True, rounding=Rounding.INT8)
    byte = fit(rows, way, centred=True)
    # Of length 1: (0.6, 0.8), (0, 1), (0.6, 0.8). Columns from 0 to 0.6 and from 0.8 to 1.
    np.testing.assert_allclose(byte.least, [0, 0.8], atol=1e-6)
    np.testing.assert_allclose(byte.step, [0.6 / 255, 0.2 / 255], rtol=1e-5)
    # (1, 0) lies outside of both: it is cut to the ends.
    np.testing.assert_allclose(byte.apply(np.array([[7, 0]], np.float32)), [[0.6, 0.8]], rtol=1e-6)
    half = fit(rows, Reduction(rounding=Rounding.FLOAT16), centred=True)
    # 2049 lies between two float16, 2048 and 2050; a million is more than any.
    got = half.apply(np.array([[2049, 1e6]], np.float32))
    np.testing.assert_array_equal(got, [[2048, 65504]])


@pytest.mark.parametrize("text", ["pca6", "int8", "float16", "normalised", "normalised+pca6+int8"])
def test_numbers_that_are_not_finite_are_not_hidden(text: str) -> None:
    some = fit(ROWS, Reduction.parse(text), centred=False)
    broken = QUERIES.copy()
    broken[1, 3], broken[2, 0] = np.inf, np.nan
    got: NDArray[np.float32] = some.apply(broken)
    assert np.isfinite(got).all(axis=1).tolist() == [True, False, False, True, True]
    assert got.dtype == np.float32


@pytest.mark.parametrize(
    ("rows", "pca", "said"),
    [(300, 20, "300 pictures with 20 numbers"), (6, 6, "6 pictures"), (1, 1, "1 picture with")],
)
def test_more_components_than_rows_or_numbers_are_refused(rows: int, pca: int, said: str) -> None:
    with pytest.raises(ReductionError, match=f"PCA to {pca} numbers is not possible of {said}"):
        fit(ROWS[:rows], Reduction(pca=pca), centred=True)
    with pytest.raises(ReductionError, match="nothing is asked for"):
        fit(ROWS, Reduction(), centred=True)


def test_progress_can_stop_it() -> None:
    seen: list[Stage] = []

    def stop(stage: Stage, *_: int) -> None:
        seen.append(stage)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(ROWS, Reduction(pca=3), centred=True, on_progress=stop)
    assert seen == [Stage.FIT]


def test_the_identity_says_what_was_done_and_another_size_is_refused() -> None:
    identity = EncoderIdentity("resnet14", "c987d52c", "p", 20)
    some = fit(ROWS, Reduction(pca=6), centred=True)
    assert reduced(identity, some) == EncoderIdentity(
        "resnet14", "c987d52c", "p", 6, Reduction(pca=6)
    )
    half = fit(ROWS, Reduction(rounding=Rounding.FLOAT16), centred=True)
    assert reduced(identity, half).dimension == 20
    with pytest.raises(ReductionError, match="fitted to embeddings of 20 numbers"):
        reduced(EncoderIdentity("resnet18", "f37072fd", "p", 512), some)
