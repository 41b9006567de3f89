"""The examples of docs/api.md, run as they stand there against the API."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.dataset.files import image_id
from tests.support import api

DOCUMENT = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")


def blocks(language: str, client: api.Client) -> list[str]:
    """The examples in a language, for the address at which the API is served here."""
    found = re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT, re.M | re.S)
    assert found
    return [block.replace("http://127.0.0.1:8501", client.address) for block in found]


@pytest.fixture
def folder(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the pictures that the examples name."""
    shutil.copy(pictures / "lime/0.jpg", tmp_path / "photo.jpg")
    (tmp_path / "photos").mkdir()
    for number in range(2):
        shutil.copy(pictures / f"plum/{number}.jpg", tmp_path / "photos")
    (tmp_path / "photos" / "2.jpg").write_text("no picture")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_examples_for_the_shell(client: api.Client, folder: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl: apt-get install curl")
    answers = []
    for block in blocks("bash", client):
        lines = block.replace("id=ID", f"id={image_id('lime/0.jpg')}").replace("\\\n", " ")
        for line in lines.splitlines():
            ended = subprocess.run(["sh", "-ec", line], capture_output=True, check=True)
            answers.append(json.loads(ended.stdout))
    sent, listed, stored, collections, named, begun = answers
    assert len(sent["hits"]) == 5 and sent["hits"][0]["label"] == "lime"
    assert len(listed["pictures"]) == 1 and named["pictures"] != []
    assert [one["name"] for one in collections["collections"]] == ["fruit_vector"]
    assert {hit["label"] for hit in stored["hits"]} <= {"lime", "plum"}
    assert begun["status"] in ("running", "done")
    # It must not go on beside the tests that follow.
    client.ask("DELETE", f"/api/v1/evaluations/{begun['id']}", headers=api.with_token())
    while client.get(f"evaluations/{begun['id']}").json()["status"] == "running":
        pass


def test_the_example_in_python(client: api.Client, folder: Path) -> None:
    (block,) = blocks("python", client)
    ended = subprocess.run(
        [sys.executable, "-c", block], capture_output=True, text=True, check=True, cwd=folder
    )
    first, second, third = ended.stdout.splitlines()
    assert first.startswith("0.jpg [('plum', 'plum/")
    assert second.startswith("1.jpg [('plum', 'plum/")
    # What cannot be searched with is told in the same place.
    assert "2.jpg" in third and "picture" in third


def test_the_tasks_are_begun_and_done_as_they_stand_there(
    client: api.Client, pictures: Path
) -> None:
    (block,) = blocks("json", client)
    tasks = [json.loads(line.replace("/srv/fruit", str(pictures))) for line in block.splitlines()]
    assert [task["kind"] for task in tasks] == ["Build", "Verify", "Drop"]
    for task in tasks:
        begun = client.post("runs", json=task, headers=api.with_token())
        assert begun.status_code == 202, begun.text
        path = f"runs/{begun.json()['name']}"
        while (state := client.get(path, headers=api.with_token()).json())["status"] == "running":
            pass
        assert state["status"] == "done", state["error"]
    assert "L2" not in client.get("collections/fruit_vector").json()["metrics"]


def test_every_route_is_in_the_document(client: api.Client) -> None:
    for path in client.get("openapi.json").json()["paths"]:
        last = path.replace("{id}", "ID").replace("{name}", "NAME").rstrip("/").rpartition("/")[2]
        assert last in DOCUMENT
