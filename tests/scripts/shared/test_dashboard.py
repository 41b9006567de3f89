"""The dashboard as `make app` runs it: Ctrl-C is the way to end it, and no failure."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from core.config import load_settings
from core.progress import Stage
from core.runs.run_record import RunStatus
from core.store.served import find_served
from tests.support import browser as browsers
from tests.support import dashboard


def encoded(url: str) -> int:
    """How many pictures the run has encoded; 0 before there is one."""
    settings = load_settings()
    served = find_served(Path(settings.uri))
    runs = sorted(settings.data.runs.glob("run-*.json"))
    if not served or not runs:
        return 0
    key = {"Authorization": f"Bearer {served.key}"}
    state = requests.get(f"{url}/api/v1/runs/{runs[0].stem}", headers=key, timeout=60).json()
    return int(state["done"]) if state["stage"] == Stage.ENCODE else 0


# Waits for the run's end as long as a machine needs that has much else to do.
PATIENT = "from core.ui import resources; resources._ENDING_SECONDS = 60; "
# What a shell has started in the background would ignore Ctrl-C, and so would its children.
OURS = (
    "-c",
    PATIENT + "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "runpy.run_module('scripts.shared.dashboard', run_name='__main__', alter_sys=True)",
    "--server.port",
    "{port}",
)
STREAMLIT = ("-c", PATIENT + "from streamlit.web.cli import main; main()")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize(
    ("command", "end"),
    [
        (OURS, signal.SIGINT),
        ((*STREAMLIT, *browsers.streamlit_command()[2:]), signal.SIGTERM),
    ],
    ids=["Ctrl-C", "a container that is stopped"],
)
def test_a_run_stops_in_its_own_time_when_the_dashboard_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], end: signal.Signals
) -> None:
    photos = dashboard.draw_endless(tmp_path / "photos")
    dashboard.set_environment(monkeypatch, tmp_path / "data")
    with browsers.started(*command, log=tmp_path / "log") as (url, server):
        assert requests.get(f"{url}/readyz", timeout=60).status_code == 503
        build = [sys.executable, "-m", "scripts.build_index", str(photos)]
        with subprocess.Popen(build, stderr=subprocess.DEVNULL) as script:
            # A picture is encoded: the network is at work.
            while not encoded(url):
                assert script.poll() is None
                time.sleep(0.1)
            server.send_signal(end)
            status = server.wait(120)
            script.wait(60)
    (run,) = load_settings().data.runs.glob("run-*.json")
    assert json.loads(run.read_text())["status"] == RunStatus.INTERRUPTED
    said = (tmp_path / "log").read_text()
    for noise in ("terminate called", "Traceback", "No runtime found", "ScriptRunContext"):
        assert noise not in said
    if command is OURS:
        assert status == 0 and "Abort" not in said
        assert "the dashboard is stopped; nothing is lost" in said
