"""The document of the benchmark: a table with the aims, and plots of how a collection grows."""

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

_PACKAGES = ("torch", "torchvision", "pymilvus", "milvus-lite", "umap-learn", "numpy", "streamlit")


@dataclass(frozen=True)
class Line:
    """One line of the table: keys of a part's figures, and what the ratio should be."""

    part: str
    what: str
    unit: str
    ours: str
    reference: str
    reference_is: str
    ratio: str
    aim: Callable[[float], bool]
    aim_is: str
    limit: str = ""


def at_least(value: float) -> dict[str, Any]:
    """An aim that the ratio must reach."""
    return {"aim": lambda ratio: ratio >= value, "aim_is": f"at least {value:g}"}


def at_most(value: float) -> dict[str, Any]:
    """An aim that the ratio must not exceed."""
    return {"aim": lambda ratio: ratio <= value, "aim_is": f"at most {value:g}"}


_RATE, _MS, _S, _MB = "pictures a second", "ms", "s", "MB"
_BARE = "the bare client"
_UNCHANGED_WANTED, _CACHED_VIEW_WANTED = 2_000.0, 1.0
# Of the map in a browser: figure, unit, what is wanted.
_IN_BROWSER = (
    ("first_drawing", "seconds", 3.0), ("pan_frame", "ms", 33.0), ("recolour", "seconds", 1.0),
)  # fmt: skip
LINES = (
    Line(
        "encoder", "files to embeddings", _RATE, "pictures_per_second",
        "plain_pictures_per_second", "a plain loop, one picture at a time",
        "times_the_plain_loop", **at_least(3.3), limit="limit_pictures_per_second",
    ),
    Line(
        "encoder", "the same against what the machine's matrix product allows", _RATE,
        "pictures_per_second", "limit_pictures_per_second", "the matrix product alone",
        "share_of_the_limit", **at_least(0.75),
    ),
    Line(
        "encoder", "peak memory, 5,000 pictures against 500", _MB, "peak_mb_5000", "peak_mb_500",
        "500 pictures", "memory_grows_by", **at_most(0.10),
    ),
    Line(
        "indexing", "files to a searchable collection", _RATE, "pictures_per_second",
        "plain_pictures_per_second", "a plain loop that inserts every 50 rows",
        "times_the_plain_loop", **at_least(1),
    ),
    Line(
        "cluster", "the same on Ray, on the same processors, once its encoders are loaded", _RATE,
        "pictures_per_second", "plain_pictures_per_second", "the run without Ray",
        "times_the_plain_run", **at_least(0.9),
    ),
    *(
        line
        for part, where in (("storage", "Milvus Lite"), ("storage server", "a Milvus server"))
        for line in (
            Line(
                part, f"write and index, {where}", "rows a second", "written_rows_per_second",
                "bare_client_rows_per_second", _BARE, "written_times_the_bare_client",
                **at_least(0.9),
            ),
            Line(
                part, f"one search, median, {where}", _MS, "search_p50_ms",
                "bare_client_search_p50_ms", _BARE, "search_times_the_bare_client",
                **at_most(1.15),
            ),
        )
    ),
    Line(
        "storage", "unchanged files recognised when a folder is indexed again", "files a second",
        "unchanged_files_per_second", "unchanged_wanted", "what is wanted of any machine",
        "unchanged_times_wanted", **at_least(1),
    ),
    Line(
        "storage", "peak memory while 8,000 files are indexed, Milvus Lite in the process", _MB,
        "peak_memory_mb_four_times_the_files", "bare_client_peak_memory_mb_four_times_the_files",
        "the bare client with the same rows", "peak_times_the_bare_client", **at_most(1.10),
    ),
    Line(
        "storage server", "peak memory while four times the files are indexed", _MB,
        "peak_memory_mb_four_times_the_files", "peak_memory_mb", "2,000 files", "peak_grows_to",
        **at_most(1.10),
    ),
    Line(
        "search", "the Search page runs again when a slider moves", _MS, "rerun_ms", "allowed_ms",
        "one and a half bare searches and 60 ms", "share_of_allowed", **at_most(1),
    ),
    Line(
        "service", "a search of a stored picture over HTTP", _MS, "search_http_ms",
        "search_allowed_ms", "1.25 times the same call inside and 5 ms", "share_of_allowed",
        **at_most(1),
    ),
    Line(
        "index", "every type of index measured on 10,000 rows", _S, "tuner_seconds",
        "bare_seconds", "the bare builds and searches it consists of", "times_the_bare",
        **at_most(1.5),
    ),
    Line(
        "evaluation", "exact neighbours, all measures, intervals", _S, "all_seconds",
        "product_seconds", "the bare matrix product", "times_the_product", **at_most(2),
    ),
    Line(
        "evaluation", "the same against one database search a query", _S, "all_seconds",
        "database_seconds", "one search a query", "times_faster_than_database", **at_least(20),
    ),
    Line(
        "map", "first UMAP view", _S, "ours_first_seconds", "raw_first_seconds",
        "umap-learn on the raw embeddings", "share_of_first_seconds", **at_most(0.25),
    ),
    Line(
        "map", "trustworthiness of that view (0 to 1, k = 15)", "", "ours_trust", "raw_trust",
        "umap-learn on the raw embeddings", "trust_lost", **at_most(0.02),
    ),
    Line(
        "map", "a cached view of 20,000 points, from files to what the browser is told", _S,
        "cached_view_seconds", "cached_view_wanted", "what is wanted", "share_of_wanted",
        **at_most(1),
    ),
    Line(
        "map", "200,000 points in a browser without a graphics card: first drawing", _S,
        "first_drawing_seconds", "first_drawing_wanted", "what is wanted", "first_drawing_share",
        **at_most(1),
    ),
    Line(
        "map", "the same, a frame while it is dragged, median", _MS, "pan_frame_ms",
        "pan_frame_wanted", "what is wanted", "pan_frame_share", **at_most(1),
    ),
    Line(
        "map", "the same, other colours", _S, "recolour_seconds", "recolour_wanted",
        "what is wanted", "recolour_share", **at_most(1),
    ),
    Line(
        "map", "the same, memory of the server for one visitor", _MB, "visitor_memory_mb",
        "coordinates_mb", "the coordinates", "visitor_memory_share", **at_most(5),
    ),
)  # fmt: skip

# Key, title and unit of each plot of growth.
PLOTS = (
    ("write_rows_per_second", "Writing", "rows a second"),
    ("index_seconds", "Building the index", "seconds"),
    ("search_p50_ms", "A search, median", "milliseconds"),
    ("open_page_first_seconds", "Search page, first visitor", "seconds"),
    ("open_page_again_seconds", "Search page, next visitor", "seconds"),
    ("memory_mb", "Peak memory of the database", "MB"),
    ("disk_mb", "Disk", "MB"),
)


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    return {
        "processor": f"{os.cpu_count()} x {_processor()}",
        "half precision": _half_precision(),
        "memory": f"{_memory_bytes() / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }


def write_document(found: dict[str, Any], folder: Path) -> None:
    """Write benchmarks.md, and images/growth.svg where growth was measured.

    Args:
        found: What benchmarks.json holds: by part its figures or its error, machine and date.
    """
    parts = {name: part["figures"] for name, part in found["parts"].items() if "figures" in part}
    missing = {name: part["error"] for name, part in found["parts"].items() if "error" in part}
    growth = {
        where: parts[name]
        for name, where in (("growth", "Milvus Lite"), ("growth server", "Milvus server"))
        if name in parts
    }
    if growth:
        _plot(growth, folder / "images" / "growth.svg")
    text = [
        "# Benchmarks",
        "Written by `make benchmark`; do not edit. Both sides of every line ran in one process or "
        "one after the other on the same machine. All figures, more than stand here, are in "
        "[benchmarks.json](benchmarks.json).",
        *_measured_on(found["parts"]),
        "## Against a reference",
        _table(parts),
        *([f"Not measured: {name}: {why}" for name, why in missing.items()]),
        *(_growth_text(growth) if growth else []),
        *(_pages_text(parts["pages"]) if "pages" in parts else []),
        *(_service_text(parts["service"]) if "service" in parts else []),
    ]
    (folder / "benchmarks.md").write_text("\n\n".join(text) + "\n", encoding="utf-8")


def _measured_on(parts: dict[str, dict[str, Any]]) -> list[str]:
    """Say when and on what the parts were measured, those of the same machine together."""
    groups: dict[str, list[str]] = {}
    for name, part in parts.items():
        machine_is = "; ".join(f"{key} {value}" for key, value in part["machine"].items())
        groups.setdefault(f"measured on {part['date']}: {machine_is}.", []).append(name)
    return [f"{', '.join(names).capitalize()}, {where}" for where, names in groups.items()]


def _table(parts: dict[str, dict[str, Any]]) -> str:
    head = "| part | what | Orchard | reference | limit | ratio | aim | reached |"
    rows = [_row(line, parts[line.part]) for line in LINES if line.part in parts]
    return "\n".join([head, "|---|---|---|---|---|---|---|---|", *(row for row in rows if row)])


def _row(line: Line, figures: dict[str, Any]) -> str:
    figures = _completed(figures)
    if line.ratio not in figures:
        return ""
    ratio = figures[line.ratio]
    limit = f"{_short(figures[line.limit])} {line.unit}" if line.limit else ""
    cells = [
        line.part,
        line.what,
        f"{_short(figures[line.ours])} {line.unit}".strip(),
        f"{f'{_short(figures[line.reference])} {line.unit}'.strip()}, {line.reference_is}",
        limit,
        f"**{ratio:.3g}**",
        line.aim_is,
        "yes" if line.aim(ratio) else "**no**",
    ]
    return "| " + " | ".join(cells) + " |"


def _completed(figures: dict[str, Any]) -> dict[str, Any]:
    """Add what follows from the figures of a part."""
    added = dict(figures)
    if "allowed_ms" in figures:
        added["share_of_allowed"] = figures["rerun_ms"] / figures["allowed_ms"]
    if "search_allowed_ms" in figures:
        added["share_of_allowed"] = figures["search_http_ms"] / figures["search_allowed_ms"]
    if "seconds_per_database_search" in figures:
        added["database_seconds"] = figures["seconds_per_database_search"] * figures["rows"]
    if "unchanged_files_per_second" in figures:
        added["unchanged_wanted"] = _UNCHANGED_WANTED
        added["unchanged_times_wanted"] = figures["unchanged_files_per_second"] / _UNCHANGED_WANTED
    if "peak_memory_mb" in figures:
        large = figures["peak_memory_mb_four_times_the_files"]
        added["peak_grows_to"] = large / figures["peak_memory_mb"]
        bare = figures.get("bare_client_peak_memory_mb_four_times_the_files")
        if bare:
            added["peak_times_the_bare_client"] = large / bare
    if "raw_trust" in figures:
        added["trust_lost"] = figures["raw_trust"] - figures["ours_trust"]
        added["cached_view_wanted"] = _CACHED_VIEW_WANTED
        added["share_of_wanted"] = figures["cached_view_seconds"] / _CACHED_VIEW_WANTED
    if "pan_frame_ms" in figures:
        for name, unit, wanted in _IN_BROWSER:
            added[f"{name}_wanted"] = wanted
            added[f"{name}_share"] = figures[f"{name}_{unit}"] / wanted
    return added


def _growth_text(growth: dict[str, list[dict[str, Any]]]) -> list[str]:
    text = ["## Growth"]
    for where, sizes in growth.items():
        names = [name for name in sizes[0] if name not in ("rows", "dimension")]
        head = " | ".join(f"{size['rows']:,} rows" for size in sizes)
        lines = [f"| {where} | {head} |", "|---" * (len(sizes) + 1) + "|"]
        for name in names:
            values = " | ".join(_short(size[name]) for size in sizes)
            lines.append(f"| {name.replace('_', ' ')} | {values} |")
        text.append("\n".join(lines))
    dimension = next(iter(growth.values()))[0]["dimension"]
    text.append(
        f"Made-up rows of {dimension:,} numbers in 50 clusters, COSINE, IVF_FLAT with the nlist "
        "that `--nlist auto` chooses, nprobe 16, k 16. `peak memory mb` is that of Orchard's own "
        "process, which with Milvus Lite holds the database; the server's is `server peak memory "
        "mb`. The page is opened with a stored picture as the query, with no thumbnails to draw."
    )
    if any("open_bare_seconds" in size for sizes in growth.values() for size in sizes):
        text.append(
            "The page has a process of its own, and what a run keeps for it is there. Beside it, "
            "in another, the bare client opens the database, loads the collection, counts it and "
            "searches once. At 100,000 rows of Milvus Lite the page is to take at most 1.3 "
            "times as long as that, and its process at most 1.15 times the memory."
        )
    text.append("![How time, memory and disk grow with the rows](images/growth.svg)")
    return text


def _pages_text(figures: dict[str, Any]) -> list[str]:
    names = [name.removesuffix("_faults") for name in figures if name.endswith("_faults")]
    lines = ["| page | first visit, s | second, s | third, s | peak memory so far, MB |"]
    lines.append("|---|---|---|---|---|")
    for name in names:
        keys = ("first_seconds", "second_seconds", "third_seconds", "peak_memory_mb")
        cells = " | ".join(_short(figures[f"{name}_{key}"]) for key in keys)
        lines.append(f"| {name.replace('_', ' ')} | {cells} |")
    return [
        "## Every page on many rows",
        "\n".join(lines),
        f"{figures['rows']:,} made-up rows of {figures['dimension']:,} numbers, which a stand-in "
        "for a server makes up as it is asked; that is in the figures, the database is not. One "
        "after the other in one process: the first visit of the first page lists all rows, the "
        "second waits for exact search. The first report is offered, not made, and the map is one "
        "of a sample, as the pages say.",
    ]


def _service_text(figures: dict[str, Any]) -> list[str]:
    values = {n: v if isinstance(v, str) else _short(v) for n, v in figures.items()}
    if "page_p50_ms" not in values:
        return []
    return [
        "## Many at once",
        "{clients} clients of the API, one search after the other each, {visitors} windows of a "
        "browser and an indexing run, for {seconds} seconds after as long of the same: {answers} "
        "answers, half within {p50_ms} ms, 95 % within {p95_ms} ms, {faults} faults; {pages} "
        "pages, half within {page_p50_ms} ms, 95 % within {page_p95_ms} ms, {page_faults} faults; "
        "{indexing_runs} indexing runs. The memory of the dashboard was {memory_mb} MB and grew "
        "by {memory_grew_mb} MB. An answer or a page that shows other hits than it shows "
        "alone is a fault.".format_map(values),
        "One picture that is searched with, from its bytes to its embedding: {query_ms} ms, of "
        "these decoding {query_decode_ms}, resizing {query_resize_ms}, the network "
        "{query_network_ms} ({encoder}).".format_map(values),
    ]


def _plot(growth: dict[str, list[dict[str, Any]]], file: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    # The same figures give the same file: else every measurement of another part changes it.
    matplotlib.rcParams["svg.hashsalt"] = "growth"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 4, figsize=(14, 6.5), layout="constrained")
    for axis, (key, title, unit) in zip(axes.flat, PLOTS, strict=False):
        for (where, sizes), marker in zip(growth.items(), "os", strict=False):
            known = [(size["rows"], _value(size, key)) for size in sizes]
            known = [(rows, value) for rows, value in known if value is not None]
            if known:
                axis.plot(*zip(*known, strict=True), marker=marker, label=where)
        axis.set(xscale="log", title=title, ylabel=unit, xlabel="rows")
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    axes.flat[-1].axis("off")
    axes.flat[-1].legend(*axes.flat[0].get_legend_handles_labels(), loc="center")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)


def _value(size: dict[str, Any], key: str) -> float | None:
    if key == "memory_mb":
        return size.get("server_peak_memory_mb", size.get("peak_memory_mb"))
    return size.get(key)


def _short(value: float) -> str:
    return f"{value:,.0f}" if isinstance(value, int) or abs(value) >= 100 else f"{value:.3g}"


def _half_precision() -> str:
    from core.encoder.precision import best_device, fast_types

    types = (str(kind).removeprefix("torch.") for kind in fast_types(best_device()))
    return " and ".join(types) or "none"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
