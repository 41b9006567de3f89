"""A dashboard in a process of its own, and a browser to look at it with.

with dashboard(log) as (url, process), chromium() as browser:
    browser.new_page().goto(url)
"""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import OrchardError

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[3]
_CHROMIUM = ("chromium-headless-shell", "chromium", "google-chrome")


@contextmanager
def dashboard(log: Path) -> Iterator[tuple[str, int]]:
    """Run the dashboard with the settings of the environment; gives its address and process.

    Args:
        log: File for what it prints.

    Raises:
        OrchardError: It does not start within two minutes.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "streamlit_app.py")]
    url = f"http://127.0.0.1:{port}"
    with (
        log.open("w") as out,
        subprocess.Popen(  # noqa: S603
            [*command, "--server.port", str(port)], cwd=ROOT, stdout=out, stderr=out
        ) as server,
    ):
        try:
            deadline = time.monotonic() + 120
            while not _is_up(url):
                if time.monotonic() > deadline or server.poll() is not None:
                    raise OrchardError(f"the dashboard does not start: {log.read_text()[-500:]}")
                time.sleep(0.3)
            yield url, server.pid
        finally:
            server.terminate()


@contextmanager
def chromium(*arguments: str) -> Iterator["Browser"]:
    """Start the system's Chromium without a window.

    Args:
        arguments: Of its command line, besides the usual ones.

    Raises:
        OrchardError: There is none.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise OrchardError("Playwright is missing: pip install -r requirements-dev.txt") from error
    program = next(filter(None, map(shutil.which, _CHROMIUM)), None)
    if program is None:
        raise OrchardError("Chromium is not installed (Debian: apt-get install chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", *arguments]
        )
        try:
            yield browser
        finally:
            browser.close()


def private_bytes(process: int) -> int:
    """Return the memory that a process has to itself now; on Linux."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines()
    own = (line.split() for line in lines if line.startswith("Private_"))
    return 1024 * sum(int(words[1]) for words in own)


def _is_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):  # noqa: S310
            return True
    except OSError:
        return False
