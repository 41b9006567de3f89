"""What the Evaluation page shares between reruns: opened reports and what follows from them."""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core.collection.info import CollectionInfo
from core.dataset.classes import usual_paths
from core.embeddings.matrix import Matrix, load_matrix
from core.embeddings.neighbours import Neighbours
from core.encoder.training_list import training_list
from core.evaluation import files
from core.evaluation.comparison import Comparison, compare
from core.evaluation.figures import index_summary, summary_of
from core.evaluation.files import (
    ListedReport,
    Listing,
    list_reports,
    load_report,
    save_report,
)
from core.evaluation.report import Hits, Report, Request, Variant
from core.evaluation.run import evaluate
from core.evaluation.sweep import SweepPoint, sweep
from core.measures.judgement import Judgement
from core.measures.summary import Summary
from core.metric import Metric
from core.progress import Progress, silent
from core.read_only import require_writable
from core.runs.turn import is_taken, seconds_since, turn
from core.ui import resources
from core.ui.choosing import looked_at

# For so long after a measurement, whether it was cancelled may not be known yet: the session that
# pressed Cancel says so in its next run.
_UNKNOWN_SECONDS = 2.0


@dataclass(frozen=True)
class Figures:
    """What is computed from a report's stored neighbours for one choice of k and variant.

    Attributes:
        as_is: The exact hits as they are.
        shown: The exact hits of the chosen variant.
        index: The index's hits of the chosen variant; None when left out, or when its lists are too
            short for k.
        index_hits: The hits behind `index`.
        judged: The hits behind `shown`.
        lists: The same hits as positions and scores.
    """

    as_is: Summary
    shown: Summary
    index: Summary | None
    index_hits: Hits | None
    judged: Judgement
    lists: Neighbours


def reports_folder() -> Path:
    """Return the folder of saved reports."""
    return resources.get_settings().data.reports


def get_report_list() -> Listing:
    """Return the saved reports, and what is wrong with those that cannot be opened."""
    folder = reports_folder()
    changed = folder.stat().st_mtime_ns if folder.is_dir() else 0
    return _report_list(str(folder), changed)


def own_reports() -> list[ListedReport]:
    """Return the reports about the collection that is looked at, newest first.

    Also those over the same pictures that were made when it had another name.
    """
    family = looked_at.family()
    stored = resources.get_catalogue(family).stored
    return [
        report
        for report in get_report_list().reports
        if report.configuration.collection == family or report.configuration.stored == stored
    ]


@st.cache_data(show_spinner=False, max_entries=1)
def _report_list(folder: str, changed: int) -> Listing:
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
    plain = variant == Variant()
    as_is = summary_of(report, ks=ks) if plain else get_figures(name, k, Variant()).as_is
    return Figures(
        as_is=as_is,
        shown=as_is if plain else summary_of(report, variant, ks=ks),
        index=index_summary(report, variant, ks=ks),
        index_hits=report.index_hits(variant, k=k),
        judged=report.judged if plain else report.variant(variant),
        lists=report.exact if plain else report.exact.without(report.dropped(variant)),
    )


def make_report(request: Request, metric: Metric, *, on_progress: Progress) -> str:
    """Run and save a report; returns its name.

    Raises:
        BusyError: Another session is measuring.
        OrchardError: As `core.evaluation.run.evaluate`.
    """
    with turn():
        return _made(request, metric, on_progress)


def make_first_report(request: Request, metric: Metric, *, on_progress: Progress) -> str:
    """Run and save a report, unless another session has just made one; returns the name of either.

    Raises:
        BusyError: Another session is measuring.
        OrchardError: As `core.evaluation.run.evaluate`.
    """
    with turn():
        for other in own_reports():
            return other.name
        return _made(request, metric, on_progress)


def rename_report(name: str, title: str) -> None:
    """Give a report a name that a person chose.

    Raises:
        OrchardError: As `core.evaluation.files.rename_report`, or the dashboard is read-only.
    """
    require_writable(read_only=resources.get_settings().read_only)
    files.rename_report(name, title, reports_folder())


def delete_report(name: str) -> None:
    """Delete a report, also from what sessions share.

    Raises:
        OrchardError: As `core.evaluation.files.delete_report`, or the dashboard is read-only.
    """
    require_writable(read_only=resources.get_settings().read_only)
    files.delete_report(name, reports_folder())
    for cached in (get_report, get_figures, get_comparison):
        cached.clear()
    if not own_reports():
        # Who deletes the last one does not want it made anew.
        decline_first_report()


def is_measuring() -> bool:
    """Whether some session is making a report or measuring nprobe, or stopped a moment ago."""
    if is_taken():
        return True
    return seconds_since() < _UNKNOWN_SECONDS and not is_first_report_declined()


def decline_first_report() -> None:
    """Never again make the first report of this collection without being told to."""
    _declined().add(get_fingerprint())


def is_first_report_declined() -> bool:
    """Whether the first report of this collection was cancelled, failed, or was deleted."""
    return get_fingerprint() in _declined()


def get_fingerprint() -> str:
    """Return what tells the pictures of the collection from others, see `core.embeddings.matrix`.

    Reports over the same pictures have the same.
    """
    return resources.get_catalogue(looked_at.family()).fingerprint


def run_sweep(
    report: Report, info: CollectionInfo, *, k: int, on_progress: Progress
) -> list[SweepPoint]:
    """Measure every step of nprobe on the collection as it is now.

    Raises:
        BusyError: Another session is measuring.
        ReportError: As `core.evaluation.sweep.sweep`.
    """
    with turn():
        return sweep(
            report,
            get_matrix(info, on_progress=on_progress),
            store=resources.get_store(),
            info=info,
            k=k,
            on_progress=on_progress,
        )


@st.cache_data(show_spinner="Comparing", max_entries=16)
def get_comparison(before: str, after: str, measure: str, *, index: bool) -> Comparison:
    """Compare two saved reports.

    Raises:
        ReportError: They are not comparable.
    """
    return compare(get_report(before), get_report(after), measure=measure, index=index)


def has_held_out(info: CollectionInfo) -> bool:
    """Whether the collection holds pictures that its encoder is known not to have seen."""
    known = training_list(info.encoder)
    return bool(
        known and known.held_out & resources.get_catalogue(looked_at.family()).by_digest.keys()
    )


def get_usual_paths() -> tuple[str, str]:
    """Return the patterns of queries and gallery that a new report starts with."""
    settings = resources.get_settings()
    paths = settings.query_paths, settings.gallery_paths
    return _usual_paths(looked_at.family(), get_fingerprint(), *paths)


@st.cache_data(show_spinner=False, max_entries=4)
def _usual_paths(
    family: str, fingerprint: str, query_paths: str, gallery_paths: str
) -> tuple[str, str]:
    paths = [record.path for record in resources.get_catalogue(family).by_id.values()]
    return usual_paths(paths, query_paths=query_paths, gallery_paths=gallery_paths)


def get_matrix(info: CollectionInfo, *, on_progress: Progress = silent) -> Matrix:
    """Return the embeddings of a collection; what is on disk already is not read again."""
    settings = resources.get_settings()
    return load_matrix(
        resources.get_store(),
        info.family,
        info.metric,
        settings.data.embeddings,
        on_progress=on_progress,
    )


def _made(request: Request, metric: Metric, on_progress: Progress) -> str:
    family = looked_at.family()
    info = resources.get_store().info(family, metric)
    report = evaluate(
        get_matrix(info, on_progress=on_progress),
        store=resources.get_store(),
        info=info,
        collection=family,
        request=request,
        on_progress=on_progress,
    )
    return save_report(report, reports_folder()).name


@st.cache_resource(show_spinner=False)
def _declined() -> set[str]:
    """Fingerprints of collections; of the process, so that a new visit does not ask again."""
    return set()
