"""A build beside corrections: rows are written as folders and labels say, all of them."""

from pathlib import Path

from core.corrections.book import Book
from core.corrections.correction import Edit
from core.indexing.build import build_index
from core.metric import Metric
from core.store.vector_store import VectorStore
from tests.conftest import ColourEncoder

FAMILY = "fruit"


def test_labels_that_change_reach_rows_that_are_left_out_or_relabelled(
    store: VectorStore, dataset: Path, tmp_path: Path
) -> None:
    store.book = Book(tmp_path / "corrections")
    encoder = ColourEncoder()

    def build() -> None:
        build_index(dataset, store=store, encoder=encoder, family=FAMILY, metrics=[Metric.L2])

    build()
    store.book.change(FAMILY, ["apple/0.png"], Edit(excluded=True))
    store.book.change(FAMILY, ["apple/1.png"], Edit(label="plum"))
    rows = [f"{label}/{n}.png,{label}" for label in ("pear", "plum") for n in range(4)]
    rows += [f"apple/{n}.png,quince" for n in range(4)]
    (dataset / "labels.csv").write_text("\n".join(["path,class", *rows]))
    build()
    # Nothing is encoded for it: twelve pictures, once.
    assert encoder.calls == 12
    stored = {r.path: r.label for r in store.stored.records(FAMILY, Metric.L2)}
    assert {stored[f"apple/{n}.png"] for n in range(4)} == {"quince"}
    seen = {r.path: r.label for r in store.records(FAMILY, Metric.L2)}
    assert "apple/0.png" not in seen and seen["apple/1.png"] == "plum"
    store.book.undo(FAMILY)
    store.book.undo(FAMILY)
    assert {r.path: r.label for r in store.records(FAMILY, Metric.L2)} == stored
