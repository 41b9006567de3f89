"""What the Evaluation page shares between reruns: opened reports and what follows from them."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core.errors import ReportError
from core.judgement import Judgement
from core.matrix import Matrix, fingerprint, load_matrix
from core.metric import Metric
from core.neighbours import Neighbours
from core.records import CollectionInfo
from core.report import Configuration, Report, Request, Variant
from core.report_files import list_reports, load_report, save_report
from core.report_summary import index_summary, summary_of
from core.reports import run
from core.summary import Summary
from core.sweep import SweepPoint, sweep
from core.ui import resources

# Two runs at once would only slow each other down.
_running = threading.Lock()


@dataclass(frozen=True)
class Figures:
    """What is computed from a report's stored neighbours for one choice of k and variant.

    Attributes:
        as_is: The exact hits as they are.
        shown: The exact hits of the chosen variant.
        index: The index's hits, as they are; None when left out or when k is beyond its lists.
        judged: The hits behind `shown`.
        lists: The same hits as positions and scores.
    """

    as_is: Summary
    shown: Summary
    index: Summary | None
    judged: Judgement
    lists: Neighbours


def reports_folder() -> Path:
    """Return the folder of saved reports."""
    return resources.get_settings().data_dir / "reports"


def get_report_list() -> list[tuple[str, Configuration]]:
    """Return name and configuration of the saved reports, newest first."""
    folder = reports_folder()
    changed = folder.stat().st_mtime_ns if folder.is_dir() else 0
    return _report_list(str(folder), changed)


@st.cache_data(show_spinner=False, max_entries=1)
def _report_list(folder: str, changed: int) -> list[tuple[str, Configuration]]:
    return list_reports(Path(folder))


@st.cache_resource(show_spinner="Opening the report", max_entries=4)
def get_report(name: str) -> Report:
    """Open a saved report.

    Raises:
        ReportError: There is none, it is damaged, or a newer Orchard wrote it.
    """
    return load_report(name, reports_folder())


@st.cache_resource(show_spinner=False, max_entries=32)
def get_figures(name: str, k: int, variant: Variant) -> Figures:
    """Compute the figures of a report for k, without and with a variant."""
    report = get_report(name)
    ks = tuple(sorted({1, k}))
    as_is = summary_of(report, ks=ks)
    plain = variant == Variant()
    index = None
    if report.index is not None and k <= report.index.depth:
        index = index_summary(report, ks=ks)
    return Figures(
        as_is=as_is,
        shown=as_is if plain else summary_of(report, variant, ks=ks),
        index=index,
        judged=report.judged if plain else report.variant(variant),
        lists=report.exact if plain else report.exact.without(report.dropped(variant)),
    )


@st.cache_data(show_spinner=False, max_entries=4, ttl=600)
def get_fingerprint(collection: str, rows: int, encoder: str) -> str:
    """Return the fingerprint of a collection as it is now; the arguments are the cache's key."""
    infos = resources.get_collections()
    info = next(info for info in infos.values() if info.name == collection)
    records = resources.get_records(collection, rows)
    return fingerprint((r for group in records.values() for r in group), info.encoder)


def run_report(
    request: Request, metric: Metric, *, on_progress: Callable[[str, int, int], None]
) -> Report:
    """Run and save a report.

    Raises:
        ReportError: Another session is running one.
        OrchardError: As `core.reports.run`.
    """
    if not _running.acquire(blocking=False):
        raise ReportError("another report is being made. Wait until it is done, then try again.")
    try:
        info = resources.get_store().info(resources.get_settings().collection, metric)
        report = run(
            get_matrix(info, on_progress=lambda done, total: on_progress("read", done, total)),
            store=resources.get_store(),
            info=info,
            collection=resources.get_settings().collection,
            request=request,
            on_progress=on_progress,
        )
        return save_report(report, reports_folder())
    finally:
        _running.release()


def run_sweep(
    report: Report, info: CollectionInfo, *, k: int, on_progress: Callable[[int, int], None]
) -> list[SweepPoint]:
    """Measure every step of nprobe on the collection as it is now."""
    return sweep(
        report,
        get_matrix(info),
        store=resources.get_store(),
        info=info,
        k=k,
        on_progress=on_progress,
    )


def get_matrix(
    info: CollectionInfo, *, on_progress: Callable[[int, int], None] | None = None
) -> Matrix:
    """Return the embeddings of a collection; what is on disk already is not read again."""
    settings = resources.get_settings()
    return load_matrix(
        resources.get_store(),
        settings.collection,
        info.metric,
        settings.data_dir / "embeddings",
        on_progress=on_progress,
    )


class Stopwatch:
    """Text for a progress bar: what is done, how many, and how long the rest may take."""

    NAMES = {  # noqa: RUF012
        "read": "Reading embeddings",
        "exact": "Exact search",
        "index": "Index search",
        "sweep": "Measuring nprobe",
    }

    def __init__(self) -> None:
        self._stage, self._started = "", 0.0

    def text(self, stage: str, done: int, total: int) -> str:
        """Return such as `Index search: 450 of 1,253, 12 s left`."""
        now = time.monotonic()
        if stage != self._stage:
            self._stage, self._started = stage, now
        text = f"{self.NAMES[stage]}: {done:,} of {total:,}"
        elapsed = now - self._started
        if elapsed > 0.5 and done:
            text += f", {elapsed / done * (total - done):.0f} s left"
        return text
