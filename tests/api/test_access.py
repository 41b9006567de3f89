"""Who is let in: this machine, whoever has the token, and nobody else."""

import pytest
from starlette.datastructures import Headers

from core.api.access import Access, is_loopback

TOKEN = "of-sixteen-or-more"  # made up
HERE = {"host": "127.0.0.1:8501"}
WITH_TOKEN = {"authorization": f"Bearer {TOKEN}"}


def refused(
    headers: dict[str, str],
    *,
    client: str = "127.0.0.1",
    token: str = TOKEN,
    is_local: bool = True,
    because: str = "",
) -> str:
    access = Access(token, is_local=is_local)
    return access.refused(Headers(headers), client, because=because)


@pytest.mark.parametrize("host", ["127.0.0.1:8501", "localhost", "LOCALHOST:80", "[::1]:8501"])
def test_this_machine_needs_no_token(host: str) -> None:
    assert refused({"host": host}) == ""
    assert refused({"host": host}, token="") == ""


@pytest.mark.parametrize(
    "host", ["evil.example:8501", "127.0.0.1.evil.example", "localhost.evil.example", "", "[::1"]
)
def test_a_page_elsewhere_that_calls_itself_this_machine_is_refused(host: str) -> None:
    assert "is for the host" in refused({"host": host})


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9000"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_form_of_a_page_elsewhere_is_refused(headers: dict[str, str]) -> None:
    assert "a web page elsewhere" in refused({**HERE, **headers})


def test_a_page_of_our_own_may_ask() -> None:
    own = {"origin": "http://127.0.0.1:8501", "sec-fetch-site": "same-origin"}
    assert refused({**HERE, **own}) == ""


@pytest.mark.parametrize("name", ["Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"])
def test_whoever_comes_through_a_proxy_needs_the_token(name: str) -> None:
    assert "a token is needed" in refused({**HERE, name: "203.0.113.7"})
    assert refused({**HERE, name: "203.0.113.7", **WITH_TOKEN}) == ""


@pytest.mark.parametrize("client", ["192.0.2.1", "2001:db8::1", "", "testclient"])
def test_other_machines_need_the_token(client: str) -> None:
    assert "a token is needed" in refused(HERE, client=client)
    assert refused({"host": "orchard.example", **WITH_TOKEN}, client=client) == ""


def test_where_people_sign_in_or_other_machines_reach_it_this_machine_needs_the_token_too() -> None:
    assert "a token is needed" in refused(HERE, is_local=False)
    assert refused({**HERE, **WITH_TOKEN}, is_local=False) == ""


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}"]
)
def test_another_token_or_none_admits_nobody(given: str) -> None:
    assert refused({**HERE, "authorization": given}, is_local=False)
    # No token that is set is no empty token.
    assert refused({**HERE, "authorization": "Bearer "}, token="", is_local=False)


def test_what_takes_the_token_in_any_case_says_why_on_this_machine_as_well() -> None:
    changes = "this changes something"
    assert refused(HERE, because=changes).startswith(f"{changes}, which takes the token. Send")
    assert "Set ORCHARD_API_TOKEN" in refused(HERE, token="", because=changes)
    assert refused({**HERE, **WITH_TOKEN}, because=changes) == ""


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("", False),
        ("192.0.2.1", False),
        ("example.org", False),
    ],
)
def test_addresses_that_mean_this_machine(address: str, *, expected: bool) -> None:
    assert is_loopback(address) is expected
