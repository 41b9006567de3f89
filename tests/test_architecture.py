"""The direction of imports, read from the sources: a breach fails here, with its file and line."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE_FOLDER = "views"

# From the bottom up. A module may import from its own layer and from those below.
VOCABULARY, ADAPTERS, SERVICES, UI, PAGES, ROUTER = range(6)
# Parts of `reports`.
EVALUATION = (
    "report_files",
    "report_summary",
    "report_text",
    "comparison",
    "sweep",
    "tables",
    "queries",
)
# The encoder and its parts, the only ones that know torch.
ENCODER = ("encoder", "network", "fusion", "precision", "checkpoint", "weights", "weight_sets")
LAYERS = {
    VOCABULARY: (
        *("records", "metric", "errors", "config", "index", "logs", "catalogue", "access", "shard"),
        *("wording", "files"),
        # parts of the Search page
        *("crop", "feedback", "exact", "verdict", "search_link"),
        # mathematics over neighbour lists
        *("neighbours", "evaluation", "judgement", "bootstrap", "summary", "findings"),
        *("report", "requirement", "split"),
        # the encoder's batch sizes, and threads ahead of it
        *("pace", "ahead"),
        # how fast a run goes
        "rate",
        # arrays in, arrays out
        *("neighbourhood", "sampling", "map_paint", "map_query", "trust"),
    ),
    ADAPTERS: (
        *("store", "lite", "dataset", "images"),
        *ENCODER,
        # a file over the network
        "download",
        # parts of `store`
        *(
            "connection",
            "reading",
            "row_reading",
            "searching",
            "rows",
            "schema",
            "faults",
            "index_upkeep",
            "slots",
        ),
        *("matrix", "trained"),
    ),
    SERVICES: (
        *(
            "search",
            "indexing",
            "index_run",
            "index_report",
            "family",
            "gone",
            "verify",
            "transfer",
            "reports",
            *EVALUATION,
        ),
        # parts of the Search page
        *("reference", "answer", "query_picture", "takeaway"),
        # parts of the Collection page
        *("roots", "health", "archive", "tasks", "run_state", "jobs", "build_plan", "run_result"),
        *("operations", "self_test", "inspection", "history", "uploads"),
        *("projection", "umap_layout", "projection_cache", "projection_jobs"),
        *("projection_worker", "map_rows", "map_roles", "pictures_zip"),
    ),
}
# All the modules that draw the sample dataset.
ADAPTER_PREFIXES = ("sample",)


@dataclass(frozen=True)
class Import:
    """One imported module; for `from a import b` both `a` and `a.b` are given."""

    file: Path
    line: int
    module: str

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line} imports {self.module}"


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports(file: Path) -> Iterator[Import]:
    """Every import of a file, those inside functions and under TYPE_CHECKING included."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (Import(file, node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parent = file.relative_to(ROOT).parts[: -node.level] if node.level else ()
            base = ".".join([*parent, *([node.module] if node.module else [])])
            yield Import(file, node.lineno, base)
            yield from (Import(file, node.lineno, f"{base}.{alias.name}") for alias in node.names)


def of(found: Import, *packages: str) -> bool:
    return found.module.split(".")[0] in packages


def breaches(files: list[Path], *packages: str) -> list[str]:
    return [str(found) for file in files for found in imports(file) if of(found, *packages)]


def layer(module: str) -> int | None:
    """The layer of one of our modules by its dotted name; None for others and for packages."""
    top, _, rest = module.partition(".")
    if top == "streamlit_app":
        return ROUTER
    if top == PAGE_FOLDER:
        return PAGES
    if top != "core" or not rest:
        return None
    name = rest.split(".")[0]
    if name == "ui":
        return UI
    if name.startswith(ADAPTER_PREFIXES):
        return ADAPTERS
    return next((level for level, names in LAYERS.items() if name in names), None)


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts)


def test_only_the_pages_their_parts_and_the_router_know_streamlit() -> None:
    core = [file for file in sources("core") if "ui" not in file.relative_to(ROOT).parts]
    # It times a whole run of a page.
    scripts = [file for file in sources("scripts") if file.name != "benchmark_search.py"]
    assert breaches(core + scripts, "streamlit") == []


def test_only_the_connection_imports_pymilvus() -> None:
    everything = sources("core") + sources(PAGE_FOLDER)
    files = [file for file in everything if module_of(file) != "core.store.connection"]
    assert breaches(files, "pymilvus") == []


def test_only_the_encoder_and_its_parts_import_torch() -> None:
    allowed = [f"core.{name}" for name in ENCODER]
    files = [file for file in sources("core") if module_of(file) not in allowed]
    assert breaches([*files, *sources(PAGE_FOLDER)], "torch", "torchvision") == []


def test_pages_never_import_each_other() -> None:
    assert breaches(sources(PAGE_FOLDER), PAGE_FOLDER) == []


def test_every_module_of_core_has_a_place_in_the_order() -> None:
    modules = [module_of(file) for file in sources("core") if file.name != "__init__.py"]
    assert [module for module in modules if layer(module) is None] == []


def test_nothing_imports_upward() -> None:
    files = [*sources("core"), *sources(PAGE_FOLDER), ROOT / "streamlit_app.py"]
    upward = []
    for file in files:
        here = layer(module_of(file))
        for found in imports(file) if here is not None else ():
            there = layer(found.module)
            if there is not None and there > here:
                upward.append(str(found))
    assert upward == []


def test_nothing_in_core_imports_scripts_pages_or_tests() -> None:
    assert breaches(sources("core"), "scripts", PAGE_FOLDER, "tests", "streamlit_app") == []


def test_the_order_is_checked_at_all() -> None:
    # The tests above would also pass if the reading of imports found nothing.
    found = {item.module for item in imports(ROOT / "core/encoder/weights.py")}
    assert {"torch", "core.errors", "core.errors.WeightsError"} <= found
    assert layer("core.errors.WeightsError") == VOCABULARY
    assert layer("core.sample_scene") == ADAPTERS
    assert layer("core.ui.frame") == UI
    assert layer("numpy") is None
    for folder in ("core", "scripts", PAGE_FOLDER):
        assert sources(folder), folder


@pytest.mark.parametrize(
    "module",
    [
        "config",
        "metric",
        "records",
        "errors",
        "index",
        "logs",
        "dataset",
        "images",
        "weights",
        "checkpoint",
        "download",
        "pace",
    ],
)
def test_importing_a_module_below_the_encoder_loads_nothing_heavy(module: str) -> None:
    code = (
        f"import sys, core.{module}\n"
        "heavy = {'torch', 'torchvision', 'umap', 'sklearn', 'pymilvus', 'streamlit'}\n"
        "print(*sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.strip() == ""
