"""Every key of a session or an address belongs to one page, and to one place in it."""

import ast
import itertools
from pathlib import Path

import pytest

from core.search.link import NAMES
from core.ui.links import TO_EVALUATION, TO_MAP, TO_SEARCH, Handed
from tests.support.addresses import (
    PAGES,
    ROOT,
    bindings,
    keys,
    members_used,
    names_an_address,
    parameters,
    sources,
)


def module(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(PAGES, 2)))
def test_no_two_pages_bind_the_same_key(one: str, other: str) -> None:
    # It would carry the choice of one page into the other, and both would be forgotten.
    assert parameters(one) & parameters(other) == set()
    assert set(keys(one, "Key")) & {*keys(other, "Key"), *parameters(other)} == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_control_that_is_bound_takes_its_key_from_the_pages_list(page: str) -> None:
    # Functions that return an address may stand beside the keys.
    shared = (ROOT / "pages" / page / "keys.py").read_text()
    found = []
    for file in sources(page):
        source = file.read_text()
        tree = ast.parse(source + "\n" + shared)
        for line, key, function in bindings(source):
            if not names_an_address(key, function, tree):
                found.append(f"{module(file)}:{line}")
    assert found == []


@pytest.mark.parametrize("page", PAGES)
def test_no_key_of_an_address_is_left_over(page: str) -> None:
    used = set().union(*(members_used(file.read_text()) for file in sources(page)))
    assert {member.name for member in keys(page, "Address")} == used


def test_what_links_hand_over_is_bound_by_exactly_one_page() -> None:
    owners = {key: tuple(page for page in PAGES if key in parameters(page)) for key in Handed}
    to_search = dict.fromkeys([Handed.QUERIES, *TO_SEARCH], ("search",))
    to_map = dict.fromkeys([*TO_MAP, Handed.RING], ("embedding_map",))
    reports = [Handed.VIEW, Handed.REPORT, *TO_EVALUATION]
    to_evaluation = dict.fromkeys(reports, ("evaluation",))
    assert owners == to_search | to_map | to_evaluation


def test_the_state_of_a_session_is_touched_in_one_file_a_page() -> None:
    touching = {
        module(file)
        for page in PAGES
        for file in sources(page)
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "session_state"
    }
    assert touching == {f"pages/{page}/state.py" for page in PAGES}


def test_only_the_control_that_pages_share_binds_elsewhere() -> None:
    files = sorted((ROOT / "core" / "ui").glob("*.py"))
    assert [module(f) for f in files if [*bindings(f.read_text())]] == ["core/ui/controls.py"]


def literal_keys(file: Path) -> set[str]:
    """The texts that are given as `key=` in a file."""
    return {
        word.value.value
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        for word in node.keywords
        if word.arg == "key"
        and isinstance(word.value, ast.Constant)
        and isinstance(word.value.value, str)
    }


def test_what_the_frame_draws_has_no_key_that_a_page_has() -> None:
    # It stands on every page, where two elements of one key are an error.
    own = literal_keys(ROOT / "core" / "ui" / "frame.py")
    pages = set().union(*(literal_keys(file) for page in PAGES for file in sources(page)))
    assert own and own.isdisjoint(pages)
    assert own.isdisjoint(str(key) for page in PAGES for key in keys(page, "Key"))


def test_the_reading_of_keys_finds_what_breaks_the_rules() -> None:
    source = (
        "st.slider('k', key='k', bind='query-params')\n"
        "controls.segmented('k', [1], key=f'limit_{metric}')\n"
        "st.slider('k', key='unbound')\n"
        "def draw(key: str): st.slider('k', key=key, bind='query-params')\n"
        "def given(key: Address): st.slider('k', key=key, bind='query-params')\n"
        "def made() -> Address: ...\n"
        "st.slider('k', key=made(), bind='query-params')\n"
        "st.slider('k', key=Address.K, bind='query-params')\n"
    )
    tree = ast.parse(source)
    right = {line: names_an_address(key, f, tree) for line, key, f in bindings(source)}
    assert right == {1: False, 2: False, 4: False, 5: True, 7: True, 8: True}
    assert members_used(source) == {"K"}
    # As the pages stand, links of the Search page hold its pictures too.
    assert set(NAMES) < parameters("search") and parameters("search").isdisjoint({"view"})
