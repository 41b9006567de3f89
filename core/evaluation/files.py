"""Reports on disk: a JSON file with configuration and measures, an NPZ file with neighbours.

The JSON file carries the digest of the other one, so that a half-written or mixed-up pair is seen.
Neither needs pickle.
"""

import io
import json
import logging
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from core.dataset.files import digest_of
from core.embeddings.neighbours import Neighbours
from core.errors import FileError, OrchardError, ReportError
from core.evaluation.figures import as_plain, report_summary
from core.evaluation.report import Configuration, Report
from core.files import unwritable, write_whole
from core.measures.retrieval import check_ks
from core.records import EncoderIdentity, Further

logger = logging.getLogger(__name__)

FORMAT = 1
# Characters of a name that a person gives.
MOST_TITLE = 80
_CONFIGURATION = TypeAdapter(Configuration)
_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,99}")


def save_report(report: Report, folder: Path) -> Report:
    """Write a report and return it with its name.

    Raises:
        FileError: The folder cannot be written; nothing is left in it.
    """
    configuration = report.configuration
    arrays = _arrays(report)
    digest = digest_of(arrays)
    # 2026-03-01T12:30:05+00:00 -> 20260301-123005; two reports of one second stay two.
    moment = re.sub(r"[-:]", "", configuration.created[:19]).replace("T", "-")
    name = f"{moment}-{configuration.metric.lower()}-{uuid.uuid4().hex[:6]}"
    content = {
        "format": FORMAT,
        "name": name,
        "arrays": digest,
        "configuration": as_plain(asdict(configuration)),
        **report_summary(report),
    }
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    arrays_file = folder / f"{name}.npz"
    write_whole(arrays_file, arrays)
    try:
        # Last, so that a name that can be seen can be opened.
        write_whole(folder / f"{name}.json", text.encode())
    except FileError:
        arrays_file.unlink(missing_ok=True)
        raise
    return replace(report, name=name)


def load_report(name: str, folder: Path) -> Report:
    """Read a report by its name.

    Raises:
        ReportError: There is none, it is damaged, or a newer Orchard wrote it.
    """
    content = _read_json(_file(name, folder))
    arrays_file = folder / f"{name}.npz"
    try:
        arrays = arrays_file.read_bytes()
    except OSError as error:
        raise _damaged(arrays_file, error.strerror or str(error)) from error
    if digest_of(arrays) != content.get("arrays"):
        raise _damaged(arrays_file, "its digest is not the one in the JSON file")
    try:
        configuration = _configuration(content["configuration"])
        return _report(arrays, configuration, name)
    except Exception as error:  # numpy and zipfile raise anything on damaged bytes
        raise _damaged(folder / f"{name}.json", f"{type(error).__name__}: {error}") from error


@dataclass(frozen=True, slots=True)
class ListedReport:
    """A report as it stands in a list: its arrays are not read.

    Attributes:
        name: Of its files.
        title: What a person calls it; empty for nothing.
        macro: Means over the classes by measure, of exact search; those that are defined.
        ann_recall: By k, where the report has an index.
    """

    name: str
    configuration: Configuration
    title: str = ""
    macro: Mapping[str, float] = field(default_factory=dict)
    ann_recall: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listing:
    """The reports of a folder.

    Attributes:
        reports: Those that can be opened, newest first.
        unreadable: What is wrong with each of the others.
    """

    reports: tuple[ListedReport, ...]
    unreadable: tuple[str, ...]


def list_reports(folder: Path) -> Listing:
    """Look through a folder; the arrays of a report are not read."""
    reports: list[ListedReport] = []
    unreadable: list[str] = []
    for file in sorted(folder.glob("*.json")):
        try:
            content = _read_json(file)
            configuration = _configuration(content.get("configuration"))
            title = _title(content.get("title"))
            macro, recall = _macro(content), _ann_recall(content)
            reports.append(ListedReport(file.stem, configuration, title, macro, recall))
        except ReportError as error:
            unreadable.append(str(error))
        except (OrchardError, ValueError) as error:
            unreadable.append(str(_damaged(file, str(error))))
    for reason in unreadable:
        logger.info("not listed: %s", reason)
    newest = sorted(reports, key=lambda one: (one.configuration.created, one.name), reverse=True)
    return Listing(tuple(newest), tuple(unreadable))


def rename_report(name: str, title: str, folder: Path) -> None:
    """Give a report a name that a person chose; the name of its files stays, and so do links to it.

    Args:
        title: Put in one line of at most `MOST_TITLE` characters; empty for none.

    Raises:
        ReportError: As `load_report`.
        FileError: It cannot be written; the report is as it was.
    """
    file = _file(name, folder)
    content = {**_read_json(file), "title": _title(title)}
    write_whole(file, json.dumps(content, indent=1, ensure_ascii=False).encode())


def delete_report(name: str, folder: Path) -> None:
    """Delete the files of a report; one that is gone already is no mistake.

    Raises:
        FileError: They cannot be deleted.
    """
    if not _NAME.fullmatch(name):
        return
    # First the one that is seen in a list: what cannot be opened must not stand there.
    for suffix in (".json", ".npz"):
        file = folder / f"{name}{suffix}"
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(file, error) from error


def read_json_text(name: str, folder: Path) -> str:
    """Return the JSON file of a report as it is, for downloading.

    Raises:
        ReportError: As `load_report`.
    """
    file = _file(name, folder)
    _read_json(file)
    return file.read_text(encoding="utf-8")


def _file(name: str, folder: Path) -> Path:
    file = folder / f"{name}.json"
    if not _NAME.fullmatch(name) or not file.is_file():
        raise ReportError(
            f"there is no report {name!r} in {str(folder)!r}; it may have been deleted. Open one "
            "of the saved reports, or run a new one."
        )
    return file


def _title(text: object) -> str:
    """Return a title as it is shown; what somebody else has put there may be no text."""
    return " ".join(text.split())[:MOST_TITLE].strip() if isinstance(text, str) else ""


def _macro(content: dict[str, Any]) -> dict[str, float]:
    """Return the means of a report; whoever has changed the file may have left other things."""
    exact = content.get("exact")
    found = exact.get("macro") if isinstance(exact, dict) else None
    values = found.items() if isinstance(found, dict) else ()
    return {
        name: float(estimate["value"])
        for name, estimate in values
        if isinstance(estimate, dict) and isinstance(estimate.get("value"), int | float)
    }


def _ann_recall(content: dict[str, Any]) -> dict[int, float]:
    found = content.get("ann_recall")
    values = found.items() if isinstance(found, dict) else ()
    return {
        int(k): float(recall)
        for k, recall in values
        if k.isdecimal() and isinstance(recall, int | float)
    }


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(file, str(error)) from error
    if not isinstance(content, dict) or not isinstance(content.get("format"), int):
        raise _damaged(file, "it names no format")
    if content["format"] > FORMAT:
        raise ReportError(
            f"{str(file)!r} has format {content['format']}, this Orchard reads up to {FORMAT}: a "
            "newer one wrote it. Update Orchard, or run the report again."
        )
    return content


def _configuration(content: object) -> Configuration:
    """Check every field: what is shown and computed with later must have its type."""
    configuration = _CONFIGURATION.validate_python(content)
    check_ks(configuration.request.ks)
    EncoderIdentity.parse(configuration.encoder)
    return configuration


def _arrays(report: Report) -> bytes:
    arrays: dict[str, Any] = {
        "texts": _as_bytes([report.paths, report.labels, report.digests]),
        "ids": report.ids,
        "norms": report.norms,
        "gallery": report.gallery,
        "queries": report.queries,
        "exact_positions": report.exact.positions,
        "exact_scores": report.exact.scores,
    }
    if any(report.further):
        arrays["further"] = _as_bytes(report.further)
    if report.index:
        arrays["index_positions"] = report.index.positions
        arrays["index_scores"] = report.index.scores
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _as_bytes(texts: Sequence[Any]) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps(texts, ensure_ascii=False).encode(), dtype=np.uint8)


def _further(content: bytes) -> tuple[Further, ...]:
    return tuple(
        tuple((str(name), str(value)) for name, value in told) for told in json.loads(content)
    )


def _report(content: bytes, configuration: Configuration, name: str) -> Report:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        paths, labels, digests = json.loads(arrays["texts"].tobytes())
        index = None
        if "index_positions" in arrays:
            index = Neighbours(arrays["index_positions"], arrays["index_scores"])
        report = Report(
            configuration=configuration,
            ids=arrays["ids"],
            paths=tuple(paths),
            labels=tuple(labels),
            digests=tuple(digests),
            norms=arrays["norms"],
            gallery=arrays["gallery"],
            queries=arrays["queries"],
            exact=Neighbours(arrays["exact_positions"], arrays["exact_scores"]),
            index=index,
            name=name,
            further=_further(arrays["further"].tobytes()) if "further" in arrays else (),
        )
    _check(report)
    return report


def _check(report: Report) -> None:
    """Refuse arrays that do not fit together, before anything is looked up with them."""
    rows, queries = len(report.ids), len(report.queries)
    columns = (report.paths, report.labels, report.digests, report.norms, report.gallery)
    if any(len(column) != rows for column in columns) or len(report.further) not in (0, rows):
        raise ValueError("its columns have different lengths")
    for lists in filter(None, (report.exact, report.index)):
        if lists.positions.shape != lists.scores.shape or len(lists.positions) != queries:
            raise ValueError("its neighbour lists have different shapes")
        if lists.positions.size and not -1 <= lists.positions.min() <= lists.positions.max() < rows:
            raise ValueError("a neighbour is no row of it")
    if queries and not 0 <= report.queries.min() <= report.queries.max() < rows:
        raise ValueError("a query is no row of it")


def _damaged(file: Path, reason: str) -> ReportError:
    return ReportError(
        f"the report file {str(file)!r} is damaged and cannot be opened ({reason}). Delete it and "
        "run the report again."
    )
