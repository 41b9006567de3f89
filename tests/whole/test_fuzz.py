"""Input nobody thought of: whatever bytes or words come in, Orchard answers with its own errors.

Bounded and seeded (`derandomize`), so that a run on another day tries the same cases.
"""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.api.app import PREFIX
from core.dataset.decoding import MAX_PIXELS, decode
from core.dataset.files import digest_of
from core.embeddings.matrix import load_matrix
from core.errors import ImageError, ReportError
from core.evaluation.files import list_reports, load_report, save_report
from core.evaluation.report import Request
from core.evaluation.run import evaluate
from core.metric import Metric
from core.projection.cache import (
    CacheDamagedError,
    CachePlace,
    load_projection,
    projection_place,
    save_projection,
)
from core.projection.projection import Method, ProjectionSettings, project
from core.store.served import KEY
from core.store.vector_store import VectorStore
from core.ui.choosing import looked_at
from tests.pages.search.test_page import clear_caches, close_store
from tests.support import addresses, api, dashboard
from tests.support.made_up import fill

pytestmark = pytest.mark.slow

PAGES = Path(__file__).parents[2] / "pages"

bounded = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
few = settings(bounded, max_examples=12)


def encoded(format: str) -> bytes:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 31, 3), np.uint8))
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(out, format, exif=exif)
    return out.getvalue()


# Whole files of every kind, to be damaged: pure noise never gets past the first bytes.
WHOLE = {format: encoded(format) for format in ("JPEG", "PNG", "WEBP", "TIFF")}


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """A file with some bytes changed, a piece cut out, another put in, or its end gone."""
    content = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(len(content) - 1, 0)))
        length = draw(st.integers(0, 40))
        content[place : place + length] = draw(st.binary(max_size=40))
    return bytes(content[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else content)


@pytest.mark.parametrize("format", sorted(WHOLE))
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@bounded
@given(data=st.data())
def test_damaged_pictures_are_decoded_or_refused_in_words(format: str, data: st.DataObject) -> None:
    try:
        picture = decode(data.draw(damaged(WHOLE[format])), name="x", short_side=224)
    except ImageError as error:
        assert "'x'" in str(error)
    else:
        assert picture.mode == "RGB" and picture.width * picture.height <= MAX_PIXELS


@bounded
@given(st.binary(max_size=300))
def test_noise_is_no_picture(content: bytes) -> None:
    with pytest.raises(ImageError):
        decode(content, name="noise")


@pytest.fixture(scope="module")
def report_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A saved report, whole."""
    root = tmp_path_factory.mktemp("fuzz")
    store = VectorStore(str(root / "test.db"), database="test")
    fill(store, "set")
    matrix = load_matrix(store, "set", Metric.COSINE, root)
    report = evaluate(
        matrix,
        store=store,
        info=store.info("set", Metric.COSINE),
        collection="set",
        request=Request(nprobe=8),
    )
    yield root / f"{save_report(report, root).name}.json"
    store.close()


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def opens_or_is_refused(folder: Path, name: str) -> None:
    try:
        load_report(name, folder)
    except ReportError as error:
        assert name in str(error)
    list_reports(folder)


@bounded
@given(data=st.data())
def test_a_report_with_any_field_replaced_opens_or_is_refused(
    report_file: Path, tmp_path: Path, data: st.DataObject
) -> None:
    content = json.loads(report_file.read_text())
    within = data.draw(
        st.sampled_from([content, content["configuration"], content["configuration"]["request"]])
    )
    within[data.draw(st.sampled_from(sorted(within)))] = data.draw(JSON_VALUES)
    (tmp_path / report_file.name).write_text(json.dumps(content))
    (tmp_path / report_file.name).with_suffix(".npz").write_bytes(
        report_file.with_suffix(".npz").read_bytes()
    )
    opens_or_is_refused(tmp_path, report_file.stem)


@bounded
@given(data=st.data())
def test_a_report_with_damaged_neighbours_opens_or_is_refused(
    report_file: Path, tmp_path: Path, data: st.DataObject
) -> None:
    arrays = data.draw(damaged(report_file.with_suffix(".npz").read_bytes()))
    # With a digest that fits, as somebody who means harm would write it.
    content = {**json.loads(report_file.read_text()), "arrays": digest_of(arrays)}
    (tmp_path / report_file.name).write_text(json.dumps(content))
    (tmp_path / report_file.name).with_suffix(".npz").write_bytes(arrays)
    opens_or_is_refused(tmp_path, report_file.stem)


@pytest.fixture(scope="module")
def saved_map(tmp_path_factory: pytest.TempPathFactory) -> tuple[CachePlace, bytes]:
    """The place of a saved map, and its bytes while it was whole."""
    rows = np.random.default_rng(0).normal(size=(12, 5)).astype("f4")
    pca = ProjectionSettings(method=Method.PCA)
    folder = tmp_path_factory.mktemp("maps")
    cache_place = projection_place(folder, fingerprint="f", rows=12, settings=pca)
    save_projection(cache_place, project(rows, pca))
    return cache_place, cache_place.path.read_bytes()


@bounded
@given(data=st.data())
def test_a_damaged_map_is_read_or_refused(
    saved_map: tuple[CachePlace, bytes], data: st.DataObject
) -> None:
    cache_place, whole = saved_map
    cache_place.path.write_bytes(data.draw(damaged(whole)))
    try:
        loaded = load_projection(cache_place)
    except CacheDamagedError as error:
        assert cache_place.path.name in str(error)
    else:
        assert loaded is not None and loaded.coordinates.shape == (12, 2)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("fuzz_pages")
    with pytest.MonkeyPatch.context() as patch:
        dashboard.set_environment(patch, root / "data")
        folder = dashboard.draw_pictures(root / "pictures")
        dashboard.build(folder)
        clear_caches()
        yield folder
        close_store()


# And the one that all pages have, and one that no page knows.
PARAMETERS = {
    page: [*sorted(addresses.parameters(page)), looked_at.PARAMETER, "unknown"]
    for page in addresses.PAGES
}
# What pages are opened with: behind each of these lies a part of its own.
USUAL = [
    *("Build", "Change", "Browse", "History", "Confusion", "Worst queries", "nprobe", "Compare"),
    *("PCA", "3", "Precision@k", "Near-duplicates", "Suspected labels", "Metric duel", "Camera"),
]
NASTY = [
    *("", "0", "-1", "99999999999999999999", "1e308", "nan", "COSINE", "L2", "Collection"),
    *("../../etc/passwd", "<script>alert(1)</script>", "a,b", "1,2,3,4,5,6,7", "\x00", "lime"),
]


@pytest.mark.parametrize("name", sorted(PARAMETERS))
@few
@given(data=st.data())
def test_a_link_with_any_words_shows_a_page_without_a_fault(
    pictures: Path, name: str, data: st.DataObject
) -> None:
    words = st.sampled_from(NASTY) | st.sampled_from(USUAL) | st.text(max_size=12)
    chosen = data.draw(
        st.dictionaries(st.sampled_from(PARAMETERS[name]), words, min_size=1, max_size=6)
    )
    shows_no_fault(name, chosen)


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_a_link_with_an_empty_value_shows_a_page_without_a_fault(pictures: Path, name: str) -> None:
    for parameter in PARAMETERS[name]:
        shows_no_fault(name, {parameter: ""})


def shows_no_fault(name: str, parameters: dict[str, str]) -> None:
    at = AppTest.from_file(str(PAGES / name / "page.py"), default_timeout=60)
    at.query_params.update(parameters)
    at.run()
    assert not at.exception, parameters
    assert not [error.value for error in at.error if "should not" in error.value], parameters


@pytest.fixture(scope="module")
def client(pictures: Path) -> Iterator[api.Client]:
    with api.serving() as client:
        yield client


def asked(document: dict[str, Any], route: dict[str, Any]) -> tuple[str, list[str]]:
    """Where a route takes its words, as `requests` calls it, and those words."""
    for body in route.get("requestBody", {}).get("content", {}).values():
        form = body["schema"].get("$ref", "").rpartition("/")[2]
        if form.startswith("Body_"):
            return "data", list(document["components"]["schemas"][form]["properties"])
    return "params", [one["name"] for one in route.get("parameters", []) if one["in"] == "query"]


@few
@given(data=st.data())
def test_a_request_with_any_words_is_answered_as_json_without_a_fault(
    client: api.Client, data: st.DataObject
) -> None:
    words = st.sampled_from(NASTY) | st.text(max_size=12)
    document = client.get("openapi.json").json()
    for path, methods in document["paths"].items():
        name = data.draw(st.sampled_from(NASTY)) or "x"
        place = path.replace("{id}", "1").replace("{name}", quote(name, safe=""))
        for method, route in methods.items():
            where, taken = asked(document, route)
            given = {word: data.draw(words) for word in taken if data.draw(st.booleans())}
            # One that no route takes, now and then: nothing else would be read beside it.
            if data.draw(st.integers(0, 3)) == 0:
                given["unknown"] = data.draw(words)
            rest = {where: given}
            answer = client.ask(
                method.upper(), f"{PREFIX}{place}", headers=api.with_token(KEY), **rest
            )
            assert answer.status_code < 500, (method, place, given)
            if answer.status_code >= 400:
                assert api.problem(answer)
            else:
                assert "unknown" not in given


@few
@given(data=st.data())
def test_a_request_with_any_body_is_answered_as_json_without_a_fault(
    client: api.Client, data: st.DataObject
) -> None:
    kind = data.draw(
        st.sampled_from(
            ["application/json", "multipart/form-data; boundary=b", "application/octet-stream"]
        )
    )
    body = data.draw(
        st.binary(max_size=60)
        | JSON_VALUES.map(lambda value: json.dumps(value).encode())
        | damaged(b'--b\r\nContent-Disposition: form-data; name="id"\r\n\r\n5\r\n--b--\r\n')
    )
    for path in ("search", "embeddings", "evaluations", "runs"):
        headers = {"Content-Type": kind, **api.with_token(KEY)}
        answer = client.post(path, data=body, headers=headers)
        assert answer.status_code in (202, *range(400, 500)), (path, kind, body)
        if answer.status_code >= 400:
            assert api.problem(answer)
