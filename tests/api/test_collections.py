"""Every route about the collection that is named, and about no other one."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.dataset.files import image_id
from core.store.served import KEY
from core.ui import resources
from tests.support import api, dashboard, search_page, second

USUAL, OTHER = "fruit_vector", second.NAME
LIME, PLUM = image_id("lime/2.jpg"), image_id("plum/2.jpg")


@pytest.fixture(scope="module")
def pictures(
    indexed: dashboard.Indexed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Beside the usual one a collection without plums."""
    root = tmp_path_factory.mktemp("api_several")
    pictures = indexed.copied_to(root / "data")
    with pytest.MonkeyPatch.context() as patch:
        dashboard.set_environment(patch, root / "data")
        second.add(keep=lambda record: record.label != "plum")
        yield from search_page.opened(pictures, root)


def test_all_collections_are_listed_and_any_is_described(client: api.Client) -> None:
    found = client.get("collections").json()["collections"]
    assert [(one["name"], one["rows"], one["is_default"]) for one in found] == [
        (USUAL, 18, True),
        (OTHER, 12, False),
    ]
    assert found[1] == {
        "name": OTHER,
        "rows": 12,
        "encoder": str(second.ENCODER),
        "dimension": 8,
        "metrics": ["COSINE", "L2"],
        "is_foreign": False,
        "is_default": False,
    }
    whole = client.get(f"collections/{OTHER}").json()
    assert "plum" not in whole["classes"] and whole["metrics"]["L2"]["index_type"] == "FLAT"


def test_a_request_is_about_the_collection_it_names_in_its_address_or_its_body(
    client: api.Client,
) -> None:
    there = {"params": {"collection": OTHER}}
    assert client.get("pictures").json()["total"] == 18
    assert client.get("pictures", **there).json()["total"] == 12
    assert client.get(f"pictures/{PLUM}").status_code == 200
    for path in ("", "/thumbnail", "/file"):
        gone = client.get(f"pictures/{PLUM}{path}", **there)
        assert gone.status_code == 404 and f"'{OTHER}' has no picture" in api.problem(gone)
        assert client.get(f"pictures/{LIME}{path}", **there).status_code == 200
    # Each class has a direction of its own there: three of the other limes come first.
    for rest in ({"params": {"collection": OTHER}}, {"data": {"collection": OTHER}}):
        data = {"id": LIME, "k": 3, **rest.get("data", {})}
        found = client.search(data=data, params=rest.get("params"))
        assert {hit["label"] for hit in found["hits"]} == {"lime"}
        answer = client.post("embeddings", data={"id": LIME, **rest.get("data", {})},
                             params=rest.get("params"))  # fmt: skip
        assert len(answer.json()["embedding"]) == 8
        assert answer.json()["encoder"] == str(second.ENCODER)
    assert len(client.post("embeddings", data={"id": LIME}).json()["embedding"]) > 8


def test_an_unknown_collection_is_a_404_with_the_names_there_are(client: api.Client) -> None:
    named = {"collection": "no_such"}
    token = {"headers": api.with_token(KEY)}
    for answer in (
        client.get("collections/no_such"),
        client.get("pictures", params=named),
        client.post("search", data={"id": LIME, **named}),
        client.post("evaluations", json=named, **token),
        client.post("runs", json={"kind": "Verify", "family": "no_such"}, **token),
    ):
        assert answer.status_code == 404
        assert "'no_such'" in api.problem(answer) and f"{USUAL}, {OTHER}" in api.problem(answer)
    both = client.post("search", data={"id": LIME, **named}, params={"collection": OTHER})
    assert both.status_code == 400 and "Name one collection" in api.problem(both)
    build = {"kind": "Build", "family": "my-veg", "folder": "/x", "metrics": ["L2"]}
    assert "'my-veg' is not allowed" in api.problem(client.post("runs", json=build, **token))
    rename = {"kind": "Rename", "family": OTHER, "name": "my-veg"}
    assert "'my-veg' is not allowed" in api.problem(client.post("runs", json=rename, **token))


def test_an_upload_for_which_there_is_no_encoder_is_refused_not_answered(
    client: api.Client, pictures: Path
) -> None:
    file = {"picture": ("a.jpg", (pictures / "plum/2.jpg").read_bytes())}
    refused = client.post("search", files=file, data={"collection": OTHER})
    assert refused.status_code == 409 and "resnet18" in api.problem(refused)


def test_requests_at_once_are_answered_by_the_collection_each_names(client: api.Client) -> None:
    def dimension(number: int) -> tuple[str, int]:
        name = (USUAL, OTHER)[number % 2]
        answer = client.post("embeddings", data={"id": LIME, "collection": name})
        return name, len(answer.json()["embedding"])

    with ThreadPoolExecutor(6) as pool:
        answers = set(pool.map(dimension, range(24)))
    # One size a collection, whoever asked at the same moment.
    assert len(answers) == 2 and (OTHER, 8) in answers


def test_a_report_says_which_collection_it_is_about(client: api.Client) -> None:
    asked = {"collection": OTHER, "metric": "L2", "ks": [1], "nprobe": "exact"}
    begun = client.post("evaluations", json=asked, headers=api.with_token(KEY)).json()
    while (state := client.get(f"evaluations/{begun['id']}").json())["status"] == "running":
        pass
    assert state["status"] == "done", state
    reports = client.get("reports", params={"collection": OTHER}).json()["reports"]
    assert [one["name"] for one in reports] == [state["report"]]
    assert client.get("reports", params={"collection": USUAL}).json()["reports"] == []


# The last one: it takes the second collection away for a moment.
def test_a_collection_that_is_gone_while_it_is_replaced_is_told_and_comes_back(
    client: api.Client,
) -> None:
    store = resources.get_store()
    # As a replacement has it, between the old rows and the first new ones: nobody was told.
    for metric in store.metrics(OTHER):
        store.drop(OTHER, metric)
    asked = {"data": {"id": LIME, "collection": OTHER}}
    answer = client.post("search", **asked)
    assert answer.status_code == 404 and OTHER in api.problem(answer)
    assert client.search(data={"id": LIME})["hits"]
    second.add(keep=lambda record: record.label != "plum")
    resources.forget_collections()
    assert client.search(**asked)["hits"]
