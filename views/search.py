"""Search: a picture in, the pictures most like it out, and the knobs between."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from core.dataset import digest_of
from core.images import thumbnail
from core.index import nprobe_steps
from core.metric import Metric
from core.records import CollectionInfo, ImageRecord, SearchResult
from core.search import DEFAULT_K, DEFAULT_NPROBE, MAX_K, search
from core.ui import components, controls, resources

UPLOAD, STORED = "Upload", "Collection"
# No wider than the column of controls in a window of 1,400 pixels.
PREVIEW_PIXELS = 170
UPLOAD_TYPES = ["jpg", "jpeg", "png", "webp", "bmp"]

Records = Mapping[str, Sequence[ImageRecord]]


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched with.

    Attributes:
        embedding: (D,) float32.
        preview: JPEG bytes of a thumbnail.
        record: The row it is; None for an upload.
    """

    embedding: NDArray[np.float32]
    encode_ms: float
    preview: bytes
    name: str
    record: ImageRecord | None


def main() -> None:
    """Inputs, one search, the hits."""
    infos = resources.get_collections()
    first = next(iter(infos.values()))
    records = resources.get_records(first.name, first.rows)
    resources.warm_encoder(first.encoder)
    controls, results = st.columns([2, 7], gap="large")
    _follow_link(records)
    with controls:
        query = _query_control(records, first)
        info = infos[_metric_control(infos)]
        k = st.slider("Hits (k)", 1, MAX_K, DEFAULT_K, key="k", bind="query-params")
        nprobe = _nprobe_control(info)
        labels = _class_control(records)
    with results:
        if query is None:
            _invite(first)
            return
        result = search(
            query.embedding,
            store=resources.get_store(),
            info=info,
            k=k,
            nprobe=nprobe,
            labels=labels,
            exclude_id=query.record.id if query.record else None,
            encode_ms=query.encode_ms,
        )
        _show(result, query, info, asked_nprobe=nprobe)


def _follow_link(records: Records) -> None:
    """Take the query from a link such as `?queries=ID,ID`."""
    asked = st.query_params.get("queries", "").split(",")
    if "queries" in st.query_params:
        del st.query_params["queries"]
    known = {str(r.id): r for group in records.values() for r in group}
    found = [known[number] for number in asked if number in known]
    if found:
        st.session_state["source"] = STORED
        st.session_state["query_class"] = found[0].label
        st.session_state["picture"] = found[0].path.removeprefix(f"{found[0].label}/")


def _query_control(records: Records, info: CollectionInfo) -> Query | None:
    source = controls.segmented("Search with a picture from", [UPLOAD, STORED], key="source")
    query = _uploaded(info) if source == UPLOAD else _stored(records, info)
    if query:
        st.image(
            query.preview,
            width=PREVIEW_PIXELS,
            alt=f"the query, {query.name}",
            caption=components.plain(query.name),
        )
    return query


def _uploaded(info: CollectionInfo) -> Query | None:
    file = st.file_uploader("Picture", type=UPLOAD_TYPES, key="upload")
    if file is None:
        return None
    content = file.getvalue()
    embedding, milliseconds = resources.get_upload_embedding(content, name=file.name, info=info)
    # The preview stays in this session: nobody else may see an upload.
    digest, preview = st.session_state.get("upload_preview", ("", b""))
    if digest != digest_of(content):
        preview = thumbnail(content, name=file.name)
        st.session_state["upload_preview"] = (digest_of(content), preview)
    return Query(embedding, milliseconds, preview, file.name, None)


def _stored(records: Records, info: CollectionInfo) -> Query | None:
    label = st.selectbox(
        "Class of the query",
        list(records),
        format_func=lambda name: name or "no class",
        key="query_class",
        bind="query-params",
    )
    # The names are the options, since what is shown is also what the link carries.
    by_name = {record.path.removeprefix(f"{label}/"): record for record in records[label or ""]}
    name = st.selectbox("Picture", list(by_name), key="picture", bind="query-params")
    st.button("Random picture", icon=":material/casino:", on_click=_pick_random, args=(records,))
    record = by_name[name]
    embedding = resources.get_stored_embedding(info.name, record.id)
    if embedding is None:
        st.warning(
            f"{components.plain(record.path)} is no longer in the collection. Pick another one.",
            icon=":material/warning:",
        )
        return None
    preview = resources.get_thumbnail(record, info=info)
    return Query(embedding, 0.0, preview, record.path, record)


def _pick_random(records: Records) -> None:
    record = random.choice([r for group in records.values() for r in group])  # noqa: S311
    st.session_state["query_class"] = record.label
    st.session_state["picture"] = record.path.removeprefix(f"{record.label}/")


def _metric_control(infos: Mapping[Metric, CollectionInfo]) -> Metric:
    metric = controls.segmented(
        "Metric",
        list(infos),
        key="metric",
        help="  \n".join(f"**{metric}**: {metric.direction}" for metric in infos),
    )
    return Metric(metric)


def _nprobe_control(info: CollectionInfo) -> int:
    if info.m:
        st.caption("This HNSW index has no lists and so no nprobe; it looks at 64 or 2 k rows.")
        return 1
    if info.nlist <= 1:
        st.caption(f"nprobe has no effect: {info.index_type} searches every row.")
        return 1
    steps = nprobe_steps(info.nlist)
    return int(
        st.select_slider(
            f"nprobe (of {info.nlist} lists)",
            steps,
            value=max(step for step in steps if step <= DEFAULT_NPROBE),
            key="nprobe",
            bind="query-params",
            help="More lists find more of the true neighbours and take longer. "
            f"{info.nlist} searches every row.",
        )
    )


def _class_control(records: Records) -> list[str]:
    return st.multiselect(
        "Only classes",
        list(records),
        format_func=lambda name: name or "no class",
        placeholder="All classes",
        key="classes",
        bind="query-params",
    )


def _invite(info: CollectionInfo) -> None:
    st.subheader("What looks like this?")
    st.write(
        f"Upload a picture, or pick one of the {info.rows:,} in the collection: the most similar "
        "ones appear here, best first."
    )


def _show(result: SearchResult, query: Query, info: CollectionInfo, *, asked_nprobe: int) -> None:
    expected = query.record.label if query.record else None
    encode = "stored embedding" if query.record else f"encode {result.encode_ms:.0f} ms"
    st.markdown(
        f"**{len(result.hits)} of {result.k} hits**, {encode}, search {result.search_ms:.0f} ms"
    )
    notes = [f"Best first by {info.metric.direction}."]
    if expected is not None and result.hits:
        right = sum(hit.record.label == expected for hit in result.hits)
        notes.append(
            f"{right} of {len(result.hits)} hits have the query's class, "
            f"{components.plain(expected or 'no class')}; the query itself is left out."
        )
    if result.nprobe > asked_nprobe:
        notes.append(
            f"nprobe was raised from {asked_nprobe} to {result.nprobe}: fewer lists held too few "
            "pictures of the chosen classes."
        )
    if len(result.hits) < result.k:
        notes.append(
            "Fewer hits than asked for: the lists that were searched, or the chosen classes, hold "
            "no more. Raise nprobe or choose more classes."
        )
    st.caption("  \n".join(notes))
    components.hit_grid(result, info=info, expected=expected)


with components.page_errors():
    main()
