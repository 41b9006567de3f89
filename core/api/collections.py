"""GET /collections: what there is to search in."""

from typing import Any

from fastapi import APIRouter

from core.api.problems import NotFoundError
from core.api.services import Answer, Services, Shared, at_work
from core.collection.info import CollectionInfo
from core.errors import CollectionNotFoundError

router = APIRouter()


@router.get("/collections", summary="List collections")
async def get_collections(services: Shared) -> Answer:
    """Return the collections, each with its metrics; none where nothing is indexed yet."""

    def work() -> dict[str, Any]:
        try:
            return {"collections": [_described(services)]}
        except CollectionNotFoundError:
            return {"collections": []}

    return Answer(await at_work(work))


@router.get("/collections/{name}", summary="Describe a collection")
async def get_collection(services: Shared, name: str) -> Answer:
    """Return metrics, index, encoder, rows and classes of a collection."""

    def work() -> dict[str, Any]:
        known = services.get_settings().collection
        if name != known:
            raise NotFoundError(
                f"there is no collection {name!r} here. This Orchard serves {known!r}; "
                "ORCHARD_COLLECTION names another one."
            )
        classes = services.get_catalogue().by_class
        return {
            **_described(services),
            "classes": {label: len(records) for label, records in classes.items()},
        }

    return Answer(await at_work(work))


def _described(services: Services) -> dict[str, Any]:
    infos = services.get_collections()
    first = next(iter(infos.values()))
    return {
        "name": services.get_settings().collection,
        "rows": first.rows,
        "encoder": str(first.encoder),
        "dimension": first.dimension,
        "complete": all(info.complete for info in infos.values()),
        "metrics": {metric: _index(info) for metric, info in infos.items()},
    }


def _index(info: CollectionInfo) -> dict[str, Any]:
    described = {
        "collection": info.name,
        "index_type": info.index_type,
        "nlist": info.nlist or None,
        "M": info.m or None,
        "efConstruction": info.ef_construction or None,
        "pending_rows": info.pending_rows,
    }
    return {name: value for name, value in described.items() if value is not None}
