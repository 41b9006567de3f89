"""A thousand files of which fifty are damaged in ten ways: 950 rows, and 50 named with a reason."""

from collections.abc import Callable
from pathlib import Path

from core.indexing.build import build_index
from core.metric import Metric
from core.store.vector_store import VectorStore
from tests.conftest import ColourEncoder, draw_dataset, picture_bytes

JPEG = picture_bytes(1, side=64, format="JPEG")
PNG = picture_bytes(2, side=64)

DAMAGES: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"this is no picture",
    "zeros": lambda: bytes(5_000),
    "jpeg without its end": lambda: JPEG[:-20],
    "jpeg header alone": lambda: JPEG[:12],
    "png cut in the middle": lambda: PNG[: len(PNG) // 2],
    "png with a wrong size field": lambda: PNG[:16] + b"\xff" * 8 + PNG[24:],
    "gif header alone": lambda: b"GIF89a\x10\x00\x10\x00",
    "webp header alone": lambda: b"RIFF\x40\x00\x00\x00WEBPVP8 ",
    "web page": lambda: b"<!doctype html><title>404</title>" * 20,
}


def test_damaged_files_are_named_and_all_others_become_rows(
    store: VectorStore, tmp_path: Path
) -> None:
    names = [f"c{n % 10}/{n:04d}.png" for n in range(1_000)]
    root = draw_dataset(tmp_path / "photos", names)
    damaged = names[::20]
    assert len(damaged) == 50
    for number, name in enumerate(damaged):
        (root / name).write_bytes(list(DAMAGES.values())[number % len(DAMAGES)]())
    report = build_index(
        root, store=store, encoder=ColourEncoder(), family="fruit", metrics=[Metric.L2]
    )
    assert sorted(skipped.path for skipped in report.skipped) == damaged
    assert all(skipped.path in skipped.reason for skipped in report.skipped)
    assert (report.added, report.collections[0].rows) == (950, 950)
    assert {r.path for r in store.records("fruit", Metric.L2)} == set(names) - set(damaged)
