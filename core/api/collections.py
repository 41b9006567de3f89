"""GET /collections: what there is to search in."""

from typing import Any

from fastapi import APIRouter

from core.api.services import Answer, Services, Shared, at_work, family_of
from core.collection.info import CollectionInfo
from core.collection.listed import Listed

router = APIRouter()


@router.get("/collections", summary="List collections")
async def get_collections(services: Shared) -> Answer:
    """Return the collections of the database; none where nothing is indexed yet.

    `rows` are those of the database's statistics; one of them has them counted.
    """

    def work() -> dict[str, Any]:
        usual = services.get_settings().collection
        return {
            "collections": [
                {**_named(one), "is_default": one.name == usual} for one in services.get_families()
            ]
        }

    return Answer(await at_work(work))


@router.get("/collections/{name}", summary="Describe a collection")
async def get_collection(services: Shared, name: str) -> Answer:
    """Return metrics, index, encoder, rows and classes of a collection."""

    def work() -> dict[str, Any]:
        family = family_of(services, name)
        classes = services.get_catalogue(family).by_class
        return {
            **_described(services, family),
            "classes": {label: len(records) for label, records in classes.items()},
        }

    return Answer(await at_work(work))


def _named(one: Listed) -> dict[str, Any]:
    return {
        "name": one.name,
        "rows": one.rows,
        "encoder": str(one.encoder),
        "dimension": one.encoder.dimension,
        "metrics": list(one.metrics),
        "is_foreign": one.is_foreign,
    }


def _described(services: Services, family: str) -> dict[str, Any]:
    infos = services.get_collections(family)
    first = next(iter(infos.values()))
    return {
        "name": family,
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
