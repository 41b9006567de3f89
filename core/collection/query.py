"""What a search may ask of a collection, and how Milvus is told."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.collection.columns import Having, stored_texts
from core.collection.index_types.parameters import Effort
from core.collection.info import CollectionInfo
from core.collection.schema import Schema
from core.corrections.correction import NONE, Corrections
from core.dataset.names import composed, forms
from core.errors import EncoderMismatchError, QueryError

MAX_LIMIT = 16_384
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t"})


def check_query(info: CollectionInfo, embedding: NDArray[np.floating[Any]], *, k: int) -> None:
    """Refuse what Milvus would answer with nonsense or an empty message.

    Raises:
        EncoderMismatchError: The embedding has another dimension than the collection.
        QueryError: A value is outside its range.
    """
    if embedding.shape != (info.dimension,):
        raise EncoderMismatchError(
            f"the query has {embedding.size} numbers, {info.name} holds embeddings of "
            f"{info.dimension}. Query with the encoder it was built with: {info.encoder}."
        )
    if not np.isfinite(embedding).all():
        raise QueryError("the query embedding is not finite. Use another picture.")
    if not 1 <= k <= MAX_LIMIT:
        raise QueryError(f"k is {k}, allowed are 1 to {MAX_LIMIT:,}.")


def search_parameters(info: CollectionInfo, *, k: int, effort: Effort) -> Effort:
    """Return what Milvus is told about how thoroughly to search an index of this type.

    Args:
        effort: What is for other types is left out; what is missing is as usual for `k` hits.

    Raises:
        QueryError: A value is outside its range.
    """
    told: Effort = {}
    for parameter in info.searched_by:
        value = effort.get(parameter.name)
        if value is None:
            value = parameter.usual_for(k, nlist=info.nlist)
        parameter.check(value, k=k, nlist=info.nlist, collection=info.name)
        told[parameter.name] = value
    return told


def label_filter(labels: Sequence[str], schema: Schema = Schema()) -> str:  # noqa: B008 - frozen
    """Return Milvus's expression for "one of these classes"; empty for all.

    Stored names may be of either form of Unicode.

    Raises:
        QueryError: Pictures in no folder are asked for where the folder is the class.
    """
    if not labels:
        return ""
    labels = [form for label in labels for form in forms(label)]
    if schema.label:
        return f"{schema.label} in [{', '.join(map(_quoted, labels))}]"
    if "" in labels:
        raise QueryError(
            "pictures without a class cannot be searched for on their own in a collection whose "
            "classes are folders. Leave that class out."
        )
    # Not `like`, whose wildcards differ between versions; the character after "/" is "0".
    folders = [_quoted(schema.prefix + label)[:-1] for label in labels]
    return " or ".join(
        f'({schema.path} >= {folder}/" and {schema.path} < {folder}0")' for folder in folders
    )


def row_filter(
    labels: Sequence[str],
    schema: Schema = Schema(),  # noqa: B008 - frozen
    *,
    having: Having = (),
    corrections: Corrections = NONE,
) -> str:
    """Return Milvus's expression for rows of some classes that have some further columns.

    With the corrections: what was given one of the classes is found, what has another by now is
    not, nor what is left out.

    Args:
        labels: One of these classes; empty means all.
        having: One of the values in each of the columns; empty means all rows.

    Raises:
        QueryError: As `label_filter`, or the collection keeps no further columns.
    """
    if having and not schema.dynamic:
        raise QueryError(
            f"the collection keeps no further columns, so {having[0][0]!r} cannot be asked for. "
            "Leave that filter out."
        )
    wanted = set(map(composed, labels))
    moved = corrections.labels.items() if labels else ()
    joined = [path for path, label in moved if label in wanted]
    gone = {path for path, label in moved if label not in wanted} | corrections.excluded
    of_classes = label_filter(labels, schema)
    if joined:
        of_classes = f"({of_classes} or {_paths_in(joined, schema)})"
    others = [_has_one(name, values, schema) for name, values in having]
    if gone:
        others.append(f"not ({_paths_in(sorted(gone), schema)})")
    if not of_classes:
        return " and ".join(others)
    return " and ".join([f"({of_classes})", *others]) if others else of_classes


def _has_one(name: str, values: Sequence[str], schema: Schema) -> str:
    column = f"{schema.dynamic}[{_quoted(name)}]"
    # Not `in`, which Milvus Lite knows for fields of the schema alone.
    texts = stored_texts(name, values)
    return f"({' or '.join(f'{column} == {_quoted(text)}' for text in texts)})"


def _paths_in(paths: Sequence[str], schema: Schema) -> str:
    # A row that others made may lack what most paths begin with.
    stored = dict.fromkeys(form for path in paths for form in (schema.prefix + path, path))
    return f"{schema.path} in [{', '.join(map(_quoted, stored))}]"


def _quoted(text: str) -> str:
    """Return a text as a string of Milvus's expressions.

    Its escapes are those of C, of which Lite knows no numbers: what has no letter stands as it is.
    """
    return f'"{text.translate(_ESCAPES)}"'
