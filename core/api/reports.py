"""GET /reports: saved evaluations."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from core.api.problems import NotFoundError
from core.api.services import Answer, Named, Shared, at_work
from core.errors import ReportError
from core.evaluation.files import ListedReport, list_reports, read_json_text

router = APIRouter()


@router.get("/reports", summary="List reports")
async def get_reports(services: Shared, named: Named = None) -> Answer:
    """Return the saved reports, newest first, and how many files cannot be read.

    With `collection` those that were made of it, also where it is gone.
    """

    def work() -> dict[str, Any]:
        listing = list_reports(services.get_settings().data.reports)
        return {
            "reports": [
                _plain(report)
                for report in listing.reports
                if named in (None, report.configuration.collection)
            ],
            "unreadable": len(listing.unreadable),
        }

    return Answer(await at_work(work))


@router.get("/reports/{name}", summary="Return a report", response_class=Response)
async def get_report(services: Shared, name: str) -> Response:
    """Return all figures of a report, as the file that the Evaluation page exports."""

    def work() -> str:
        try:
            return read_json_text(name, services.get_settings().data.reports)
        except ReportError as error:
            # Its own message names the folder.
            raise NotFoundError(
                f"there is no report {name!r} that can be read. GET /api/v1/reports lists them."
            ) from error

    headers = {"Cache-Control": "no-store"}
    return Response(await at_work(work), media_type="application/json", headers=headers)


def _plain(report: ListedReport) -> dict[str, Any]:
    made = report.configuration
    return {
        "name": report.name,
        "title": report.title,
        "created": made.created,
        "collection": made.collection,
        "metric": made.metric,
        "encoder": made.encoder,
        "rows": made.rows,
        "nprobe": made.request.nprobe,
        "macro": dict(report.macro),
        "ann_recall": dict(report.ann_recall),
    }
