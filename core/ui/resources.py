"""What sessions share, through Streamlit's caches: settings, database, encoders, data.

What belongs to a collection is asked for by its family, and cached under it: two collections share
nothing. Which of them a session looks at, `core.ui.choosing.looked_at` says.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.runtime import Runtime

from core.collection import info as collection_info
from core.collection.catalogue import Catalogue, catalogue_of
from core.collection.info import CollectionInfo
from core.collection.listed import Listed
from core.config import Settings, load_settings
from core.corrections.correction import Corrections, applied_to
from core.dataset.files import changed_inside, digest_of
from core.dataset.thumbnails import cached_thumbnail
from core.dataset_root import Root
from core.embeddings.fingerprint import fingerprint
from core.embeddings.listing import Listing, load_listing
from core.encoder.weights import checkpoint_for
from core.errors import CollectionNotFoundError, FileError, StoreUnavailableError
from core.logs import start_logging
from core.metric import Metric
from core.progress import Stage
from core.records import EncoderIdentity, ImageRecord
from core.runs.runner import Runner
from core.runs.workshop import perform
from core.search.exact_index import ExactIndex, load_reference
from core.search.query_picture import QueryPicture, encode_query, open_query
from core.store.served import announce
from core.store.vector_store import VectorStore, open_store
from core.upkeep.cleaning import clean_up

if TYPE_CHECKING:
    from core.encoder.encoder import Encoder

logger = logging.getLogger(__name__)

# A collection can be changed by another process only on a server; this is how late it may show.
_STALE_SECONDS = 30

# A reference that is on disk already is there by then, and the page is drawn once.
_PATIENCE = 0.3
# An error may go on, and every attempt may read the whole collection.
_RETRY_SECONDS = 60.0
# Whoever has pressed Ctrl-C waits no longer for a run to stop; a batch is encoded in less.
_ENDING_SECONDS = 5.0
_runners: WeakSet[Runner] = WeakSet()

# The API and scripts call the functions below without a session, which Streamlit takes for a
# mistake and says so at every start and on every thread.
_NO_NEWS = ("No runtime found", "missing ScriptRunContext")


def _is_news(record: logging.LogRecord) -> bool:
    return not any(said in record.getMessage() for said in _NO_NEWS)


for _logger in (
    "streamlit.runtime.caching.cache_data_api",
    "streamlit.runtime.scriptrunner_utils.script_run_context",
):
    logging.getLogger(_logger).addFilter(_is_news)

# Of so many collections at a time: two are compared, and a few sessions may look at others.
_CATALOGUES = 6
# The embeddings themselves, which a file maps into memory, with what is worked out from them.
_IN_MEMORY = 2
# As many encoders: two collections are compared that others made.
_ENCODERS = 2

_after_runs: list[Callable[[], None]] = []

# The encoders that were loaded last, for whoever wants to know without loading one.
_running: deque[EncoderIdentity] = deque(maxlen=_ENCODERS)


@dataclass
class Preparation:
    """Embeddings on their way into memory.

    Attributes:
        future: Gives the exact index.
        done: Rows that are read.
        total: Rows there are; 0 until that is known.
        ended: When it came to its end, by `time.monotonic`; 0 until then.
    """

    future: "Future[ExactIndex]"
    done: int = 0
    total: int = 0
    ended: float = 0.0


@st.cache_resource(show_spinner=False)
def get_settings() -> Settings:
    """Read the settings once for the process."""
    settings = load_settings()
    start_logging(settings.data_dir)
    return settings


@st.cache_resource(show_spinner="Opening the database")
def get_store() -> VectorStore:
    """Open the one connection of the process, and say beside the database where it answers."""
    settings = get_settings()
    store = open_store(settings)
    if settings.is_lite and Runtime.exists():
        try:
            announce(Path(settings.uri), _address(), data_dir=settings.data_dir)
        except FileError:
            logger.warning("scripts will not find this process", exc_info=True)
    if Runtime.exists():
        _tidy_up(store)
    return store


def _tidy_up(store: VectorStore) -> None:
    """Delete in the background what the data folder no longer needs; in a dashboard alone."""
    settings = get_settings()
    if not settings.read_only:
        pool = ThreadPoolExecutor(1, thread_name_prefix="upkeep")
        pool.submit(clean_up, settings.data, store)
        pool.shutdown(wait=False)


def _address() -> str:
    bound = st.get_option("server.address") or "127.0.0.1"
    # What is bound to every address answers on this one too.
    host = "127.0.0.1" if bound in ("0.0.0.0", "::") else bound  # noqa: S104 - compared, not bound
    base = st.get_option("server.baseUrlPath").strip("/")
    return f"http://{host}:{st.get_option('server.port')}{f'/{base}' if base else ''}"


def warm_encoder(identity: EncoderIdentity) -> None:
    """Start to load the encoder in the background, so that the first upload need not wait for it.

    What goes wrong is told by `get_encoder`, to whoever needs it.
    """
    _loading(identity)


def get_encoder(identity: EncoderIdentity) -> "Encoder":
    """Return the encoder a collection was built with, waiting until it is loaded.

    Raises:
        EncoderMismatchError: No such weights are at hand.
        WeightsError: They are damaged.
    """
    future = _loading(identity)
    try:
        if future.done():
            return future.result()
        with st.spinner("Loading the encoder", show_time=True):
            return future.result()
    except Exception:
        _loading.clear(identity)
        raise


def loaded_encoders() -> tuple[EncoderIdentity, ...]:
    """Return the encoders that are loaded, the last one first. Loads nothing."""
    return tuple(_running)


@st.cache_resource(show_spinner=False, max_entries=_ENCODERS)
def _loading(identity: EncoderIdentity) -> "Future[Encoder]":
    settings = get_settings()

    def load() -> "Encoder":
        from core.encoder.encoder import Encoder

        encoder = Encoder(checkpoint_for(identity, settings), precision=settings.precision)
        _running.appendleft(encoder.identity)
        return encoder

    pool = ThreadPoolExecutor(1, thread_name_prefix="encoder")
    future = pool.submit(load)
    pool.shutdown(wait=False)
    return future


@st.cache_data(show_spinner=False, ttl=_STALE_SECONDS)
def get_families() -> list[Listed]:
    """List the collections that the database holds, in order of their names.

    Raises:
        StoreError: The database failed.
    """
    return get_store().families()


@st.cache_data(show_spinner=False, ttl=_STALE_SECONDS)
def get_collections(family: str) -> dict[Metric, CollectionInfo]:
    """Describe the collections of a family, in the order of the metrics.

    Raises:
        CollectionNotFoundError: There is none.
    """
    store = get_store()
    found = {metric: store.info(family, metric) for metric in store.metrics(family)}
    if not any(info.rows for info in found.values()):
        raise CollectionNotFoundError(f"the collection {family!r} is empty.")
    return found


def get_corrections(family: str) -> Corrections:
    """Return what people have said of single pictures of a collection, as of this moment."""
    return get_store().corrections(family)


def get_stored(family: str) -> tuple[ImageRecord, ...]:
    """Return the rows of a collection as they are stored, those that are left out included."""
    return get_listing(family).records


def get_listing(family: str) -> Listing:
    """Return the rows of a collection as they are stored, and their fingerprint."""
    first = next(iter(get_collections(family).values()))
    return _stored(family, first.name, first.rows)


def get_catalogue(family: str) -> Catalogue:
    """Return the pictures of a collection; shared by all sessions and not copied."""
    first = next(iter(get_collections(family).values()))
    return _catalogue(family, first.name, first.rows, get_corrections(family).mark)


@st.cache_resource(show_spinner=False, ttl=600, max_entries=_CATALOGUES)
def _catalogue(family: str, name: str, rows: int, corrections: str) -> Catalogue:
    info = next(info for info in get_collections(family).values() if info.name == name)
    stored, said = _stored(family, name, rows), get_corrections(family)
    records, applied = said.all_seen(stored.records), applied_to(stored.records, said)
    return catalogue_of(
        records,
        fingerprint=(
            fingerprint(records, info.encoder) if applied.fingerprint else stored.fingerprint
        ),
        stored=stored.fingerprint,
        applied=applied,
        tags=said.tags,
    )


@st.cache_resource(show_spinner="Reading the collection", ttl=600, max_entries=_CATALOGUES)
def _stored(family: str, name: str, rows: int) -> Listing:
    """Return the rows as they are stored: a correction has none of them read again."""
    info = next(info for info in get_collections(family).values() if info.name == name)
    return load_listing(get_store(), info, get_settings().data.embeddings)


def get_stored_embedding(info: CollectionInfo, picture: int) -> NDArray[np.float32] | None:
    """Return the embedding (D,) of a picture of a collection; None if the row is gone."""
    return _stored_embedding(info.family, info.metric, picture)


@st.cache_data(show_spinner=False, ttl=3600, max_entries=256)
def _stored_embedding(family: str, metric: Metric, picture: int) -> NDArray[np.float32] | None:
    return get_store().embeddings(family, metric, [picture]).get(picture)


def get_upload_embedding(
    content: bytes, *, name: str, info: CollectionInfo
) -> tuple[NDArray[np.float32], float]:
    """Return the embedding (D,) of an uploaded file and the milliseconds encoding took.

    The same bytes are encoded once; the cache holds embeddings, never pictures.

    Raises:
        ImageError: The file is no picture.
    """
    digest, encoder = digest_of(content), str(info.encoder)
    return _encode_upload(digest, encoder, _content=content, _name=name, _info=info)


@st.cache_data(show_spinner=False, ttl=3600, max_entries=256)
def _encode_upload(
    digest: str,
    encoder: str,
    *,
    _content: bytes,
    _name: str,
    _info: CollectionInfo,
) -> tuple[NDArray[np.float32], float]:
    identity = EncoderIdentity.parse(encoder)
    picture = QueryPicture(_name, digest, None, _content)
    decoded = open_query(picture, root=get_settings().data_dir, encoder=identity)
    return encode_query(decoded.image, encoder=get_encoder(identity), info=_info)


def prepare(family: str) -> Preparation:
    """Start to read the embeddings in the background, unless that was done before."""
    catalogue = get_catalogue(family)
    return _preparing(family, catalogue.fingerprint, catalogue.told)


def get_reference(family: str) -> ExactIndex | Preparation:
    """Return the embeddings of a collection, or how far they are while they are read.

    Raises:
        StoreUnavailableError: The database is away; the next call tries again.
        OrchardError: Reading them failed. So does every call of the next minute, without reading;
            the first one after it tries again.
    """
    catalogue = get_catalogue(family)
    key = (family, catalogue.fingerprint, catalogue.told)
    preparation = _preparing(*key)
    wait([preparation.future], timeout=_PATIENCE)
    if not preparation.future.done():
        return preparation
    try:
        return preparation.future.result()
    except StoreUnavailableError:
        _preparing.clear(*key)
        raise
    except Exception:
        if time.monotonic() - preparation.ended > _RETRY_SECONDS:
            _preparing.clear(*key)
        raise


def exact_index_at_hand(family: str) -> ExactIndex | None:
    """Return the embeddings if they are in memory; else start to read them, and wait for nothing.

    Raises:
        OrchardError: The collection cannot be described.
    """
    future = prepare(family).future
    return future.result() if future.done() and future.exception() is None else None


@st.cache_resource(show_spinner=False, max_entries=_IN_MEMORY)
def _preparing(family: str, fingerprint: str, told: int) -> Preparation:
    store, settings = get_store(), get_settings()
    metrics = list(get_collections(family))
    listing = get_listing(family)
    preparation = Preparation(Future())

    def show(stage: Stage, done: int, total: int) -> None:
        preparation.done, preparation.total = done, total

    def read() -> ExactIndex:
        try:
            return load_reference(
                store, family, metrics, settings.data.embeddings, show, listing=listing
            )
        finally:
            preparation.ended = time.monotonic()

    pool = ThreadPoolExecutor(1, thread_name_prefix="reference")
    preparation.future = pool.submit(read)
    pool.shutdown(wait=False)
    return preparation


def get_thumbnail(record: ImageRecord, *, info: CollectionInfo) -> bytes:
    """Return the JPEG thumbnail of a picture of a collection.

    Raises:
        ImageError: The file is gone, is no picture, or lies outside the dataset folder.
    """
    settings = get_settings()
    # Also where a thumbnail is cached: that the row has outlived its picture is news.
    root = dataset_folder(info)
    changed_inside(root, record.path)
    return cached_thumbnail(root, record.path, key=record.digest, cache=settings.data.thumbnails)


def dataset_folder(info: CollectionInfo) -> Root:
    """Return the folder the paths of a collection are relative to: the setting, or as indexed.

    Raises:
        ImageError: Others made the collection, and nobody has said which folder may be opened.
    """
    said = get_settings().of(info.family)
    return collection_info.dataset_folder(info, setting=said.dataset)


@st.cache_resource(show_spinner=False)
def get_runner() -> Runner:
    """Return the one runner of the process."""
    settings = get_settings()
    work = partial(perform, store=get_store(), settings=settings)
    runner = Runner(settings.data.runs, work, on_end=_run_has_ended)
    _runners.add(runner)
    return runner


def stop_run() -> bool:
    """Have the run of this process, if one goes on, stop, and wait a while; before it ends.

    Returns:
        Whether none goes on any more.
    """
    for runner in _runners:
        runner.end(_ENDING_SECONDS)
    return not any(state.is_open for runner in _runners if (state := runner.state()))


def call_when_a_run_has_ended(call: Callable[[], None]) -> None:
    """Have a page drop what it keeps and a run may have changed; once each, at its import."""
    _after_runs.append(call)


def _run_has_ended() -> None:
    forget_collections()
    for call in _after_runs:
        call()
    if Runtime.exists():
        _tidy_up(get_store())


def forget_collections() -> None:
    """Drop what is known about the collections and their rows: a run has changed them."""
    get_families.clear()
    get_collections.clear()
    _stored_embedding.clear()
    _catalogue.clear()
    _stored.clear()


def forget_failures() -> None:
    """Drop what may be out of date after the database was away."""
    get_families.clear()
    get_collections.clear()
