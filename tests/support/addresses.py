"""What a link to a page can hold, read from the sources: the keys its controls are bound to."""

import ast
import importlib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("search", "evaluation", "embedding_map", "collection")


def sources(page: str) -> list[Path]:
    """The files of a page."""
    return sorted((ROOT / "pages" / page).rglob("*.py"))


def keys(page: str, name: str) -> type[StrEnum]:
    """`Address` or `Key` of a page's `keys.py`."""
    found: type[StrEnum] = getattr(importlib.import_module(f"pages.{page}.keys"), name)
    return found


def parameters(page: str) -> set[str]:
    """All a link to a page can hold: what its controls are bound to, and what it writes itself."""
    from core.search.link import NAMES

    reads_links = any("core.search.link import NAMES" in f.read_text() for f in sources(page))
    return {*keys(page, "Address"), *(NAMES if reads_links else ())}


def bindings(source: str) -> Iterator[tuple[int, ast.expr | None, ast.FunctionDef | None]]:
    """Every call that binds a control to the address: its line, its key, the function around it."""
    tree = ast.parse(source)
    around = {
        inner: outer
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef)
        for inner in ast.walk(outer)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _binds(node):
            key = next((word.value for word in node.keywords if word.arg == "key"), None)
            yield node.lineno, key, around.get(node)


def names_an_address(key: ast.expr | None, function: ast.FunctionDef | None, tree: ast.AST) -> bool:
    """Whether a key is a member of `Address`: written out, handed in, or returned by a function."""
    if isinstance(key, ast.Attribute):
        return _is_address(key.value)
    if isinstance(key, ast.Name) and function:
        handed = [*function.args.args, *function.args.kwonlyargs]
        return any(one.arg == key.id and _is_address(one.annotation) for one in handed)
    if isinstance(key, ast.Call) and isinstance(key.func, ast.Name):
        made = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)]
        return any(one.name == key.func.id and _is_address(one.returns) for one in made)
    return False


def members_used(source: str) -> set[str]:
    """The members of `Address` that a source names, by their names in it."""
    found = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)]
    return {node.attr for node in found if _is_address(node.value)}


def _binds(call: ast.Call) -> bool:
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    shared = ("segmented", "where_control")
    return name in shared or any(word.arg == "bind" for word in call.keywords)


def _is_address(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Name) and node.id == "Address"
