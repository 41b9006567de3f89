"""POST /runs: a task of the Collection page, under the guards of that page."""

import time
from pathlib import Path
from typing import Any

import pytest

from core.dataset.files import image_id
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
        ({}, 400, "is none"),
        ({"kind": "Format the disk", "family": "fruit_vector"}, 400, "is none"),
        ({"kind": "Verify", "family": "other"}, 404, "There is fruit_vector;"),
        ({**build(Path("relative"))}, 400, "relative"),
        ({**SMALLER, "name": "../small"}, 400, "not allowed for a collection"),
        ({**SMALLER, "reduction": {"pca": -1}}, 400, "is none"),
        ({**SMALLER, "reduction": {"pca": 8, "fitted": "../other"}}, 400, "is none"),
        ({**build(Path("/x")), "archive": "/etc/passwd"}, 400, "archive"),
    ],
)
def test_what_is_no_task_is_refused(
    client: api.Client, task: dict[str, Any], status: int, said: str
) -> None:
    answer = client.post("runs", json=task, headers=api.with_token(KEY))
    assert answer.status_code == status and said in api.problem(answer)


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
