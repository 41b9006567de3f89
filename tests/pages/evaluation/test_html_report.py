"""A report as one page of HTML."""

import io
import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from core.embeddings.neighbours import Neighbours
from core.errors import ImageError
from core.evaluation.figures import summary_of
from core.evaluation.report import Configuration, Hits, Report, Request
from core.metric import Metric
from core.records import ImageRecord
from pages.evaluation.takeaway.html_report import html_report

EVIL = "<script>alert(1)</script>"
LABELS = (EVIL, EVIL, "pear", "pear")
CONFIGURATION = Configuration(
    created="2026-03-01T12:30:05+00:00",
    collection="fruit",
    dataset=f"/photos/{EVIL}",
    encoder="resnet14/12345678/test/16",
    metric=Metric.COSINE,
    index_type="FLAT",
    nlist=0,
    fingerprint="0" * 16,
    rows=4,
    request=Request(ks=(1, 2), nprobe=None),
    trained_queries=2,
    versions={"orchard": EVIL},
    seconds=1.0,
)


def make_report() -> Report:
    """Two pictures of each class: the evil ones find a pear first, the pears find each other."""
    positions = np.array([[2, 1, 3], [2, 0, 3], [3, 0, 1], [2, 0, 1]])
    return Report(
        configuration=CONFIGURATION,
        ids=np.arange(4),
        paths=tuple(f"{label}/{number}.jpg" for number, label in enumerate(LABELS)),
        labels=LABELS,
        digests=("a", "b", "c", "d"),
        norms=np.ones(4, dtype=np.float32),
        gallery=np.ones(4, dtype=bool),
        queries=np.arange(4),
        exact=Neighbours(positions, np.full((4, 3), 0.9, dtype=np.float32)),
        index=None,
        name="made-up",
    )


def photo(record: ImageRecord) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((320, 320), 90).convert("RGB").save(out, "JPEG")
    return out.getvalue()


def gone(record: ImageRecord) -> bytes:
    raise ImageError(f"{record.path!r} is gone.")


def made(read: Callable[[ImageRecord], bytes], target: float = 0.8) -> str:
    report = make_report()
    hits = Hits(report.exact, report.judged)
    return html_report(report, summary_of(report, ks=(1, 2)), hits, k=1, target=target, read=read)


def test_it_needs_no_program_and_nothing_from_elsewhere() -> None:
    text = made(photo)
    assert "<script" not in text
    assert not re.search(r"(src|href)=.(?!data:)", text)
    assert EVIL not in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 5


def test_pictures_are_small_so_that_the_page_is_too() -> None:
    text = made(photo)
    # Two classes of a query and one hit each, and one confusion of a query and a hit.
    assert text.count("<img ") == 2 * 2 + 2
    # Noise is the worst there is for a JPEG. 28 pictures are the most there can be.
    assert len(text) / text.count("<img ") * 28 < 1_000_000


def test_it_says_what_was_measured_and_how_well_it_went() -> None:
    text = made(photo)
    # The two pears find each other, the two others find a pear: (1 + 0) / 2.
    assert "50 of 100 of the first hits are right" in text
    assert "1 March 2026" in text
    assert "resnet14 (12345678)" in text
    assert "reached for certain by 1, missed for certain by 1." in text
    assert "The encoder was trained on 2 of the 4 queries" in text
    assert f"{EVIL.replace('<', '&lt;').replace('>', '&gt;')} → pear 100%" in text
    assert "Exact search only: the index was left out." in text


@pytest.mark.parametrize("read", [photo, gone])
def test_a_picture_that_cannot_be_read_leaves_its_place(
    read: Callable[[ImageRecord], bytes],
) -> None:
    text = made(read)
    assert text.count("<figure") == 6
    assert text.count("<div class='none'>") == (6 if read is gone else 0)


def test_a_report_without_any_class_is_a_page_too() -> None:
    report = replace(make_report(), labels=("", "", "", ""))
    summary = summary_of(report, ks=(1, 2))
    hits = Hits(report.exact, report.judged)
    text = html_report(report, summary, hits, k=1, target=0.8, read=photo)
    assert "How many of the first hits are right is not known" in text
