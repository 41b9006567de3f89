"""What saved reports are called."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from core.evaluation.files import ListedReport
from core.evaluation.report import Configuration, QuerySet, Request
from core.metric import Metric
from pages.evaluation.reports.names import describe, labels

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def configuration(
    request: Request = Request(nprobe=16, queries=QuerySet.HELD_OUT),  # noqa: B008 - frozen
    *,
    created: str = "2026-11-26T21:38:31+00:00",
    nlist: int = 32,
) -> Configuration:
    return Configuration(
        created=created,
        collection="fruit_vector",
        dataset="/photos",
        encoder="resnet14/12345678/test/16",
        metric=Metric.COSINE,
        index_type="IVF_FLAT" if nlist else "HNSW",
        nlist=nlist,
        fingerprint="0",
        rows=66,
        request=request,
        trained_queries=None,
        versions={},
        seconds=6.5,
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (configuration(), "26 Nov 21:38, COSINE, nprobe 16, held-out"),
        (configuration(Request(nprobe=None)), "26 Nov 21:38, COSINE, exact only, all pictures"),
        # An index without lists has no nprobe, whatever number the request holds.
        (configuration(Request(nprobe=1), nlist=0), "26 Nov 21:38, COSINE, HNSW, all pictures"),
        (
            configuration(Request(nprobe=2, sample=1_000, query_paths="*/test_*")),
            "26 Nov 21:38, COSINE, nprobe 2, up to 1,000 of all pictures like */test_*",
        ),
        (
            configuration(created="2025-01-02T03:04:05+00:00"),
            "2 Jan 2025 03:04, COSINE, nprobe 16, held-out",
        ),
        (configuration(created="long ago"), "long ago, COSINE, nprobe 16, held-out"),
    ],
)
def test_a_report_is_called_by_when_and_what_was_measured(given: Configuration, said: str) -> None:
    assert describe(given, now=NOW) == said


def test_the_time_is_that_of_the_browser() -> None:
    # Nine hours ahead of UTC.
    said = describe(configuration(), zone=ZoneInfo("Asia/Tokyo"), now=NOW)
    assert said.startswith("27 Nov 06:38, ")
    listed = labels([ListedReport("a", configuration())], zone=ZoneInfo("Asia/Tokyo"))
    assert listed["a"].startswith("27 Nov ") and " 06:38, " in listed["a"]


def test_reports_of_one_minute_are_told_apart_and_a_given_name_goes_before() -> None:
    first = ListedReport("20261126-213831-cosine-aaaaaa", configuration())
    second = ListedReport("20261126-213855-cosine-bbbbbb", configuration())
    named = ListedReport("20261126-213900-cosine-cccccc", configuration(), "Before the move")
    called = list(labels([first, second, named]).values())
    assert called[0].endswith(" (aaaaaa)") and called[1].endswith(" (bbbbbb)")
    assert called[2] == "Before the move"
    # Of which collection is said of another one's alone.
    assert list(labels([named], here="fruit_vector").values()) == ["Before the move"]
    assert list(labels([named], here="veg").values()) == ["Before the move, fruit_vector"]
