"""The dashboard as `streamlit run streamlit_app.py`, but Ctrl-C is no failure.

python -m scripts.shared.dashboard --server.port 8501
"""

import os
import sys
from pathlib import Path

from click.exceptions import Abort
from streamlit.web import cli

from core.ui import resources
from scripts.shared.terminal import tell

APP = Path(__file__).resolve().parents[2] / "streamlit_app.py"


def main(options: list[str]) -> int:
    """Serve until somebody ends it; returns the exit status.

    Args:
        options: Of `streamlit run`.
    """
    try:
        cli.main(["run", str(APP), *options], prog_name="streamlit", standalone_mode=False)
    except (Abort, KeyboardInterrupt):
        tell("the dashboard is stopped; nothing is lost, the same command starts it again")
    return 0


if __name__ == "__main__":
    status = main(sys.argv[1:])
    if not resources.stop_run():
        # A thread in the middle of a computation would bring Python down with a message of its own.
        sys.stderr.flush()
        os._exit(status)
    raise SystemExit(status)
