"""POST /runs: a task of the Collection page, under the guards of that page."""

import time
from pathlib import Path
from typing import Any

import pytest

from core.dataset.files import image_id
from core.runs.task import TaskKind
from core.store.served import KEY
from core.ui import resources
from tests.support import api

VERIFY = {"kind": "Verify", "family": "fruit_vector"}


def build(folder: Path) -> dict[str, Any]:
    return {
        "kind": "Build",
        "family": "fruit_vector",
        "folder": str(folder),
        "metrics": ["L2"],
        "index": {},
    }


def test_a_run_tells_how_far_it_is_and_what_it_found(client: api.Client) -> None:
    begun = client.post("runs", json=VERIFY, headers=api.with_token())
    assert begun.status_code == 202 and begun.json()["task"]["kind"] == "Verify"
    path = f"runs/{begun.json()['name']}"
    deadline = time.monotonic() + 60
    state = begun.json()
    while state["status"] == "running" and time.monotonic() < deadline:
        state = client.get(path, headers=api.with_token()).json()
    assert state["status"] == "done" and state["report"]["findings"] == []
    # Its name and paths of this machine are for those who may begin one.
    without = client.get(path)
    assert without.status_code == 401
    assert "shows a run, with paths of this machine" in api.problem(without)
    assert "changes" not in api.problem(without) and "Bearer TOKEN" in api.problem(without)
    assert "this changes something" in api.problem(client.ask("DELETE", f"/api/v1/{path}"))
    assert client.get("runs/run-none", headers=api.with_token()).status_code == 404


def test_rows_leave_for_files_only_by_the_key_of_the_same_user(
    client: api.Client, tmp_path: Path
) -> None:
    file = tmp_path / "rows.parquet"
    for kind, where in (("Copy elsewhere", "target"), ("Bring in", "source")):
        task = {"kind": kind, "family": "fruit_vector", where: str(file)}
        answer = client.post("runs", json=task, headers=api.with_token())
        assert answer.status_code == 401 and "of the same user" in api.problem(answer)
    assert not file.exists()


SMALLER = {
    "kind": "Build smaller vectors", "family": "fruit_vector", "name": "small", "metrics": ["L2"],
    "reduction": {"pca": 8},
}  # fmt: skip


@pytest.mark.parametrize(
    ("task", "status", "said"),
    [
        ({}, 422, "kind is missing: allowed are Build, Add a metric, Rebuild the index,"),
        ({"kind": "Format the disk", "family": "fruit_vector"}, 422,
         "kind is 'Format the disk': allowed are Build, Add a metric,"),
        # The one that may be meant comes first.
        ({"kind": "verify", "family": "fruit_vector"}, 422, "'verify': allowed are Verify, Build,"),
        ({"kind": ["Verify"]}, 422, "allowed are"),
        ({"kind": "Verify"}, 422, "family is missing. See"),
        ({"kind": "Drop"}, 422, "family is missing; metrics is missing. See"),
        ({"kind": "Drop", "family": 1, "metrics": ["L9"]}, 422,
         "family is 1: Input should be a valid string; "
         "metrics.0 is 'L9': Input should be 'COSINE', 'L2' or 'IP'. See"),
        ({**VERIFY, "metrics": ["L2"]}, 422, "there is no field 'metrics'. See"),
        ({**build(Path("/x")), "index": {"lists": 2}}, 422, "there is no field 'index.lists'. See"),
        ({**build(Path("/x")), "index": {"nlist": -1}}, 422, "nlist -1 is not allowed"),
        ({"kind": "Verify", "family": "other"}, 404, "There is fruit_vector;"),
        ({**build(Path("relative"))}, 400, "relative"),
        ({**SMALLER, "name": "../small"}, 400, "not allowed for a collection"),
        ({**SMALLER, "reduction": {"pca": -1}}, 422, "reduction is {'pca': -1}: 'pca-1'"),
        ({**SMALLER, "reduction": {"pca": 8, "fitted": "../other"}}, 422, "is no reduction"),
        ({**build(Path("/x")), "archive": "/etc/passwd"}, 400, "archive"),
    ],
)  # fmt: skip
def test_what_is_no_task_is_refused(
    client: api.Client, task: dict[str, Any], status: int, said: str
) -> None:
    answer = client.post("runs", json=task, headers=api.with_token(KEY))
    assert answer.status_code == status and said in api.problem(answer)


def test_a_body_that_is_no_object_of_json_is_told_how_to_be_one(client: api.Client) -> None:
    def said(body: str, **headers: str) -> str:
        given = {**api.with_token(), **headers}
        return api.problem(client.post("runs", data=body, headers=given))

    # As curl -d sends it where nothing is said of its kind.
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert "as Content-Type application/json" in said('{"kind": "Verify"}', **form)
    as_json = {"Content-Type": "application/json"}
    assert said("[1]", **as_json).startswith("the body is [1]: send an object of JSON")
    # 17 characters, after which a comma or the end is missing.
    cut_off = said('{"kind": "Verify"', **as_json)
    assert cut_off.startswith("the body is no JSON: Expecting ',' delimiter, at character 17")
    # What is sent is said again as far as it is short.
    long = client.post("runs", json={"kind": "k" * 1_000_000}, headers=api.with_token())
    assert long.status_code == 422 and len(long.content) < 1000


def test_the_document_describes_the_fields_of_every_kind_of_task(client: api.Client) -> None:
    document = client.get("openapi.json").json()
    body = document["paths"]["/runs"]["post"]["requestBody"]["content"]["application/json"]
    schemas = document["components"]["schemas"]
    task = schemas[body["schema"]["$ref"].rpartition("/")[2]]
    kinds = task["discriminator"]["mapping"]
    assert set(kinds) == set(TaskKind)
    for kind, place in kinds.items():
        described = schemas[place.rpartition("/")[2]]
        assert described["properties"]["kind"]["const"] == kind
        assert "family" in described["required"] and described["additionalProperties"] is False


def test_the_token_indexes_no_folder_that_the_page_would_not(
    client: api.Client, tmp_path: Path
) -> None:
    answer = client.post("runs", json=build(tmp_path), headers=api.with_token())
    assert answer.status_code == 400 and "does not lie below" in api.problem(answer)


def test_a_read_only_dashboard_changes_nothing_but_may_look(
    client: api.Client, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHARD_READ_ONLY", "true")
    resources.get_settings.clear()
    try:
        answer = client.post("runs", json=build(pictures), headers=api.with_token())
        assert answer.status_code == 403 and "read-only" in api.problem(answer)
    finally:
        monkeypatch.undo()
        resources.get_settings.clear()


# The last one: it replaces the rows.
def test_a_collection_that_is_being_replaced_answers_or_says_why_not(
    client: api.Client, pictures: Path
) -> None:
    task = {**build(pictures), "metrics": ["L2", "IP", "COSINE"], "recreate": True}
    path = f"runs/{client.post('runs', json=task, headers=api.with_token()).json()['name']}"
    content = (pictures / "lime" / "2.jpg").read_bytes()
    met: set[int] = set()
    state = {"status": "running"}
    while state["status"] == "running":
        state = client.get(path, headers=api.with_token()).json()
        for asked in ({"data": {"id": image_id("lime/2.jpg")}}, {"files": {"picture": content}}):
            answer = client.post("search", **asked)
            met.add(answer.status_code)
            if answer.status_code == 200:
                found = {hit["path"] for hit in answer.json()["hits"]}
                assert found <= {str(file.relative_to(pictures)) for file in pictures.rglob("*.*")}
            else:
                assert api.problem(answer)
    assert state["status"] == "done"
    # Not there for a moment, gone, or to be tried again; never a fault of ours.
    assert met <= {200, 404, 409, 503}
    (hit,) = client.search(files={"picture": content}, data={"k": 1, "include_query": True})["hits"]
    assert hit["path"] == "lime/2.jpg"
