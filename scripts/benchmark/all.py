"""Run every part of the benchmark and write what was found to docs/benchmarks.md.

    make benchmark
    make benchmark PHOTOS=~/photos SERVER=http://localhost:19530
    make benchmark SERVER=http://localhost:19530 SERVER_PROCESS=PID SERVER_DATA=FOLDER

Each part runs in a process of its own, one after another. What is not measured has no line: without
a server, those of a server go. Beside the document lies a JSON file with all figures, and a plot of
how a collection grows.
"""

import argparse
import datetime
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from core.config import load_settings
from core.errors import OrchardError
from scripts.benchmark.document import machine, write_document
from scripts.shared.terminal import guarded

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

Figures = dict[str, Any]


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns 1 when a part could not be measured."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.benchmark all",
        description="Run every part; write the document.",
    )
    parser.add_argument("--photos", type=Path, help="default: the sample that is drawn")
    parser.add_argument("--uri", help="a Milvus server to measure as well")
    parser.add_argument("--server-process", help="of a server on this machine: its id")
    parser.add_argument("--server-data", help="of a server on this machine: its folder")
    parser.add_argument("--parts", nargs="+", help="measure these again, keep the other figures")
    parser.add_argument("--quick", action="store_true", help="small sizes, to try it out")
    parser.add_argument("--into", type=Path, default=DOCS, help="folder of the document")
    arguments = parser.parse_args(argv)
    return guarded(lambda: _run(arguments), None, on_interrupt="stopped")


def _run(arguments: argparse.Namespace) -> int:
    sample = load_settings().data.sample
    photos = (arguments.photos or sample).expanduser().resolve()
    if not photos.is_dir():
        raise OrchardError(
            f"{str(photos)!r} is no folder. Give photos with --photos, or draw the sample first: "
            f"python -m scripts.make_sample {shlex.quote(str(sample))}"
        )
    file = arguments.into / "benchmarks.json"
    kept = json.loads(file.read_text(encoding="utf-8")) if arguments.parts else {}
    found: Figures = {"parts": {}, **kept}
    parts = found["parts"]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "ORCHARD_DATA_DIR": folder, "ORCHARD_MILVUS_URI": ""}
        for name, options in _commands(arguments, photos).items():
            if arguments.parts and name not in arguments.parts:
                continue
            if name in ("search", "service"):
                _index(photos, environment)
            measured = _measured(name.partition(" ")[0], options, environment)
            # Parts that are kept may come from another machine.
            parts[name] = {"machine": machine(), "date": f"{datetime.date.today()}", **measured}
            # After each part, so that what is measured is kept when the next is stopped.
            arguments.into.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
            write_document(found, arguments.into)
    failed = [name for name, part in parts.items() if "error" in part]
    for name in failed:
        print(f"not measured: {name}: {parts[name]['error']}", file=sys.stderr)
    print(f"written: {arguments.into / 'benchmarks.md'}")
    return 1 if failed else 0


def _commands(arguments: argparse.Namespace, photos: Path) -> dict[str, list[str]]:
    """The options of each part by its name; a word behind the part's name tells where it runs."""
    small = arguments.quick
    commands = {
        "encoder": [str(photos), *(["--rows", "16", "--rounds", "1", "--no-memory"] * small)],
        "indexing": [str(photos), *(["--rows", "16", "--rounds", "1"] * small)],
        "cluster": [str(photos), *(["--rows", "8", "24", "--rounds", "1"] * small)],
        "index": ["--rows", "400", "--dimension", "16", "--no-memory"] * small,
        "storage": ["--rows", "500", "--files", "50", "--rounds", "1"] * small,
        "search": ["--rounds", "3"] * small,
        "service": ["--rounds", "5", "--seconds", "1", "--clients", "2", "--visitors", "0"] * small,
        "evaluation": ["--rows", "500", "--rounds", "1", "--searches", "5"] * small,
        "map": small
        * ["--rows", "200", "--points", "500", "--dimension", "64", "--browser-points", "0"],
        "pages": ["--rows", "300", "--dimension", "8"] * small,
        "growth": ["--rows", "100", "300", "--dimension", "32", "--searches", "3"] * small,
    }
    if arguments.uri:
        server = ["--uri", arguments.uri]
        commands["storage server"] = [*commands["storage"], *server]
        for option in ("server_process", "server_data"):
            if value := getattr(arguments, option):
                server += [f"--{option.replace('_', '-')}", value]
        commands["growth server"] = [*commands["growth"], *server]
    return commands


def _index(photos: Path, environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "scripts.build_index", str(photos)]
    subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=False)  # noqa: S603


def _measured(part: str, options: list[str], environment: dict[str, str]) -> Figures:
    """What a part prints as JSON; when it fails, its last words."""
    print(f"{part} {' '.join(options)}", file=sys.stderr, flush=True)
    started = time.monotonic()
    command = [sys.executable, "-m", "scripts.benchmark", part, *options, "--json"]
    done = subprocess.run(  # noqa: S603
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    print(f"  {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    try:
        # A part that was measured and misses an aim ends with 1; the document says which.
        return {"figures": json.loads(done.stdout)}
    except ValueError:
        return {"error": (done.stderr.strip().splitlines() or ["no message"])[-1]}


if __name__ == "__main__":
    raise SystemExit(main())
