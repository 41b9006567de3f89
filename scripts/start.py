"""Start the dashboard, after building a collection if there is none: what `make app` calls.

python -m scripts.start [--dataset FOLDER [--labels FILE]] [--port 8501]
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import NotRequired, TypedDict

from core.collection.info import CollectionInfo
from core.config import Settings
from core.dataset.listing import list_dataset
from core.dataset_root import Root
from core.errors import SettingsError, StoreUnavailableError
from core.files import write_whole
from core.indexing.start_plan import own_collection, plan_start
from core.sample.drawing import CLASSES
from core.store.lite import is_locked
from core.store.vector_store import open_store
from scripts.shared.terminal import configured, parse_dataset

ADDRESS = "127.0.0.1"
SAMPLE_PER_CLASS = 60
ROOT = Path(__file__).resolve().parent.parent


class Running(TypedDict):
    """What a start leaves in the data folder for the next one."""

    pid: int
    port: int
    collection: str
    dataset: NotRequired[str]


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.start", description="Start the Orchard dashboard."
    )
    parser.add_argument(
        "--dataset", type=parse_dataset, help="folder of class folders; default: a sample"
    )
    parser.add_argument(
        "--per-class",
        type=int,
        default=SAMPLE_PER_CLASS,
        help="pictures of the sample to draw for each class, default %(default)s",
    )
    parser.add_argument("--port", default="8501", help="default 8501")
    parser.add_argument("--recreate", action="store_true", help="build the collection anew")
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="with --dataset: a table (CSV, Parquet) with the columns path and class, and any "
        "others, which goes before labels.csv or labels.parquet in the folder; without any the "
        "folders decide",
    )
    arguments = parser.parse_args(argv)
    if arguments.labels and not arguments.dataset:
        parser.error("--labels says the classes of a folder of yours: give --dataset as well")
    if arguments.labels:
        # For the build and the dashboard alike, which run in another folder.
        os.environ["ORCHARD_LABELS"] = str(arguments.labels.resolve())
    return configured(
        lambda settings: _run(
            settings,
            arguments.dataset,
            _parse_port(arguments.port),
            recreate=arguments.recreate,
            per_class=arguments.per_class,
        ),
        on_interrupt="stopped; nothing is lost, the same command continues",
    )


def _run(
    settings: Settings, dataset: Root | None, port: int, *, recreate: bool, per_class: int
) -> int:
    if _is_port_taken(port):
        return _answer_taken_port(settings, dataset, port)
    _refuse_second_dashboard(settings)
    if dataset is not None:
        list_dataset(dataset)
    existing = _existing(settings, dataset)
    chosen = plan_start(settings, dataset, existing, recreate=recreate)
    print(f"collection {chosen.collection}: {chosen.reason}", flush=True)
    if chosen.dataset is not None:
        if chosen.dataset == settings.data.sample and (status := _draw(chosen.dataset, per_class)):
            return status
        status = _build(chosen.dataset, chosen.collection, recreate=recreate)
        if status:
            return status
    if dataset is not None:
        # The folder asked for wins over one that environment or `.env` name.
        os.environ["ORCHARD_DATASET"] = str(dataset.resolve())
    info = existing.get(chosen.collection)
    indexed = str(chosen.dataset or (info.dataset if info else ""))
    return _serve(settings, chosen.collection, port, dataset=indexed)


def _existing(settings: Settings, dataset: Root | None) -> dict[str, CollectionInfo]:
    names = [settings.collection] + ([own_collection(dataset)] if dataset else [])
    store = open_store(settings)
    try:
        found: dict[str, CollectionInfo] = {}
        for name in names:
            infos = [store.info(name, metric) for metric in store.metrics(name)]
            if infos:
                # One incomplete collection makes the family incomplete.
                found[name] = min(infos, key=lambda info: info.complete)
        return found
    finally:
        store.close()


def _draw(sample: Path, per_class: int) -> int:
    """Draw the sample unless it is whole: a picture appears only when it is."""
    # A number that is not allowed is refused by the script that draws.
    if all(0 < per_class <= len(list((sample / label).glob("*.jpg"))) for label in CLASSES):
        return 0
    return _module("scripts.make_sample", str(sample), "--per-class", str(per_class))


def _build(dataset: Root, collection: str, *, recreate: bool) -> int:
    """Index in a process of its own, since only its end surely frees a Milvus Lite file."""
    extra = ["--recreate"] if recreate else []
    return _module("scripts.build_index", str(dataset), "--collection", collection, *extra)


def _module(name: str, *arguments: str) -> int:
    command = [sys.executable, "-m", name, *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603 - our own


def _serve(settings: Settings, collection: str, port: int, *, dataset: str) -> int:
    state = Running(pid=os.getpid(), port=port, collection=collection, dataset=dataset)
    write_whole(settings.data.app, json.dumps(state).encode())
    os.environ["ORCHARD_COLLECTION"] = collection
    command = [sys.executable, "-m", "scripts.shared.dashboard"]
    command += ["--server.port", str(port), "--server.address", ADDRESS]
    os.chdir(ROOT)
    if os.name == "posix":
        # The dashboard takes over this process, so signals reach it directly.
        os.execv(sys.executable, command)  # noqa: S606 - our own
    return subprocess.run(command, check=False).returncode  # noqa: S603 - our own


def _answer_taken_port(settings: Settings, dataset: Root | None, port: int) -> int:
    state = _running(settings)
    if not state or state["port"] != port or not _is_healthy(port):
        raise SettingsError(
            f"port {port} is in use by another program. Choose another one: "
            f"make app PORT={port + 1}"
        )
    url = f"http://{ADDRESS}:{port}"
    if dataset is not None and str(dataset.resolve()) != state.get("dataset"):
        print(
            f"Orchard is already running at {url} with collection {state['collection']}. To open "
            f"{dataset}, stop it first (Ctrl-C in its terminal), then repeat this command.",
        )
        return 0
    print(f"Orchard is already running at {url}")
    return 0


def _refuse_second_dashboard(settings: Settings) -> None:
    if not settings.is_lite or not is_locked(Path(settings.uri)):
        return
    state = _running(settings)
    if state and _is_healthy(state["port"]):
        raise StoreUnavailableError(
            f"Orchard is already running at http://{ADDRESS}:{state['port']} and has the database "
            f"{settings.uri!r} open; Milvus Lite serves one process. Use that one, or stop it "
            "first (Ctrl-C in its terminal)."
        )


def _running(settings: Settings) -> Running | None:
    try:
        state: Running = json.loads(settings.data.app.read_text(encoding="utf-8"))
        if os.name == "posix":
            os.kill(state["pid"], 0)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return state


def _is_port_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return True
    return False


def _is_healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{ADDRESS}:{port}/_stcore/health", timeout=2) as answer:
            return bool(answer.read() == b"ok")
    except (OSError, urllib.error.URLError):
        return False


def _parse_port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65_535:
        raise SettingsError(f"port {text!r} is not allowed; choose 1 to 65535, such as 8501.")
    return int(text)


if __name__ == "__main__":
    raise SystemExit(main())
