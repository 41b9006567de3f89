"""Search a collection with a picture, without a browser.

python -m scripts.search photo.jpg -k 16 --metric COSINE
"""

import argparse
import contextlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from core.collection.columns import columns_of, no_such_class, parse_having, require_known
from core.collection.index_types.kinds import SEARCH_PARAMETERS
from core.collection.index_types.parameters import Effort
from core.collection.info import CollectionInfo
from core.collection.query import search_parameters
from core.config import Settings
from core.dataset.decoding import decode
from core.dataset.files import bytes_of, digest_of
from core.dataset.names import composed
from core.encoder.weights import checkpoint_for
from core.errors import ImageError, QueryError
from core.metric import Metric
from core.search.hits import SearchResult
from core.search.hits_json import hits_json
from core.search.index_search import DEFAULT_K, MAX_K, search
from core.search.query_picture import QueryPicture, encode_query, open_query
from core.store.vector_store import VectorStore, open_store
from core.wording import visible
from scripts.shared.beside import Dashboard, find_dashboard
from scripts.shared.terminal import add_collection, configured, parse_metric


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    arguments = _parser().parse_args(argv)
    return configured(
        lambda settings: _run(arguments, settings),
        on_interrupt="stopped",
        collection=arguments.collection,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.search", description="Find the pictures most like a picture."
    )
    parser.add_argument("image", type=Path, help="the picture to search with")
    parser.add_argument("-k", type=int, default=DEFAULT_K, help="hits, 1 to 100 (default 16)")
    parser.add_argument(
        "--metric", type=parse_metric, default=Metric.COSINE, help="COSINE (default), L2 or IP"
    )
    parser.add_argument("--nprobe", type=int, help="lists to search, 1 to nlist (default 16)")
    parser.add_argument("--ef", type=int, help="candidates of an HNSW index, k to 32768")
    parser.add_argument("--reorder-k", type=int, help="candidates of SCANN that are compared again")
    parser.add_argument("--search-list", type=int, help="candidates of DISKANN, k to 32768")
    parser.add_argument("--refine-k", type=int, help="times k that IVF_RABITQ compares again")
    parser.add_argument("--label", nargs="+", type=composed, default=[], help="only these classes")
    parser.add_argument(
        "--where",
        nargs="+",
        default=[],
        metavar="COLUMN=VALUE",
        help="only rows with these values of further columns of the labels file, such as "
        "variety=Gala; of several values of a column one is enough",
    )
    add_collection(parser)
    parser.add_argument(
        "--json", action="store_true", help="print the hits as JSON; L2 scores are squared there"
    )
    return parser


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    if not 1 <= arguments.k <= MAX_K:
        raise QueryError(f"-k is {arguments.k}, allowed are 1 to {MAX_K}.")
    content = _read(arguments.image)
    # What is no picture is refused before a database is opened or a model loaded.
    decode(content, name=str(arguments.image), short_side=1)
    if dashboard := find_dashboard(settings):
        found = _asked(dashboard, content, arguments)
        if not dashboard.is_complete():
            print(_unfinished(settings.collection, found["rows"]), file=sys.stderr)
    else:
        found = _found(content, arguments, settings)
    if arguments.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        print(_as_text(found, image=arguments.image, digest=digest_of(content)))
    return 0


def _asked(dashboard: Dashboard, content: bytes, arguments: argparse.Namespace) -> dict[str, Any]:
    return dashboard.search(
        content,
        name=arguments.image.name,
        k=arguments.k,
        metric=arguments.metric,
        **_effort(arguments),
        classes=arguments.label or None,
        where=arguments.where or None,
        include_query=True,
    )


def _found(content: bytes, arguments: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    with contextlib.closing(open_store(settings)) as store:
        info = store.info(settings.collection, arguments.metric)
        # A wrong value should not cost the loading of a model first; too few candidates are raised.
        search_parameters(info, k=1, effort=_effort(arguments))
        if not info.complete:
            print(_unfinished(info.name, info.rows), file=sys.stderr)
        result, encode_ms = _search(content, arguments, settings, store, info)
    milliseconds = {"encode": encode_ms, "search": result.search_ms}
    return hits_json(
        result.hits,
        info,
        k=result.k,
        effort=result.effort,
        milliseconds=milliseconds,
    )


def _search(
    content: bytes,
    arguments: argparse.Namespace,
    settings: Settings,
    store: VectorStore,
    info: CollectionInfo,
) -> tuple[SearchResult, float]:
    """Return what was found, and the milliseconds it took to encode the picture."""
    having = parse_having(arguments.where)
    checkpoint = checkpoint_for(info.encoder, settings)

    # The slow import comes last, when nothing cheap can go wrong any more.
    from core.encoder.encoder import Encoder

    encoder = Encoder(checkpoint, precision=settings.precision)
    picture = QueryPicture(str(arguments.image), digest_of(content), None, content)
    decoded = open_query(picture, root=settings.data_dir, encoder=info.encoder)
    embedding, encode_ms = encode_query(decoded.image, encoder=encoder, info=info)
    result = search(
        embedding,
        store=store,
        info=info,
        k=arguments.k,
        labels=arguments.label,
        having=having,
        **_effort(arguments),
    )
    known = {pair for hit in result.hits for pair in hit.record.further}
    if any((name, value) not in known for name, values in having for value in values):
        records = store.records(settings.collection, info.metric)
        require_known(having, columns_of([record.further for record in records]))
    met = {hit.record.label for hit in result.hits}
    doubtful = [label for label in arguments.label if label not in met]
    _name_missing(doubtful, arguments.label, store, info, settings.collection)
    return result, encode_ms


def _effort(arguments: argparse.Namespace) -> Effort:
    effort: Effort = {}
    for parameter in SEARCH_PARAMETERS:
        effort[parameter.name] = getattr(arguments, parameter.name)
    return effort


def _name_missing(
    doubtful: list[str], asked: list[str], store: VectorStore, info: CollectionInfo, family: str
) -> None:
    """Say which of the classes that no hit has do not exist: a misspelt one must not go unseen."""
    missing = store.missing_labels(info, doubtful)
    if not missing:
        return
    named = ", ".join(map(repr, missing))
    if len(missing) < len(asked):
        print(f"note: no row has the class {named}; the others were searched.", file=sys.stderr)
        return
    raise no_such_class(missing, {r.label for r in store.records(family, info.metric)})


def _unfinished(name: str, rows: int) -> str:
    return (
        f"note: the last indexing run of {name} did not finish, so pictures may be missing among "
        f"its {rows:,} rows. Unless one goes on, run python -m scripts.build_index again."
    )


def _read(path: Path) -> bytes:
    try:
        return bytes_of(path, name=str(path))
    except OSError as error:
        raise ImageError(
            f"{str(path)!r} cannot be read ({error.strerror}). Check the path."
        ) from error


def _same(hit: Mapping[str, Any], image: Path, digest: str) -> str:
    """Say of a hit with the query's bytes whether it is the same file or another one."""
    if hit["digest"] != digest:
        return ""
    is_itself = f"/{image.resolve().as_posix()}".endswith(f"/{hit['path']}")
    return "  (the query itself)" if is_itself else "  (same bytes as the query)"


def _as_text(found: Mapping[str, Any], *, image: Path, digest: str) -> str:
    metric, spent = Metric(found["metric"]), found["milliseconds"]
    lines = [f"{'rank':>4}  {metric.noun:>13}  {'class':<16}  path   ({metric.direction})"]
    lines += [
        f"{hit['rank']:>4}  {metric.formatted(hit['score']):>13}  {visible(hit['label']):<16}  "
        f"{visible(hit['path'])}{_same(hit, image, digest)}"
        for hit in found["hits"]
    ]
    lines.append(
        f"{len(found['hits'])} of {found['k']} from {found['rows']:,} rows, "
        f"encode {spent['encode']:.0f} ms, search {spent['search']:.0f} ms"
        + "".join(f", {name} {value}" for name, value in found["effort"].items())
        + (f" of {found['nlist']}" if [*found["effort"]] == ["nprobe"] else "")
    )
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
