"""Measure how fast a part is, on this machine.

python -m scripts.benchmark evaluation
python -m scripts.benchmark map --rows 5000
"""

import argparse
import importlib

# Each part is a module here with `main(argv) -> int`, loaded only when it is asked for.
PARTS = {
    "all": ("all", "every part, one after another; writes docs/benchmarks.md"),
    "cluster": (
        "indexing.cluster",
        "indexing on Ray against the same run without it, on the same processors",
    ),
    "encoder": (
        "indexing.encoder",
        "photos to embeddings, against a plain loop and the machine's limit",
    ),
    "evaluation": (
        "evaluation",
        "exact search and measures, against a bare matrix product and the database",
    ),
    "growth": (
        "database.growth",
        "writing, indexing, searching, memory and disk against the number of rows",
    ),
    "index": (
        "database.index",
        "what the tuner finds against the same index by hand, its time, the memory saved",
    ),
    "indexing": (
        "indexing.run",
        "a whole indexing run, against a loop as a first attempt would write it",
    ),
    "search": (
        "serving.search",
        "the server's work when a slider moves, against the bare search of the database",
    ),
    "map": ("map", "time and trustworthiness of UMAP, and the server's work for a view"),
    "pages": (
        "serving.pages",
        "every page on a million rows that are made up, at the first visit and after",
    ),
    "service": (
        "serving.service",
        "the HTTP API against the same call inside the process, and many clients at once",
    ),
    "storage": (
        "database.storage",
        "writing and searching against the bare client, and how indexing grows",
    ),
}


def main(argv: list[str] | None = None) -> int:
    """Hand the command line to a part; returns its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.benchmark",
        description="Measure how fast a part is, on this machine.",
        epilog="; ".join(f"{name}: {what}" for name, (_, what) in PARTS.items()),
    )
    parser.add_argument("part", choices=list(PARTS), help="--help after it tells its options")
    parser.add_argument("options", nargs=argparse.REMAINDER, help="options of the part")
    arguments = parser.parse_args(argv)
    module, _ = PARTS[arguments.part]
    part = importlib.import_module(f"scripts.benchmark.{module}")
    return int(part.main(arguments.options))


if __name__ == "__main__":
    raise SystemExit(main())
