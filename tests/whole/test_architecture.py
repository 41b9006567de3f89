"""The direction of imports, read from the sources: a breach fails here, with its file and line."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Modules of `core` that lie in no package, and may import each other alone.
GROUND = {
    *("config", "csv_table", "data_folder", "dataset_root", "errors"),
    *("files", "logs", "metric", "progress", "read_only", "records", "wording"),
}
# From the bottom up: each package, and what it may import besides itself and the ground.
DATA = {"core.dataset", "core.corrections", "core.collection"}
STORED = {*DATA, "core.store"}
AT_HAND = {*STORED, "core.embeddings"}
PACKAGES = {
    "core.dataset": set[str](),
    "core.reduction": set[str](),
    "core.encoder": {"core.reduction"},
    "core.sample": set[str](),
    "core.corrections": {"core.dataset"},
    "core.collection": {"core.dataset", "core.corrections"},
    "core.store": {*DATA, "core.reduction"},
    "core.embeddings": STORED,
    "core.indexing": {*AT_HAND, "core.encoder", "core.reduction"},
    "core.measures": {"core.embeddings"},
    "core.search": {*AT_HAND, "core.encoder"},
    "core.projection": {"core.dataset", "core.embeddings", "core.encoder"},
    "core.health": {*AT_HAND, "core.encoder"},
    "core.evaluation": {*AT_HAND, "core.encoder", "core.measures"},
    "core.tuning": {*AT_HAND, "core.measures", "core.reduction"},
    "core.runs": {
        *{*AT_HAND, "core.encoder", "core.sample", "core.indexing", "core.health"},
        "core.tuning",
    },
    "core.upkeep": {
        *{"core.dataset", "core.store", "core.embeddings", "core.projection", "core.indexing"},
        "core.runs",
    },
    "core.api": {
        *{*AT_HAND, "core.encoder", "core.search", "core.evaluation", "core.runs"},
    },
    "core.ui": {*AT_HAND, "core.encoder", "core.search", "core.runs", "core.upkeep"},
    "pages.search": {*DATA, "core.embeddings", "core.search", "core.ui"},
    "pages.evaluation": {
        *{*DATA, "core.embeddings", "core.encoder", "core.measures", "core.search"},
        *{"core.evaluation", "core.runs", "core.ui"},
    },
    "pages.embedding_map": {
        *{*DATA, "core.embeddings", "core.encoder", "core.projection", "core.ui"},
    },
    "pages.collection": {
        *{*DATA, "core.encoder", "core.sample", "core.indexing", "core.health", "core.runs"},
        *{"core.tuning", "core.ui"},
    },
}
PAGES = {name for name in PACKAGES if name.startswith("pages.")}
MOST_MODULES = 12


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


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def package_of(module: str) -> str | None:
    """The package of one of our modules by its dotted name; "ground", or None for others."""
    top, *rest = module.split(".")
    if top not in ("core", "pages") or not rest:
        return None
    name = f"{top}.{rest[0]}"
    return "ground" if top == "core" and rest[0] in GROUND else name


def folders() -> list[Path]:
    """Every folder that holds modules, but for `scripts` itself: it is the list of commands."""
    kinds = ("core", "pages", "scripts")
    return sorted({file.parent for kind in kinds for file in sources(kind)} - {ROOT / "scripts"})


def test_no_package_imports_another_than_the_table_allows() -> None:
    found = []
    for file in (*sources("core"), *sources("pages")):
        here = package_of(module_of(file))
        allowed = {here, "ground"} | PACKAGES.get(str(here), set())
        for item in imports(file) if here else ():
            there = package_of(item.module)
            if there is not None and there not in allowed:
                found.append(str(item))
    assert found == []


def test_every_module_is_of_the_ground_or_lies_in_a_package_of_the_table() -> None:
    files = [*sources("core"), *sources("pages")]
    modules = {module_of(file) for file in files} - {"core", "pages"}
    assert [m for m in sorted(modules) if package_of(m) not in {"ground", *PACKAGES}] == []
    assert {package_of(m) for m in modules} == {"ground", *PACKAGES}


def test_no_cycle_between_packages() -> None:
    # In this order, which the table is written in, every package comes after all it may import.
    order = list(PACKAGES)
    late = [(a, b) for a, may in PACKAGES.items() for b in may if order.index(b) >= order.index(a)]
    assert late == []


def test_no_folder_has_more_than_a_dozen_modules() -> None:
    counts = {
        str(folder.relative_to(ROOT)): len([f for f in folder.glob("*.py") if f.stem[0] != "_"])
        for folder in folders()
    }
    assert {name: count for name, count in counts.items() if count > MOST_MODULES} == {}


def test_only_the_pages_and_what_they_share_know_streamlit() -> None:
    core = [file for file in sources("core") if package_of(module_of(file)) != "core.ui"]
    # They time a whole run of a page, and run the dashboard.
    knowing = {ROOT / "scripts/benchmark/serving/search.py", ROOT / "scripts/shared/dashboard.py"}
    scripts = [file for file in sources("scripts") if file not in knowing]
    assert breaches(core + scripts, "streamlit") == []


def test_only_the_connection_imports_pymilvus() -> None:
    files = [*sources("core"), *sources("pages")]
    rest = [file for file in files if module_of(file) != "core.store.connection"]
    assert breaches(rest, "pymilvus") == []


def test_only_the_encoder_imports_torch() -> None:
    files = [*sources("core"), *sources("pages")]
    rest = [file for file in files if package_of(module_of(file)) != "core.encoder"]
    assert breaches(rest, "torch", "torchvision") == []


def test_only_the_data_folder_names_what_lies_in_it() -> None:
    files = [*sources("core"), *sources("pages"), *sources("scripts")]
    assert [str(file) for file in files if ".data_dir /" in file.read_text(encoding="utf-8")] == []


def test_pages_never_import_each_other() -> None:
    assert all(PACKAGES[page].isdisjoint(PAGES) for page in PAGES)


def test_nothing_in_core_or_pages_imports_scripts_or_tests() -> None:
    assert breaches([*sources("core"), *sources("pages")], "scripts", "tests") == []


def test_streamlit_finds_no_page_by_itself() -> None:
    # It would run `pages/*.py` beside the entry script, and `core/ui/pages/*.py` beside the router,
    # without the router and so without the sign-in.
    assert [file.name for file in (ROOT / "pages").glob("*.py")] == ["__init__.py"]
    assert not (ROOT / "core/ui/pages").exists()


def test_the_order_is_checked_at_all() -> None:
    # The tests above would also pass if the reading of imports found nothing.
    found = {item.module for item in imports(ROOT / "core/encoder/weights.py")}
    assert {"torch", "core.errors", "core.errors.WeightsError"} <= found
    assert package_of("core.errors.WeightsError") == "ground"
    assert package_of("core.sample.scene") == "core.sample"
    assert package_of("pages.search.answer.grid") == "pages.search"
    assert package_of("numpy") is None
    for folder in ("core", "scripts", "pages"):
        assert sources(folder), folder


@pytest.mark.parametrize(
    "module",
    [
        "config",
        "metric",
        "records",
        "errors",
        "logs",
        "collection",
        "collection.index_choice",
        "dataset.files",
        "dataset.decoding",
        "encoder",
        "encoder.weights",
        "encoder.checkpoint",
        "encoder.download",
        "encoder.batch_pace",
        "store",
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
