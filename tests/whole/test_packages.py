"""Every package says what it answers for, names where to start, and its lines can be pasted."""

import ast
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.config import load_settings
from core.metric import Metric
from core.store.vector_store import open_store
from tests.support import dashboard
from tests.whole.test_architecture import PACKAGES, ROOT

WITH_LINES = [name for name in PACKAGES if name.startswith("core.")]


def text_of(package: str) -> str:
    """The docstring of a package."""
    source = (ROOT / package.replace(".", "/") / "__init__.py").read_text(encoding="utf-8")
    return ast.get_docstring(ast.parse(source)) or ""


def lines_of(package: str) -> str:
    """The indented lines of a package's docstring."""
    indented = re.findall(r"^    .*$", text_of(package), re.M)
    return inspect.cleandoc("\n".join(indented))


def names_of(package: str) -> dict[str, Any]:
    """All public names of the modules of a package, later modules first to give way."""
    modules = sorted((ROOT / package.replace(".", "/")).glob("[a-z]*.py"))
    names: dict[str, Any] = {}
    for file in modules:
        # It draws as soon as it is imported by a test runner that calls itself `__main__`.
        if file.stem == "router":
            continue
        module = import_module(f"{package}.{file.stem}")
        names |= {n: v for n, v in vars(module).items() if not n.startswith("_")}
    return names


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A folder as `make app` leaves it, and the names that the lines take as given."""
    root = tmp_path_factory.mktemp("packages")
    with pytest.MonkeyPatch.context() as patch:
        dashboard.set_environment(patch, root / "data")
        patch.chdir(root)
        dashboard.build(dashboard.draw_pictures(root / "data" / "sample"))
        store = open_store(load_settings())
        yield {"store": store, "info": store.info("fruit_vector", Metric.COSINE)}
        store.close()


@pytest.mark.parametrize("package", WITH_LINES)
def test_the_three_lines_of_a_package_run(package: str, collection: dict[str, Any]) -> None:
    import plotly.graph_objects as go
    from PIL import Image

    from core.embeddings.matrix import load_matrix
    from core.encoder.encoder import Encoder
    from core.encoder.weights import find_checkpoint

    lines = lines_of(package)
    assert len(lines.splitlines()) == 3, package
    given = {
        **{"Path": Path, "np": np, "go": go, "Image": Image, "Metric": Metric, "Encoder": Encoder},
        **{"find_checkpoint": find_checkpoint, "load_settings": load_settings},
        **{"load_matrix": load_matrix},
    }
    exec(lines, {**given, **names_of(package), **collection})


@pytest.mark.parametrize("package", WITH_LINES)
def test_the_names_to_start_from_exist(package: str) -> None:
    known = names_of(package)
    sentence = re.search(r"Start with\s(.*?)(?:;|\.\s)", text_of(package) + "\n", re.S)
    assert sentence, package
    named = re.findall(r"`(\w+)`", sentence[1])
    assert 2 <= len(named) <= 8
    modules = {file.stem for file in (ROOT / package.replace(".", "/")).glob("*.py")}
    assert [name for name in named if name not in known and name not in modules] == []


@pytest.mark.parametrize("package", sorted({"core", "pages", *PACKAGES}))
def test_an_init_is_a_docstring(package: str) -> None:
    source = (ROOT / package.replace(".", "/") / "__init__.py").read_text(encoding="utf-8")
    body = ast.parse(source).body
    # `core` also sets a variable that gRPC reads when it is imported.
    assert len(body) == (3 if package == "core" else 1)
    assert text_of(package)
