"""How the tests are shared out to several workers."""

from pathlib import Path

import pytest

from tests.support.groups import (
    BROWSER,
    BROWSER_OWN,
    COMPILING,
    FIRST,
    LAYOUTS,
    MORTAL,
    OWN_DASHBOARD,
    SERVER,
    SERVER_STORE,
    group_of,
    place_of,
)

TESTS = Path(__file__).parents[1]


def test_every_test_that_needs_a_server_or_a_browser_is_in_its_group(
    request: pytest.FixtureRequest,
) -> None:
    # Of what runs now: all of them when all tests run.
    for item in request.session.items:
        marks = {mark.name for mark in item.iter_markers()} & {"server", "browser"}
        group = group_of(item.nodeid)
        with_server = group in (*MORTAL, SERVER, SERVER_STORE)
        expected = {"server"} if with_server else set()
        expected |= {"browser"} if group in (BROWSER, BROWSER_OWN) else set()
        assert marks == expected, item.nodeid


def test_one_worker_gets_all_that_a_file_makes_for_its_tests() -> None:
    assert group_of("tests/store/test_lite.py::test_a[x-y]") == "store/test_lite"
    assert (
        group_of("tests/store/test_vector_store.py::test_a[lite-L2]") == "store/test_vector_store"
    )
    assert group_of("tests/store/test_vector_store.py::test_a[server-L2]") == SERVER_STORE
    assert group_of("tests/health/test_verify.py::test_a[server]") == SERVER
    assert group_of("tests/browser/test_sign_in.py::test_a") == BROWSER_OWN
    assert group_of("tests/projection/test_jobs.py::test_a") == LAYOUTS


def test_the_longest_groups_start_first() -> None:
    ids = ["tests/store/test_lite.py::test_a", "tests/browser/test_search.py::test_a"]
    assert sorted(ids, key=place_of) == ids[::-1]
    # A name that is no group any more would change nothing.
    files = {path.relative_to(TESTS).with_suffix("").as_posix() for path in TESTS.rglob("*.py")}
    assert {*FIRST} - {BROWSER, BROWSER_OWN, LAYOUTS, SERVER, SERVER_STORE} <= files
    assert {*COMPILING, *MORTAL, *OWN_DASHBOARD} <= files
