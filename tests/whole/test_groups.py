"""How the tests are shared out to several workers."""

from pathlib import Path

import pytest

from tests.support.groups import FIRST, MORTAL, group_of, place_of

TESTS = Path(__file__).parents[1]


def test_every_test_that_needs_a_server_or_a_browser_is_in_its_group(
    request: pytest.FixtureRequest,
) -> None:
    # Of what runs now: all of them when all tests run.
    for item in request.session.items:
        marks = {mark.name for mark in item.iter_markers()} & {"server", "browser"}
        expected = {"mortal": {"server"}, "server": {"server"}, "browser": {"browser"}}
        assert marks == expected.get(group_of(item.nodeid), set()), item.nodeid


def test_one_worker_gets_all_that_a_file_makes_for_its_tests() -> None:
    assert group_of("tests/store/test_lite.py::test_a[x-y]") == "store/test_lite"
    assert (
        group_of("tests/store/test_vector_store.py::test_a[lite-L2]") == "store/test_vector_store"
    )
    assert group_of("tests/store/test_vector_store.py::test_a[server-L2]") == "server"


def test_the_longest_groups_start_first() -> None:
    ids = ["tests/store/test_lite.py::test_a", "tests/browser/test_search.py::test_a"]
    assert sorted(ids, key=place_of) == ids[::-1]
    # A name that is no group any more would change nothing.
    files = {path.relative_to(TESTS).with_suffix("").as_posix() for path in TESTS.rglob("*.py")}
    assert {*FIRST} - {"mortal", "browser", "server"} <= files
    assert {*MORTAL} <= files
