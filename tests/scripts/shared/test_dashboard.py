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


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_ctrl_c_in_the_middle_of_a_run_lets_it_stop_and_ends_without_a_complaint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = dashboard.draw_endless(tmp_path / "photos")
    dashboard.set_environment(monkeypatch, tmp_path / "data")
    # What a shell has started in the background would ignore Ctrl-C, and so would its children.
    code = (
        "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "runpy.run_module('scripts.shared.dashboard', run_name='__main__', alter_sys=True)"
    )
    command = ("-c", code, "--server.port", "{port}")
    with browsers.started(*command, log=tmp_path / "log") as (url, server):
        assert requests.get(f"{url}/readyz", timeout=60).status_code == 503
        build = [sys.executable, "-m", "scripts.build_index", str(photos)]
        with subprocess.Popen(build, stderr=subprocess.DEVNULL) as script:
            # A picture is encoded: the network is at work.
            while not encoded(url):
                assert script.poll() is None
                time.sleep(0.1)
            server.send_signal(signal.SIGINT)
            status = server.wait(60)
            script.wait(60)
    said = (tmp_path / "log").read_text()
    assert status == 0, said
    assert "the dashboard is stopped; nothing is lost" in said
    for noise in ("Abort", "terminate", "Traceback", "No runtime found", "ScriptRunContext"):
        assert noise not in said
    (run,) = load_settings().data.runs.glob("run-*.json")
    assert json.loads(run.read_text())["status"] == RunStatus.CANCELLED
