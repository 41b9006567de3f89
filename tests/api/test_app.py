"""The API as a whole: what it lists, who is refused, too much and too many, what is measured."""

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from core import errors
from core.api import gate
from core.api.app import PREFIX
from core.api.problems import refusal
from core.dataset.files import image_id
from core.errors import ImageError, OrchardError, StoreUnavailableError
from core.ui import resources
from tests.support import api
from tests.support.dashboard import COLOURS, PER_CLASS


def test_the_collection_is_described(client: api.Client) -> None:
    (found,) = client.get("collections").json()["collections"]
    assert found["name"] == "fruit_vector" and found["rows"] == len(COLOURS) * PER_CLASS
    assert found["metrics"] == ["COSINE", "L2", "IP"] and found["is_default"]
    whole = client.get("collections/fruit_vector").json()
    assert whole["metrics"]["L2"]["index_type"] == "IVF_FLAT"
    assert whole["metrics"]["L2"]["nlist"] == 2
    assert whole["classes"] == dict.fromkeys(sorted(COLOURS), PER_CLASS)
    other = client.get("collections/other")
    assert other.status_code == 404 and "There is fruit_vector" in api.problem(other)


def test_pictures_are_listed_by_path_and_class_in_pages(client: api.Client) -> None:
    limes = client.get("pictures", params={"label": "lime", "limit": 4}).json()
    assert limes["total"] == PER_CLASS
    assert [p["path"] for p in limes["pictures"]] == [f"lime/{n}.jpg" for n in range(4)]
    rest = client.get("pictures", params={"label": "lime", "offset": 4}).json()
    assert [p["path"] for p in rest["pictures"]] == ["lime/4.jpg", "lime/5.jpg"]
    named = client.get("pictures", params={"words": "2.JPG plum"}).json()
    assert [p["path"] for p in named["pictures"]] == ["plum/2.jpg"]


def test_a_picture_has_its_thumbnail_and_its_file(client: api.Client, pictures: Path) -> None:
    number = image_id("plum/1.jpg")
    assert client.get(f"pictures/{number}").json()["label"] == "plum"
    small = client.get(f"pictures/{number}/thumbnail")
    assert small.headers["content-type"] == "image/jpeg" and small.content[:3] == b"\xff\xd8\xff"
    file = client.get(f"pictures/{number}/file")
    assert file.content == (pictures / "plum/1.jpg").read_bytes()
    # Whatever a file holds, a browser runs none of it.
    assert file.headers["content-type"] == "image/jpeg"
    assert file.headers["x-content-type-options"] == "nosniff"
    assert file.headers["content-disposition"].startswith("attachment")
    for path in ("", "/thumbnail", "/file"):
        answer = client.get(f"pictures/7{path}")
        assert answer.status_code == 404 and "has no picture 7" in api.problem(answer)
        assert client.get(f"pictures/..%2f..%2fetc{path}").status_code in (404, 422)


def test_the_document_names_every_route(client: api.Client) -> None:
    paths = client.get("openapi.json").json()["paths"]
    assert set(paths) == {
        "/search",
        "/embeddings",
        "/pictures",
        "/pictures/{id}",
        "/pictures/{id}/thumbnail",
        "/pictures/{id}/file",
        "/collections",
        "/collections/{name}",
        "/reports",
        "/reports/{name}",
        "/evaluations",
        "/evaluations/{id}",
        "/runs",
        "/runs/{name}",
    }
    assert client.get("docs").status_code == 404


@pytest.mark.parametrize("path", [f"{PREFIX}/collections", f"{PREFIX}/openapi.json", "/metrics"])
def test_another_host_name_or_a_page_elsewhere_is_refused(client: api.Client, path: str) -> None:
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
        answer = client.ask("GET", path, headers=headers)
        assert answer.status_code == 401 and "ORCHARD" not in answer.text.replace("Orchard", "")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert client.ask("GET", path, headers={**headers, **api.with_token()}).status_code == 200
        assert "access-control-allow-origin" not in answer.headers


def test_off_this_machine_only_the_token_admits(pictures: Path) -> None:
    with api.serving(address="0.0.0.0") as client:
        assert "a token is needed" in api.problem(client.get("collections"))
        assert client.get("collections", headers=api.with_token("wrong")).status_code == 401
        assert client.get("collections", headers=api.with_token()).status_code == 200
        # Probes say nothing that is worth hiding.
        assert client.ask("GET", "/healthz").json() == {"alive": True}


def test_a_body_of_60_megabytes_is_refused_whether_or_not_it_says_its_size(
    client: api.Client,
) -> None:
    large = b"x" * 60_000_000
    said = client.post("search", files={"picture": ("a.jpg", large)})
    assert said.status_code == 413 and "50,000,000 bytes" in api.problem(said)
    boundary = {"Content-Type": "multipart/form-data; boundary=b"}
    head = b'--b\r\nContent-Disposition: form-data; name="picture"; filename="a.jpg"\r\n\r\n'
    parts = (piece for piece in (head, *[large[:1_000_000]] * 60))
    unsaid = client.post("search", data=parts, headers=boundary)
    assert unsaid.status_code == 413 and "50,000,000 bytes" in api.problem(unsaid)


@pytest.mark.slow
def test_many_at_once_are_answered_or_told_to_come_again(client: api.Client) -> None:
    def ask(number: int) -> tuple[int, list[int]]:
        path = f"lime/{number % PER_CLASS}.jpg"
        own = image_id(path)
        with api.requests.Session() as session:
            one = api.Client(client.address, session)
            answer = one.post("search", data={"id": own, "k": 3})
        if answer.status_code == 429:
            assert answer.headers["retry-after"] == "1" and api.problem(answer)
            return 429, []
        found = answer.json()
        # Everybody gets his own answer.
        assert found["query"] == {"id": own}
        return answer.status_code, [hit["id"] for hit in found["hits"]]

    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(ask, range(400)))
    assert {status for status, _ in answers} <= {200, 429}
    by_query: dict[int, set[tuple[int, ...]]] = {}
    for number, (status, hits) in enumerate(answers):
        if status == 200:
            by_query.setdefault(number % PER_CLASS, set()).add(tuple(hits))
    assert len(by_query) == PER_CLASS and all(len(answers) == 1 for answers in by_query.values())


def test_beyond_the_limit_requests_are_turned_away_at_once(
    client: api.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "MOST_REQUESTS", 0)
    answer = client.get("collections")
    assert answer.status_code == 429 and answer.headers["retry-after"] == "1"
    monkeypatch.undo()
    assert client.get("collections").status_code == 200


def test_a_client_that_hangs_up_leaves_no_place_taken(
    client: api.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "MOST_REQUESTS", 1)
    place = urlsplit(client.address)
    for _ in range(3):
        with socket.create_connection((place.hostname, place.port)) as connection:
            connection.sendall(
                f"POST {PREFIX}/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n"
                "Content-Type: application/x-www-form-urlencoded\r\n\r\nid".encode()
            )
    for _ in range(200):
        status = client.get("collections").status_code
        if status == 200:
            return
        assert status == 429
    pytest.fail("its place is never free again")


def test_an_error_of_ours_is_json_without_a_traceback(
    client: api.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.ui import resources

    def away(_: str) -> None:
        raise StoreUnavailableError("the database does not answer. Start it.")

    def broken(_: str) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(resources, "get_collections", away)
    answer = client.get("collections/fruit_vector")
    assert answer.status_code == 503 and "Start it" in api.problem(answer)
    assert client.ask("GET", "/readyz").status_code == 503
    monkeypatch.setattr(resources, "get_collections", broken)
    answer = client.get("collections/fruit_vector")
    assert answer.status_code == 500 and "ZeroDivisionError" in api.problem(answer)
    assert "secret" not in answer.text and "Traceback" not in answer.text


def test_settings_that_cannot_be_read_are_told_and_admit_nobody(
    client: api.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHARD_API_TOKEN", "too short")
    resources.get_settings.clear()
    try:
        answer = client.get("collections")
        assert answer.status_code == 503
        assert "ORCHARD_API_TOKEN" in api.problem(answer) and "too short" not in answer.text
    finally:
        monkeypatch.undo()
        resources.get_settings.clear()
    assert client.get("collections").status_code == 200


def test_what_searches_took_and_how_many_rows_there_are_is_measured(
    client: api.Client, pictures: Path
) -> None:
    def value(name: str) -> float:
        text = client.ask("GET", "/metrics").text
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)
        return float(found[1]) if found else 0.0

    searches = 'orchard_search_seconds_count{kind="index",metric="COSINE"}'
    errors = 'orchard_errors_total{kind="QueryError"}'
    before = {name: value(name) for name in (searches, "orchard_encode_seconds_count", errors)}
    client.search(files={"picture": ("a.jpg", (pictures / "lime/0.jpg").read_bytes())})
    client.post("search")
    assert value(searches) == before[searches] + 1
    assert value("orchard_encode_seconds_count") == before["orchard_encode_seconds_count"] + 1
    assert value(errors) == before[errors] + 1
    assert value('orchard_rows{collection="fruit_vector",metric="L2"}') == len(COLOURS) * PER_CLASS
    assert value('orchard_pending_rows{collection="fruit_vector",metric="L2"}') >= 0


def test_a_picture_whose_file_is_gone_is_not_found(
    client: api.Client, pictures: Path, tmp_path: Path
) -> None:
    place = pictures / "lime/5.jpg"
    aside = tmp_path / "aside.jpg"
    place.rename(aside)
    try:
        number = image_id("lime/5.jpg")
        for what in ("thumbnail", "file"):
            answer = client.get(f"pictures/{number}/{what}")
            assert answer.status_code == 404 and api.problem(answer)
        # A link out of the dataset folder is not opened either.
        outside = tmp_path / "outside.jpg"
        Image.new("RGB", (9, 9)).save(outside)
        place.symlink_to(outside)
        answer = client.get(f"pictures/{number}/file")
        assert answer.status_code == 404 and str(tmp_path) not in answer.text
    finally:
        place.unlink(missing_ok=True)
        aside.rename(place)


def private_errors(kind: type[OrchardError] = OrchardError) -> list[type[OrchardError]]:
    below = [one for child in kind.__subclasses__() for one in (child, *private_errors(child))]
    return [one for one in below if one.__name__.startswith("_")]


def test_no_answer_names_a_kind_of_error_that_is_private(
    client: api.Client, pictures: Path
) -> None:
    class _InnerError(ImageError):
        pass

    for error in (_InnerError, *private_errors()):
        said = json.loads(refusal(error("the picture is damaged.")).body)["error"]
        # The nearest one above that has a public name.
        assert hasattr(errors, said["kind"]) and issubclass(error, getattr(errors, said["kind"]))
    whole = (pictures / "lime/0.jpg").read_bytes()
    answer = client.post("search", files={"picture": ("a.jpg", whole[: len(whole) // 2])})
    assert answer.json()["error"]["kind"] == "ImageError"


LIME = image_id("lime/2.jpg")


@pytest.mark.parametrize(
    ("method", "path", "rest", "said"),
    [
        # The word, where it stands, and what it may stand for before all else.
        ("POST", "search", {"data": {"id": LIME, "class": "plum"}},
         "POST /search takes no 'class' in its form: its address takes collection; "
         "its form takes classes, picture, id,"),
        ("POST", "search", {"data": {"id": LIME, "nprob": 1}}, "its form takes nprobe, picture,"),
        ("POST", "search", {"files": {"pictur": ("a.jpg", b"x")}}, "its form takes picture, id,"),
        # In the form it would be one.
        ("POST", "search?k=1", {"data": {"id": LIME}},
         "takes no 'k' in its address: its address takes collection; its form takes k, picture,"),
        ("POST", "search", {"data": {"id": LIME, "": "1"}}, "takes no '' in its form"),
        ("POST", "embeddings?foo=bar", {"data": {"id": LIME}}, "no 'foo' in its address"),
        ("POST", "embeddings", {"data": {"id": LIME, "k": "1"}},
         "takes no 'k' in its form: its address takes collection; its form takes picture, id, col"),
        ("GET", "pictures?lable=lime", {}, "address takes label, collection, words, offset,"),
        ("GET", f"pictures/{LIME}?foo", {}, "'foo' in its address: its address takes collection."),
        ("GET", f"pictures/{LIME}/thumbnail?size=9", {}, "no 'size'"),
        ("GET", f"pictures/{LIME}/file?size=9", {}, "no 'size'"),
        ("GET", "reports?limit=1", {}, "no 'limit'"),
        ("GET", "collections?collection=fruit_vector", {},
         "GET /collections takes no 'collection' in its address: its address takes nothing."),
        ("GET", "collections/fruit_vector?collection=fruit_vector", {}, "no 'collection'"),
        ("GET", "reports/x?collection=fruit_vector", {}, "no 'collection'"),
        ("POST", "evaluations?metric=L2", {"json": {}}, "its address takes collection."),
        ("GET", "evaluations/x?k=1", {}, "no 'k'"),
        ("DELETE", "evaluations/x?k=1", {}, "no 'k'"),
        ("POST", "runs?family=fruit_vector", {"json": {"kind": "Verify"}}, "no 'family'"),
        ("GET", "runs/x?k=1", {}, "no 'k'"),
        ("DELETE", "runs/x?k=1", {}, "no 'k'"),
    ],
)  # fmt: skip
def test_a_word_that_a_route_does_not_take_is_refused_with_those_it_takes(
    client: api.Client, method: str, path: str, rest: dict[str, Any], said: str
) -> None:
    answer = client.ask(method, f"{PREFIX}/{path}", headers=api.with_token(), **rest)
    assert answer.status_code == 422 and answer.json()["error"]["kind"] == "ParameterError"
    assert said in api.problem(answer)


def test_a_word_of_any_length_is_refused_in_a_short_answer(client: api.Client) -> None:
    answer = client.post("search", data={"id": LIME, "k" * 1_000_000: "1"})
    assert answer.status_code == 422 and len(answer.content) < 1000
