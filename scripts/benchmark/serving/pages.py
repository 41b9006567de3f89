"""Open every page on rows that no machine at hand could hold, and once more: time and memory.

python -m scripts.benchmark pages --rows 1000000

A stand-in takes the database's place at the border of the store and makes up what it is asked for,
so the code above is that of every day: listing, exact search, samples, pages. What the database
itself would take is not in the figures, and making the rows up is.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from types import SimpleNamespace
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from core.collection.index_choice import IndexType
from core.collection.info import CollectionInfo
from core.collection.listed import Listed
from core.corrections.correction import NONE, Corrections
from core.metric import Metric
from core.records import EncoderIdentity, ImageRecord
from core.store.row_reader import RowBatch
from core.store.vector_store import BATCH_ROWS
from scripts.benchmark.measuring import peak_bytes, print_figures, seconds
from scripts.shared.terminal import guarded

_FAMILY = "pages_benchmark"
_CLASSES = 50
# By name: the folder of the page, and what stands in its address.
_PAGES: dict[str, tuple[str, dict[str, str]]] = {
    "search": ("search", {}),
    "search_with_a_query": ("search", {"queries": "7"}),
    "collection": ("collection", {}),
    "browse": ("collection", {"part": "browse"}),
    "evaluation": ("evaluation", {}),
    "map": ("embedding_map", {}),
}


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.benchmark pages", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=128)
    parser.add_argument("--pages", nargs="+", choices=list(_PAGES), default=list(_PAGES))
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args(argv)
    return guarded(lambda: _run(arguments), None, on_interrupt="stopped")


def _run(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "ORCHARD_MILVUS_URI": "http://stand-in:19530",
            "ORCHARD_COLLECTION": _FAMILY,
            "ORCHARD_DATA_DIR": folder,
        }
        # After the settings, which the page's parts read when they are first used.
        from core.ui import resources
        from scripts.benchmark.serving.search import opened, run

        store = StandIn(arguments.rows, arguments.dimension)
        figures: dict[str, object] = {"rows": arguments.rows, "dimension": arguments.dimension}
        with mock.patch.object(resources, "open_store", lambda *_, **__: store):
            for name in arguments.pages:
                page, address = _PAGES[name]
                print(name, file=sys.stderr, flush=True)
                session = opened(page, address)
                figures[f"{name}_first_seconds"] = seconds(partial(run, session))
                # By then the page's background work has ended.
                resources.prepare(_FAMILY).future.result()
                figures[f"{name}_second_seconds"] = seconds(partial(run, session))
                figures[f"{name}_third_seconds"] = seconds(partial(run, session))
                figures[f"{name}_faults"] = len(session.error) + len(session.exception)
                figures[f"{name}_peak_memory_mb"] = peak_bytes() / 1e6
    print_figures(figures, as_json=arguments.json)
    return 0


class StandIn:
    """Answers as `VectorStore` does, about rows that are made up when somebody asks for them."""

    uri, database, version, book = "http://stand-in:19530", "default", "of the stand-in", None

    def __init__(self, rows: int, dimension: int) -> None:
        """Hold so many rows of so many numbers."""
        self._rows, self._dimension = rows, dimension
        self._centres = np.random.default_rng(0).random((_CLASSES, dimension), dtype=np.float32)
        self.rows = self.stored = self
        self.connection = SimpleNamespace(is_lite=False, uri=self.uri)
        self._info = CollectionInfo(
            name=f"{_FAMILY}_cosine",
            metric=Metric.COSINE,
            dimension=dimension,
            rows=rows,
            index_type=str(IndexType.IVF_FLAT),
            nlist=max(1, int(4 * rows**0.5)),
            pending_rows=0,
            encoder=EncoderIdentity("made-up", "00000000", "none", dimension),
            dataset="/nowhere",
            complete=True,
        )

    def close(self) -> None:
        """There is nothing to close."""

    def ping(self) -> float:
        """It is there."""
        return 0.0

    def families(self) -> list[Listed]:
        """There is one."""
        return [Listed(_FAMILY, (Metric.COSINE,), self._rows, self._info.encoder)]

    def metrics(self, family: str) -> list[Metric]:
        """It has one metric."""
        return [Metric.COSINE] if family == _FAMILY else []

    def info(self, family: str, metric: Metric) -> CollectionInfo:
        """It is always the same."""
        return self._info

    def state(self, name: str) -> str:
        """As a server it says nothing of its state."""
        return ""

    def corrections(self, family: str) -> Corrections:
        """Nobody has said anything."""
        return NONE

    def count(self, family: str, metric: Metric) -> int:
        """All rows are there."""
        return self._rows

    def is_loaded(self, family: str, metric: Metric) -> bool:
        """It is."""
        return True

    def index_types(self) -> tuple[IndexType, ...]:
        """Those that every version has."""
        return IndexType.FLAT, IndexType.IVF_FLAT, IndexType.HNSW

    def missing_labels(self, info: CollectionInfo, labels: Sequence[str]) -> list[str]:
        """Every class is there."""
        return []

    def records(self, family: str, metric: Metric) -> Iterator[ImageRecord]:
        """Make up all rows, in the order of their ids."""
        return map(self._record, range(self._rows))

    def rows_with_embeddings(
        self, family: str, metric: Metric, *, ids: Sequence[int] | None = None
    ) -> Iterator[RowBatch]:
        """Make up rows with their embeddings."""
        asked: Sequence[int] = range(self._rows) if ids is None else ids
        for start in range(0, len(asked), BATCH_ROWS):
            part = asked[start : start + BATCH_ROWS]
            yield [self._record(number) for number in part], self._embeddings(part)

    def embeddings(
        self, family: str, metric: Metric, ids: Sequence[int]
    ) -> dict[int, NDArray[np.float32]]:
        """Make up the embeddings of some ids."""
        return {number: self._embeddings([number])[0] for number in ids}

    def search(
        self, info: CollectionInfo, embedding: NDArray[np.float32], *, k: int, **_: object
    ) -> list[tuple[ImageRecord, float]]:
        """Find the first rows, whatever is asked."""
        return [(self._record(number), 1 - number / 1e6) for number in range(k)]

    def search_ids(
        self, info: CollectionInfo, embeddings: NDArray[np.float32], *, k: int, **_: object
    ) -> list[list[tuple[int, float]]]:
        """Find the first rows for every query."""
        return [[(number, 1 - number / 1e6) for number in range(k)] for _ in embeddings]

    def _record(self, number: int) -> ImageRecord:
        label = f"class {number % _CLASSES}"
        further = (("picture_pixels", "640 x 480"), ("picture_quality", "good"))
        return ImageRecord(number, f"{label}/{number}.jpg", label, f"{number:032x}", further)

    def _embeddings(self, numbers: Sequence[int]) -> NDArray[np.float32]:
        """Rows of a class lie around its centre; the same row is always the same."""
        chance = np.random.default_rng(numbers[0])
        noise = chance.random((len(numbers), self._dimension), dtype=np.float32)
        rows: NDArray[np.float32] = noise / 2 + self._centres[np.array(numbers) % _CLASSES]
        return rows


if __name__ == "__main__":
    raise SystemExit(main())
