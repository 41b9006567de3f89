"""Scripts beside a running dashboard: it holds the database, and does what they want."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from core.config import load_settings
from core.dataset.files import image_id
from core.runs.history import load_history
from core.runs.run_record import RunStatus, load_states
from core.store.lite import lock_holder
from core.store.served import Served, find_served
from scripts import (
    build_index,
    corrections,
    evaluate,
    project_embeddings,
    reduce,
    search,
    transfer,
    verify,
)
from scripts.shared.beside import Dashboard, find_dashboard
from scripts.shared.terminal import ProgressBar
from tests.support import browser as browsers
from tests.support import dashboard

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pictures(
    indexed: dashboard.Indexed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A dashboard that has opened its database, as the first visitor has it do."""
    root = tmp_path_factory.mktemp("beside")
    with pytest.MonkeyPatch.context() as patch:
        dashboard.set_environment(patch, root / "data")
        pictures = indexed.copied_to(root / "data")
        with browsers.serving(*browsers.streamlit_command(), log=root / "log") as url:
            assert requests.get(f"{url}/readyz", timeout=60).json() == {"ready": True}
            yield pictures


def printed(capsys: pytest.CaptureFixture[str]) -> tuple[Any, str]:
    out, said = capsys.readouterr()
    assert "Traceback" not in said
    assert "has the database open and does this" in said
    return json.loads(out), said


def test_a_search_is_answered_by_the_dashboard(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = str(pictures / "lime" / "2.jpg")
    assert search.main([picture, "-k", "3", "--metric", "L2", "--nprobe", "2", "--json"]) == 0
    found, _ = printed(capsys)
    assert found["hits"][0]["id"] == image_id("lime/2.jpg")
    assert (found["k"], found["metric"], found["nprobe"]) == (3, "L2", 2)
    assert search.main([picture, "-k", "3"]) == 0
    out, said = capsys.readouterr()
    assert "lime/2.jpg  (the query itself)" in out and "3 of 3 from 18 rows" in out
    assert "did not finish" not in said


def test_what_it_refuses_is_said_in_its_words(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = str(pictures / "lime" / "2.jpg")
    assert search.main([picture, "--nprobe", "3"]) == 2
    assert "allowed are 1 to 2" in capsys.readouterr().err
    assert search.main([picture, "--label", "lemon"]) == 2
    assert "has the class 'lemon'" in capsys.readouterr().err
    other = ["--collection", "other"]
    # A condition that did not reach it would widen the answer without a word.
    assert search.main([picture, "--where", "variety=Gala"]) == 2
    assert "variety" in capsys.readouterr().err
    # Nor is one collection taken for another.
    for script in (lambda: search.main([picture, *other]), lambda: evaluate.main(other)):
        assert script() == 2
        assert "there is no collection 'other' here. There is fruit_vector" in (
            capsys.readouterr().err
        )
    assert build_index.main([str(pictures), "--prune"]) == 2
    assert "--prune cannot be given" in capsys.readouterr().err


def test_a_path_that_is_there_twice_is_listed_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"path": path} for path in ("a.jpg", "a.jpg", "b.jpg")]

    def answer(_: Dashboard, method: str, path: str, *, params: dict[str, Any]) -> dict[str, Any]:
        assert (method, path) == ("GET", "pictures")
        place = params["offset"]
        asked.append(place)
        return {"total": 3, "pictures": rows[place : place + 2]}

    asked: list[int] = []
    monkeypatch.setattr(Dashboard, "_asked", answer)
    served = Served(1, "http://127.0.0.1:1", "", "data")
    assert Dashboard(served, "theirs").paths() == {"a.jpg", "b.jpg"}
    # Two of three rows, then the third.
    assert asked == [0, 2]


def test_a_report_is_made_by_the_dashboard_and_judged_by_the_script(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--k", "1", "--nprobe", "exact", "--json"]
    assert evaluate.main([*arguments, "--require", "macro precision@1 >= 0.9"]) == 0
    report, said = printed(capsys)
    assert "requirement 'macro precision@1 >= 0.9' holds: 1" in said
    assert report["configuration"]["request"]["ks"] == [1]
    assert report["configuration"]["request"]["nprobe"] is None
    assert (load_settings().data.reports / f"{report['name']}.json").is_file()


def test_verify_and_a_build_are_runs_of_the_collection_page(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify.main(["--json"]) == 0
    outcome, _ = printed(capsys)
    assert outcome["findings"] == []
    assert build_index.main([str(pictures), "--json"]) == 0
    report, _ = printed(capsys)
    assert (report["added"], report["unchanged"]) == (0, 18)
    titles = [run.title for run in load_history(load_settings().data).runs]
    # Once each: the script keeps no report of its own.
    assert titles.count(f"Build fruit_vector from {pictures}") == 1
    assert titles.count("Verify: fruit_vector") == 1


def test_the_note_is_this_users_alone_and_void_once_the_dashboard_has_ended(
    indexed: dashboard.Indexed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dashboard.set_environment(monkeypatch, tmp_path / "data")
    pictures = indexed.copied_to(tmp_path / "data")
    database = Path(load_settings().uri)
    with browsers.serving(*browsers.streamlit_command(), log=tmp_path / "log") as url:
        assert requests.get(f"{url}/readyz", timeout=60).ok
        served = find_served(database)
        assert served and served.address == url
        note = database.with_name(f"{database.name}.served.json")
        if os.name == "posix":
            assert note.stat().st_mode & 0o077 == 0
        assert served.key not in (tmp_path / "log").read_text()
    assert note.is_file() and find_served(database) is None
    # Without a dashboard the script opens the database itself.
    assert search.main([str(pictures / "lime" / "2.jpg"), "-k", "1"]) == 0


def test_pictures_are_corrected_beside_it_and_the_next_search_knows(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = str(pictures / "lime" / "2.jpg")
    assert corrections.main(["--relabel", "plum", "lime/2.jpg"]) == 0
    assert corrections.main(["--exclude", "lime/3.jpg"]) == 0
    assert corrections.main(["--exclude", "lime/none.jpg"]) == 2
    capsys.readouterr()
    try:
        assert search.main([picture, "-k", "18", "--nprobe", "2", "--json"]) == 0
        found, _ = printed(capsys)
        labels = {hit["path"]: hit["label"] for hit in found["hits"]}
        assert labels["lime/2.jpg"] == "plum" and "lime/3.jpg" not in labels
        assert search.main([picture, "-k", "18", "--label", "plum", "--json"]) == 0
        found, _ = printed(capsys)
        assert len(found["hits"]) == 7
    finally:
        assert corrections.main(["--undo"]) == 0
        assert corrections.main(["--undo"]) == 0


def test_rows_are_moved_by_the_dashboard_and_any_collection_is_asked(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database, file = load_settings().uri, str(tmp_path / "rows.parquet")
    assert transfer.main([database, file]) == 0
    assert f"{file}: 18 rows written" in capsys.readouterr().out
    brought = ["--collection", "brought"]
    assert transfer.main([file, database, *brought, "--metrics", "L2"]) == 0
    assert "brought_l2: 18 rows written, 18 there" in capsys.readouterr().out
    picture = str(pictures / "lime" / "2.jpg")
    assert search.main([picture, "-k", "1", "--metric", "L2", "--json", *brought]) == 0
    assert printed(capsys)[0]["hits"][0]["id"] == image_id("lime/2.jpg")
    assert verify.main(["--json", *brought]) == 0
    assert set(printed(capsys)[0]["rows"]) == {"brought_l2"}
    # What it cannot do is said, with the way that leads there.
    assert project_embeddings.main(brought) == 2
    assert "embedding_map?collection=brought" in capsys.readouterr().err


def test_smaller_embeddings_are_built_by_the_dashboard_which_then_answers_from_them(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reduce.main(["pca8", "small", "--metrics", "L2", "--json"]) == 0
    report, _ = printed(capsys)
    assert (report["copied"], report["reduced_from"]) == (18, "fruit_vector")
    picture, small = str(pictures / "lime" / "2.jpg"), ["--collection", "small", "--json"]
    assert search.main([picture, "-k", "1", "--metric", "L2", *small]) == 0
    (hit,) = printed(capsys)[0]["hits"]
    assert (hit["path"], hit["score"]) == ("lime/2.jpg", pytest.approx(0, abs=1e-2))


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dashboard.draw_endless(tmp_path_factory.mktemp("many") / "many")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C as a person's terminal has it; what is started in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(
    "moment",
    ["before it is begun", "when it has begun", "while its state is shown", "twice at once"],
)
def test_ctrl_c_stops_the_run_at_the_dashboard_whenever_it_comes(
    pictures: Path,
    many: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
) -> None:
    request = requests.Session.request

    def interrupted(*asked: Any, **rest: Any) -> requests.Response:
        if "POST" in asked and moment == "before it is begun":
            signal.raise_signal(signal.SIGINT)
        answer = request(*asked, **rest)
        if "POST" in asked and moment == "when it has begun":
            signal.raise_signal(signal.SIGINT)
        return answer

    before = {run.name for run in load_states(load_settings().data.runs)}
    # Whoever presses it again does not want to wait.
    pressed = iter([signal.SIGINT] * (2 if moment == "twice at once" else 1))

    def shown(*_: Any) -> None:
        if moment in ("while its state is shown", "twice at once"):
            for now in pressed:
                signal.raise_signal(now)

    with monkeypatch.context() as patch:
        patch.setattr(requests.Session, "request", interrupted)
        patch.setattr(ProgressBar, "__call__", shown)
        assert build_index.main([str(many), "--collection", "fruit_vector", "--recreate"]) == 130
    assert "what was encoded is kept" in capsys.readouterr().err
    while True:
        (run,) = [r for r in load_states(load_settings().data.runs) if r.name not in before]
        if not run.is_open or moment != "twice at once":
            break
        time.sleep(0.1)
    assert (run.status, run.title) == (RunStatus.CANCELLED, f"Build fruit_vector from {many}")


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_that_comes_too_late_tells_so_and_gives_the_report(
    pictures: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Pressed while the first state is shown, and the report is saved before that is heard of.
    asked = Dashboard._asked

    def late(self: Dashboard, method: str, path: str, **rest: Any) -> dict[str, Any]:
        while method == "DELETE" and asked(self, "GET", path)["status"] == "running":
            time.sleep(0.02)
        return asked(self, method, path, **rest)

    pressed = iter([signal.SIGINT])
    monkeypatch.setattr(Dashboard, "_asked", late)
    monkeypatch.setattr(
        ProgressBar, "__call__", lambda *_: [signal.raise_signal(now) for now in pressed]
    )
    assert evaluate.main(["--k", "1", "--json"]) == 0
    report, said = printed(capsys)
    assert "it had ended before it could be stopped" in said and "no report" not in said
    assert (load_settings().data.reports / f"{report['name']}.json").is_file()


@contextlib.contextmanager
def replacing(many: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A script that has the dashboard replace the rows, once that has begun; and the run's file."""
    # What a shell has started in the background would ignore Ctrl-C, and so would its children.
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from scripts.build_index import main; raise SystemExit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, str(many), "--collection", "fruit_vector"]
    with subprocess.Popen([*command, "--recreate"], stderr=subprocess.PIPE, text=True) as script:
        deadline, running = time.monotonic() + 120, None
        while time.monotonic() < deadline and not running:
            files = load_settings().data.runs.glob("run-*.json")
            running = next((file for file in files if "running" in file.read_text()), None)
            time.sleep(0.02)
        assert running
        yield script, running
        script.kill()


# The last ones: they begin to replace the rows.
def test_another_script_waits_its_turn_and_ctrl_c_stops_the_run(
    pictures: Path, many: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with replacing(many) as (script, run):
        assert verify.main([]) == 2
        said = capsys.readouterr().err
        assert "Wait until it has ended" in said and "Traceback" not in said
        os.kill(script.pid, signal.SIGINT)
        said = script.communicate(timeout=120)[1]
        assert script.returncode == 130 and "what was encoded is kept" in said
    assert json.loads(run.read_text())["status"] == RunStatus.CANCELLED


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="needs to know who holds a lock")
def test_a_dashboard_that_is_killed_ends_the_script_with_a_word(pictures: Path, many: Path) -> None:
    holder = lock_holder(Path(load_settings().uri))
    assert holder
    with replacing(many) as (script, _):
        os.kill(holder, signal.SIGKILL)
        said = script.communicate(timeout=120)[1]
    assert script.returncode == 2 and "Traceback" not in said
    assert "no longer answers" in said and "repeat this command" in said
    assert find_dashboard(load_settings()) is None
