"""GET /pictures: the rows of a collection, their thumbnails and files."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, Response

from core.api.problems import NotFoundError
from core.api.services import (
    Answer,
    Named,
    Shared,
    at_work,
    collection_of,
    family_of,
    record_of,
)
from core.dataset.files import changed_inside, content_inside, resolve_inside
from core.dataset.formats.kinds import HEAD_BYTES, Kind, kind_of
from core.dataset.names import composed
from core.dataset_root import RemoteFolder
from core.errors import ImageError
from core.records import ImageRecord

router = APIRouter()

MOST_LISTED = 1_000
# What shows data stays with whoever asked, is never run, and no page elsewhere may embed it.
_PRIVATE = {
    "Cache-Control": "private, max-age=3600",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}
_MEDIA = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
    "HEIF": "image/heic",
    "TIFF": "image/tiff",
    "BMP": "image/bmp",
    "JPEG2000": "image/jp2",
}


@router.get("/pictures", summary="List pictures")
async def get_pictures(
    *,
    services: Shared,
    named: Named = None,
    words: Annotated[str, Query(max_length=200, description="in the path")] = "",
    label: Annotated[str | None, Query(description="only this class")] = None,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 100,
) -> Answer:
    """Return pictures in order of their paths, `limit` of them from `offset` on."""

    def work() -> dict[str, Any]:
        catalogue = services.get_catalogue(family_of(services, named))
        found = catalogue.matching(words, label=None if label is None else composed(label))
        return {
            "total": len(found),
            "offset": offset,
            "pictures": [_plain(record) for record in found[offset : offset + limit]],
        }

    return Answer(await at_work(work))


@router.get("/pictures/{id}", summary="Describe a picture")
async def get_picture(services: Shared, id: int, named: Named = None) -> Answer:
    """Return path, class and digest of a picture."""

    def work() -> ImageRecord:
        return record_of(services, family_of(services, named), id)

    return Answer(_plain(await at_work(work)))


@router.get("/pictures/{id}/thumbnail", summary="Return a small JPEG", response_class=Response)
async def get_thumbnail(services: Shared, id: int, named: Named = None) -> Response:
    """Return the middle of a picture as a square JPEG."""

    def work() -> bytes:
        family = family_of(services, named)
        record = record_of(services, family, id)
        try:
            return services.get_thumbnail(record, info=collection_of(services, family, None))
        except ImageError as error:
            raise NotFoundError(str(error)) from error

    return Response(await at_work(work), media_type="image/jpeg", headers=_PRIVATE)


@router.get("/pictures/{id}/file", summary="Return the file", response_class=FileResponse)
async def get_file(services: Shared, id: int, named: Named = None) -> Response:
    """Return the file as it lies in the dataset folder, and nothing outside that folder."""

    def work() -> Response:
        family = family_of(services, named)
        record = record_of(services, family, id)
        folder = services.dataset_folder(collection_of(services, family, None))
        name = record.path.rpartition("/")[2]
        try:
            if isinstance(folder, RemoteFolder):
                content = content_inside(folder, record.path)
                return _as_file(content, name)
            changed_inside(folder, record.path)
            file = resolve_inside(folder, record.path)
            with file.open("rb") as opened:
                kind = kind_of(opened.read(HEAD_BYTES))
        except (ImageError, OSError) as error:
            what = str(error) if isinstance(error, ImageError) else f"{record.path!r} is gone."
            raise NotFoundError(what) from error
        return FileResponse(file, media_type=_media(kind), filename=name, headers=_PRIVATE)

    return await at_work(work)


def _media(kind: Kind) -> str:
    return _MEDIA.get(kind.decoder, "application/octet-stream")


def _as_file(content: bytes, name: str) -> Response:
    """Return bytes as `FileResponse` would a file of this machine."""
    disposition = f"attachment; filename*=utf-8''{quote(name, safe='')}"
    return Response(
        content,
        media_type=_media(kind_of(content[:HEAD_BYTES])),
        headers={**_PRIVATE, "Content-Disposition": disposition},
    )


def _plain(record: ImageRecord) -> dict[str, object]:
    return {
        "id": record.id,
        "path": record.path,
        "label": record.label,
        "digest": record.digest,
        "further": dict(record.further),
    }
