"""How saved reports are called on the page: by the name somebody gave, or by what was measured."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from core.evaluation.files import ListedReport
from core.evaluation.report import Configuration, QuerySet


def browser_zone() -> tzinfo:
    """Return the time zone of the browser; UTC where it does not tell."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def describe(
    configuration: Configuration, *, zone: tzinfo = UTC, now: datetime | None = None
) -> str:
    """Return a line that tells reports apart: `26 Nov 21:38, COSINE, nprobe 16, held-out`.

    What tells most of them apart comes first: a box in the side bar shows 25 letters.

    Args:
        now: The year is told where it is not that of now.
    """
    return f"{_when(configuration, zone, now or datetime.now(zone))}, {_what(configuration)}"


def labels(
    reports: Iterable[ListedReport], *, zone: tzinfo = UTC, here: str = ""
) -> dict[str, str]:
    """Return what each report is called, by its name; no two are called the same.

    Args:
        here: The collection of which it need not be said; empty where it is said of none.
    """
    reports = list(reports)
    called = {
        r.name: (r.title or describe(r.configuration, zone=zone)) + _where(r.configuration, here)
        for r in reports
    }
    often = Counter(called.values())
    return {
        # The name of a report ends with letters of its own.
        name: text if often[text] == 1 else f"{text} ({name[-6:]})"
        for name, text in called.items()
    }


def _where(configuration: Configuration, here: str) -> str:
    there = configuration.collection
    return f", {there}" if here and there != here else ""


def _what(configuration: Configuration) -> str:
    request = configuration.request
    index = "exact only" if request.nprobe is None else f"nprobe {request.nprobe}"
    if request.nprobe is not None and not configuration.nlist:
        index = configuration.index_type
    queries = "held-out" if request.queries is QuerySet.HELD_OUT else "all pictures"
    if request.query_paths:
        queries += f" like {request.query_paths}"
    if request.sample:
        queries = f"up to {request.sample:,} of {queries}"
    return f"{configuration.metric}, {index}, {queries}"


def _when(configuration: Configuration, zone: tzinfo, now: datetime) -> str:
    try:
        moment = datetime.fromisoformat(configuration.created).astimezone(zone)
    except ValueError:
        # As it stands in a file that somebody else has written.
        return configuration.created[:16]
    year = "" if moment.year == now.year else f" {moment.year}"
    return f"{moment.day} {moment:%b}{year} {moment:%H:%M}"
