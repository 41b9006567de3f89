"""Which fields of a collection hold what, read from Milvus's description of it.

Our own collections always look the same. One that others made is recognised by the kinds of its
fields: a vector of floats, an integer key, a text that is a path, perhaps a text that is a class.
"""

import posixpath
from collections.abc import Iterable, Mapping
from typing import Any

from core.collection.schema import Schema
from core.errors import StoreError

# How many paths are read to find the folder they have in common.
SAMPLE_ROWS = 1_000

# Milvus's numbers of these types.
_INT64, _VARCHAR, _FLOAT_VECTOR = 5, 21, 101

_PATH_NAMES = (
    *("path", "file_path", "filepath", "image_path", "img_path"),
    *("file", "filename", "file_name", "image", "img", "url", "uri"),
)
_LABEL_NAMES = ("label", "class", "class_name", "category")


def schema_of(described: Mapping[str, Any]) -> Schema:
    """Recognise the fields of a collection that others made, still without a prefix.

    Raises:
        StoreError: It has no such field, or several vectors; the message says which there are.
    """
    fields = list(described["fields"])
    name = described["collection_name"]
    key = [f["name"] for f in fields if f.get("is_primary") and int(f["type"]) == _INT64]
    vectors = [f["name"] for f in fields if int(f["type"]) == _FLOAT_VECTOR]
    texts = [f["name"] for f in fields if int(f["type"]) == _VARCHAR and not f.get("is_primary")]
    path = _first(texts, _PATH_NAMES) or (texts[0] if len(texts) == 1 else "")
    if not key or len(vectors) != 1 or not path:
        has = ", ".join(f["name"] for f in fields)
        raise StoreError(
            f"{name} was not built by Orchard, and its fields ({has}) cannot be told apart: there "
            "must be one INT64 primary key, one FLOAT_VECTOR and one VARCHAR that is a path, such "
            f"as {_PATH_NAMES[0]!r}. Choose another collection with ORCHARD_COLLECTION."
        )
    label = _first([text for text in texts if text != path], _LABEL_NAMES)
    return Schema(key=key[0], vector=vectors[0], path=path, label=label, digest="", dynamic="")


def folder_prefix(folder: str) -> str:
    """Return the prefix for a folder: it ends with exactly one slash; empty stays empty."""
    return folder.rstrip("/") + "/" if folder else ""


def common_prefix(paths: Iterable[str]) -> str:
    """Return the prefix of the folder whose folders are the classes; empty for relative paths.

    That is the deepest folder that is above the folder of every picture, so that a single class is
    not taken for the whole: `/data/fruit/` for `/data/fruit/apple/1.jpg`.
    """
    above = {posixpath.dirname(posixpath.dirname(path)) for path in paths if path.startswith("/")}
    return folder_prefix(posixpath.commonpath(above)) if above else ""


def _first(names: list[str], wanted: tuple[str, ...]) -> str:
    """Return the name that comes first in `wanted`, whatever its case; empty if none does."""
    lower = {name.lower(): name for name in names}
    return next((lower[name] for name in wanted if name in lower), "")
