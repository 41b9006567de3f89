"""Work beside a running dashboard: it holds the database, so it is asked to do what a script wants.

dashboard = find_dashboard(settings)
found = dashboard.search(content, name="photo.jpg", k=5) if dashboard else ...
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import requests

from core.api.app import PREFIX
from core.api.pictures import MOST_LISTED
from core.config import Settings
from core.data_folder import DataFolder
from core.errors import OrchardError, StoreUnavailableError
from core.progress import Stage
from core.runs.run_record import RunState, RunStatus, parse_state
from core.runs.task import Task
from core.store.served import Served, find_served
from scripts.shared.terminal import ProgressBar, interrupt_held, tell

# A dashboard answers at once, also while it works; a search may have to load the encoder first.
_SECONDS = 120
_PAUSE_SECONDS = 0.3


class RefusedError(OrchardError):
    """The dashboard refused, in its own words."""


class Dashboard:
    """A dashboard of this user on this machine."""

    def __init__(self, served: Served, collection: str) -> None:
        """Ask nothing yet.

        Args:
            collection: What it is asked about.
        """
        self._served, self._collection = served, collection
        self._session = requests.Session()
        # A proxy that is set for the internet has no way to this machine.
        self._session.trust_env = False
        # A line that is kept may be closed by its other end in the moment it is used again.
        self._session.headers["Connection"] = "close"
        self._session.headers["Authorization"] = f"Bearer {served.key}"

    @property
    def address(self) -> str:
        """Where it answers."""
        return self._served.address

    @property
    def data(self) -> DataFolder:
        """Its data folder."""
        return DataFolder(Path(self._served.data_dir))

    def search(self, content: bytes, *, name: str, **asked: Any) -> dict[str, Any]:  # noqa: ANN401
        """Search with a picture.

        Args:
            content: Bytes of the file.
            asked: Parameters of `POST /search`; None is left out.

        Returns:
            The answer, as `core.search.hits_json` writes it.

        Raises:
            RefusedError: It was refused.
            StoreUnavailableError: The dashboard has gone.
        """
        given = {key: value for key, value in asked.items() if value is not None}
        given["collection"] = self._collection
        return self._asked("POST", "search", files={"picture": (name, content)}, data=given)

    def is_complete(self) -> bool:
        """Whether the last indexing run of the collection finished, of all its metrics.

        Raises:
            RefusedError: There is no such collection.
            StoreUnavailableError: The dashboard has gone.
        """
        return bool(self._asked("GET", f"collections/{self._collection}")["complete"])

    def paths(self) -> set[str]:
        """Return the paths of all pictures that are not left out.

        Raises:
            RefusedError: There is no such collection.
            StoreUnavailableError: The dashboard has gone.
        """
        found: list[str] = []
        while True:
            asked = {
                "collection": self._collection,
                "offset": len(found),
                "limit": MOST_LISTED,
            }
            page = self._asked("GET", "pictures", params=asked)
            # What others made may have a path twice.
            found += [picture["path"] for picture in page["pictures"]]
            if not page["pictures"] or len(found) >= page["total"]:
                return set(found)

    def evaluate(self, asked: dict[str, Any]) -> str:
        """Make a report, with progress at the terminal; Ctrl-C stops it.

        Args:
            asked: Body of `POST /evaluations`.

        Returns:
            The name of the report, which lies below `data`.

        Raises:
            RefusedError: It was refused, or failed.
            StoreUnavailableError: The dashboard has gone.
        """
        stages = {stage.text: stage for stage in Stage}
        with ProgressBar() as bar:
            state = self._done(
                "evaluations",
                {**asked, "collection": self._collection},
                key="id",
                show=lambda now: bar(
                    stages.get(now["stage"], Stage.START), now["done"], now["total"]
                ),
            )
        if not state["report"]:
            raise RefusedError(state["error"] or "the evaluation was stopped; no report was saved.")
        return str(state["report"])

    def run(self, task: Task) -> RunState:
        """Do a task, with progress at the terminal; Ctrl-C stops it, and what is done is kept.

        Raises:
            RefusedError: It was refused, failed, or was cancelled on the Collection page.
            StoreUnavailableError: The dashboard has gone.
        """
        notes: set[str] = set()
        with ProgressBar() as bar:

            def show(now: dict[str, Any]) -> None:
                bar(Stage(now["stage"]), now["done"], now["total"])
                for note in now["notes"]:
                    if note not in notes:
                        notes.add(note)
                        tell(note)

            state = parse_state(self._done("runs", asdict(task), key="name", show=show))
        if state.status is not RunStatus.DONE:
            raise RefusedError(state.error or f"the run was {state.status} at {self.address}.")
        return state

    def _done(
        self, path: str, asked: dict[str, Any], *, key: str, show: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any]:
        """Begin something, show each state of it, and return the last.

        Ctrl-C, whenever it comes, stops it there as well; what had ended by then is returned.
        """
        begun, is_told = "", False
        with interrupt_held() as interrupt:
            try:
                begun = f"{path}/{self._asked('POST', path, json=asked)[key]}"
                while (state := self._asked("GET", begun))["status"] == "running":
                    show(state)
                    if interrupt.pressed and not is_told:
                        self._asked("DELETE", begun)
                        is_told = True
                    time.sleep(_PAUSE_SECONDS)
            except KeyboardInterrupt:
                # Pressed again: nobody waits for the end, which is to come all the same.
                if begun and not is_told:
                    self._asked("DELETE", begun)
                elif not begun:
                    tell(f"it may have begun all the same: see the Collection page, {self.address}")
                raise
        if interrupt.pressed:
            if state["status"] == RunStatus.CANCELLED:
                raise KeyboardInterrupt
            tell("it had ended before it could be stopped")
        return state

    def _asked(self, method: str, path: str, **rest: Any) -> dict[str, Any]:  # noqa: ANN401
        url = f"{self.address}{PREFIX}/{path}"
        try:
            answer = self._session.request(method, url, timeout=_SECONDS, **rest)
            said: dict[str, Any] = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise StoreUnavailableError(
                f"the dashboard at {self.address}, which has the database open, no longer answers "
                f"({type(error).__name__}). If it was stopped, repeat this command: it then opens "
                "the database itself."
            ) from error
        if not answer.ok:
            raise RefusedError(str(said["error"]["message"]))
        return said


def find_dashboard(settings: Settings) -> Dashboard | None:
    """Return the dashboard that holds the Milvus Lite database of the settings; None without one.

    The terminal is told so, and nobody wonders whose settings hold.
    """
    served = _served(settings)
    if served is None:
        return None
    tell(f"the dashboard at {served.address} has the database open and does this")
    return Dashboard(served, settings.collection)


def held_by(settings: Settings) -> str:
    """Return the address of the dashboard that holds the database; empty without one."""
    served = _served(settings)
    return served.address if served else ""


def _served(settings: Settings) -> Served | None:
    return find_served(Path(settings.uri)) if settings.is_lite else None


def refuse_beside(dashboard: Dashboard, **given: bool) -> None:
    """Refuse options that a dashboard cannot be told, named as on the command line.

    Args:
        given: By name of the option, whether it was given.

    Raises:
        StoreUnavailableError: One was.
    """
    named = [f"--{name.replace('_', '-')}" for name, is_given in given.items() if is_given]
    if named:
        raise StoreUnavailableError(
            f"the dashboard at {dashboard.address} has the database open and goes by its own "
            f"settings, so {', '.join(named)} cannot be given. Leave that out, or stop the "
            "dashboard (Ctrl-C in its terminal) and repeat this command."
        )
