"""POST /evaluations: a report in the background, one at a time, by whoever has the token."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from core.api.evaluations import Evaluations, Status
from core.errors import BusyError
from core.progress import Progress, Stage
from core.runs import turn as turns
from tests.support import api


def ended(client: api.Client, number: str) -> dict[str, Any]:
    """An evaluation once it has come to its end."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found: dict[str, Any] = client.get(f"evaluations/{number}").json()
        if found["status"] != "running":
            return found
        time.sleep(0.05)
    raise AssertionError("it did not end")


def test_an_evaluation_ends_as_a_report_that_can_be_read(client: api.Client) -> None:
    begun = client.post(
        "evaluations", json={"ks": [1, 5], "metric": "L2"}, headers=api.with_token()
    )
    assert begun.status_code == 202
    done = ended(client, begun.json()["id"])
    assert done["status"] == "done" and done["error"] is None
    report = client.get(f"reports/{done['report']}").json()
    assert report["configuration"]["metric"] == "L2"
    # More lists than the index has are not asked for by default.
    assert report["configuration"]["request"]["nprobe"] == 2
    exact = report["exact"]["macro"]
    # Three classes of six discs, each of a colour of its own.
    assert exact["precision@1"]["value"] == 1
    listed = client.get("reports").json()["reports"]
    assert listed[0]["name"] == done["report"]
    assert listed[0]["macro"]["precision@5"] == exact["precision@5"]["value"]


def test_it_takes_the_token_on_this_machine_too(client: api.Client) -> None:
    for method, path in (("POST", "evaluations"), ("DELETE", "evaluations/x")):
        answer = client.ask(method, f"/api/v1/{path}")
        assert answer.status_code == 401 and "takes the token" in api.problem(answer)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"ks": []}, "ks"),
        ({"ks": [0]}, "ks.0 is 0"),
        ({"metric": "HAMMING"}, "metric is 'HAMMING'"),
        ({"sample": 0}, "sample is 0"),
        ({"seeds": 1}, "seeds"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    client: api.Client, asked: dict[str, object], said: str
) -> None:
    answer = client.post("evaluations", json=asked, headers=api.with_token())
    assert answer.status_code == 422 and said in api.problem(answer)


def test_what_fails_later_says_why(client: api.Client) -> None:
    asked = {"query_paths": "nothing is called so"}
    begun = client.post("evaluations", json=asked, headers=api.with_token())
    failed = ended(client, begun.json()["id"])
    assert failed["status"] == "failed" and "nothing is called so" in failed["error"]
    assert failed["report"] is None


def test_while_a_page_measures_a_program_is_told_to_wait(client: api.Client) -> None:
    with turns.turn():
        answer = client.post("evaluations", headers=api.with_token())
        assert answer.status_code == 409 and "another report" in api.problem(answer)


def test_reports_and_evaluations_that_are_not_there(client: api.Client) -> None:
    for path in ("reports/none", "reports/..%2f..%2fsecret", "evaluations/none"):
        answer = client.get(path)
        assert answer.status_code == 404 and api.problem(answer)


def test_a_damaged_report_is_no_report(client: api.Client, pictures: Path) -> None:
    from core.ui import resources

    folder = resources.get_settings().data.reports
    folder.mkdir(exist_ok=True)
    (folder / "broken.json").write_text("{")
    try:
        answer = client.get("reports/broken")
        assert answer.status_code == 404 and str(folder) not in answer.text
        assert client.get("reports").json()["unreadable"] == 1
    finally:
        (folder / "broken.json").unlink()


def test_one_that_is_cancelled_stops_at_its_next_step_and_lets_the_next_begin() -> None:
    evaluations = Evaluations()
    goes_on, at_work = threading.Event(), threading.Event()

    def measure(show: Progress) -> str:
        show(Stage.EXACT, 1, 2)
        at_work.set()
        assert goes_on.wait(60)
        show(Stage.EXACT, 2, 2)
        return "report"

    one = evaluations.start(measure)
    assert at_work.wait(60)
    with pytest.raises(BusyError):
        evaluations.start(measure)
    told = evaluations.find(one.id)
    assert (told.status, told.done, told.total) == (Status.RUNNING, 1, 2)
    evaluations.cancel(one.id)
    goes_on.set()
    deadline = time.monotonic() + 60
    while evaluations.find(one.id).status is Status.RUNNING and time.monotonic() < deadline:
        time.sleep(0.01)
    assert evaluations.find(one.id).status is Status.CANCELLED
    assert evaluations.find(one.id).report == ""
    # Whoever sees the end may begin the next one.
    two = evaluations.start(lambda show: "report")
    while evaluations.find(two.id).status is Status.RUNNING:
        time.sleep(0.01)
    assert evaluations.find(two.id).report == "report"
