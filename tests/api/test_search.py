"""POST /search and /embeddings: the answers of the pages, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from core.dataset.files import image_id
from core.ui import resources
from scripts import search as script
from tests.support import api
from tests.support.dashboard import AWKWARD, PER_CLASS


def picture(folder: Path, path: str = "lime/2.jpg") -> dict[str, tuple[str, bytes]]:
    return {"picture": (path, (folder / path).read_bytes())}


def test_a_stored_picture_finds_its_class_and_not_itself(client: api.Client) -> None:
    number = image_id("lime/2.jpg")
    found = client.search(data={"id": number, "k": PER_CLASS - 1})
    assert [hit["rank"] for hit in found["hits"]] == [1, 2, 3, 4, 5]
    # Its nearest is another disc of its colour.
    assert found["hits"][0]["label"] == "lime"
    assert number not in [hit["id"] for hit in found["hits"]]
    assert found["query"] == {"id": number} and found["left_out"] == 1


def test_an_upload_of_a_stored_file_gives_what_its_row_gives(
    client: api.Client, pictures: Path
) -> None:
    stored = client.search(data={"id": image_id("plum/0.jpg"), "k": 8, "nprobe": 1})
    sent = client.search(files=picture(pictures, "plum/0.jpg"), data={"k": 8, "nprobe": 1})
    assert [hit["id"] for hit in sent["hits"]] == [hit["id"] for hit in stored["hits"]]
    asked = {"k": 1, "include_query": True}
    kept = client.search(files=picture(pictures, "plum/0.jpg"), data=asked)
    assert kept["hits"][0]["id"] == image_id("plum/0.jpg")
    # A file finds itself: cosine similarity 1, as far as half precision goes.
    assert kept["hits"][0]["score"] == pytest.approx(1, abs=0.01)


def test_the_answer_is_that_of_the_script(
    client: api.Client, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = {"k": 5, "metric": "L2", "nprobe": 2, "include_query": True}
    over_http = client.search(files=picture(pictures), data=asked)
    # The script in a process of its own would find the database taken.
    resources.get_store().close()
    resources.get_store.clear()
    capsys.readouterr()
    status = script.main(
        [str(pictures / "lime/2.jpg"), "-k", "5", "--metric", "L2", "--nprobe", "2", "--json"]
    )
    printed = json.loads(capsys.readouterr().out)
    assert status == 0
    for name in ("hits", "metric", "k", "nprobe", "encoder"):
        assert over_http[name] == printed[name], name
    assert set(printed["milliseconds"]) < set(over_http["milliseconds"])


def test_exact_search_and_recall_come_once_the_embeddings_are_read(client: api.Client) -> None:
    resources.prepare("fruit_vector").future.result()
    asked = {"id": image_id("lime/2.jpg"), "k": 10}
    exact = client.search(data={**asked, "exact": True})
    every_list = client.search(data={**asked, "nprobe": 2})
    assert exact["exact"] and exact["ann_recall"] is None and exact["nprobe"] == 0
    # All of two lists searched leave nothing out.
    assert every_list["ann_recall"] == 1
    assert [h["id"] for h in every_list["hits"]] == [h["id"] for h in exact["hits"]]


def test_classes_and_a_limit_narrow_the_answer(client: api.Client) -> None:
    asked = {"id": image_id("lime/2.jpg"), "k": 20}
    found = client.search(data={**asked, "classes": ["plum", AWKWARD.replace("/", ":")]})
    assert len(found["hits"]) == 2 * PER_CLASS
    assert {hit["label"] for hit in found["hits"]} == {"plum", AWKWARD.replace("/", ":")}
    best = client.search(data=asked)["hits"]
    limited = client.search(data={**asked, "limit": best[2]["score"]})
    assert [hit["id"] for hit in limited["hits"]] == [hit["id"] for hit in best[:3]]


def test_an_embedding_is_the_one_that_is_stored(client: api.Client, pictures: Path) -> None:
    number = image_id("lime/2.jpg")
    stored = client.post("embeddings", data={"id": number}).json()
    sent = client.post("embeddings", files=picture(pictures)).json()
    info = next(iter(resources.get_collections("fruit_vector").values()))
    kept = resources.get_stored_embedding(info, number)
    assert kept is not None and stored["encoder"] == str(info.encoder)
    np.testing.assert_array_equal(np.array(stored["embedding"], dtype=np.float32), kept)
    np.testing.assert_allclose(sent["embedding"], stored["embedding"], atol=0.05)


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({}, 400, "neither a picture nor an id"),
        ({"id": 5}, 404, "has no picture 5"),
        ({"id": "apple"}, 422, "id is 'apple'"),
        ({"id": 2**63}, 422, "id is"),
        ({"id": 1, "k": 0}, 422, "k is '0'"),
        ({"id": 1, "k": 101}, 422, "k is '101'"),
        ({"id": 1, "metric": "HAMMING"}, 422, "metric is 'HAMMING'"),
        ({"id": 1, "limit": "nan"}, 422, "limit is"),
        ({"id": image_id("lime/2.jpg"), "nprobe": 3}, 400, "allowed are 1 to 2"),
        ({"id": image_id("lime/2.jpg"), "classes": ["lemon"]}, 400, "has the class 'lemon'"),
        ({"id": image_id("lime/2.jpg"), "where": ["variety"]}, 400, "names no value of a column"),
        ({"id": image_id("lime/2.jpg"), "where": ["a=b"]}, 400, "the rows have no column 'a'"),
        ({"id": 1, "ef": 0}, 422, "ef is '0'"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_value(
    client: api.Client, asked: dict[str, object], status: int, said: str
) -> None:
    answer = client.post("search", data=asked)
    assert answer.status_code == status
    assert said in api.problem(answer)


def test_both_a_picture_and_an_id_are_one_too_many(client: api.Client, pictures: Path) -> None:
    answer = client.post("search", files=picture(pictures), data={"id": 1})
    assert answer.status_code == 400 and "both a picture and an id" in api.problem(answer)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\xff\xd8\xff\xe0 cut off", b"%PDF-1.7"])
def test_a_file_that_is_no_picture_is_named(client: api.Client, content: bytes) -> None:
    answer = client.post("search", files={"picture": ("note.jpg", content)})
    assert answer.status_code == 422 and "note.jpg" in api.problem(answer)


def test_a_body_that_is_no_form_is_refused(client: api.Client) -> None:
    for kind in ("application/json", "multipart/form-data", "image/jpeg", "text/plain"):
        answer = client.post("search", data=b"\x00\xff{", headers={"Content-Type": kind})
        assert 400 <= answer.status_code < 500, kind
        assert api.problem(answer)
