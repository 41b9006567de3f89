"""Sign-in: where it is asked for nobody sees a page without it, also when it is not set up."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.ui import sign_in

APP = str(Path(__file__).parents[2] / "core" / "ui" / "router.py")


class Visitor(dict[str, Any]):
    """Stands in for `st.user`, which only a real provider fills."""

    def __init__(self, **facts: Any) -> None:
        super().__init__(facts)
        if "is_logged_in" in facts:
            self.is_logged_in = facts["is_logged_in"]


@pytest.fixture(autouse=True)
def fresh(no_settings: None) -> Iterator[None]:
    st.cache_resource.clear()
    st.cache_data.clear()
    yield
    st.cache_resource.clear()
    st.cache_data.clear()


def opened(monkeypatch: pytest.MonkeyPatch, visitor: Visitor | None) -> AppTest:
    if visitor is not None:
        monkeypatch.setattr(sign_in.st, "user", visitor)
    at = AppTest.from_file(APP, default_timeout=60).run()
    assert not at.exception
    return at


def shows_pages(at: AppTest) -> bool:
    return any("Nothing is indexed yet" in m.value for m in at.markdown)


def test_without_the_setting_the_pages_are_open(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shows_pages(opened(monkeypatch, None))


def test_asked_for_but_not_set_up_admits_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHARD_SIGN_IN", "true")
    at = opened(monkeypatch, Visitor())
    assert not shows_pages(at)
    assert "no provider is set up" in at.error[0].value
    assert list(at.button) == []


def test_stranger_sees_the_button_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHARD_SIGN_IN", "true")
    at = opened(monkeypatch, Visitor(is_logged_in=False))
    assert not shows_pages(at)
    assert [button.label for button in at.button] == ["Sign in"]


def test_who_has_signed_in_sees_the_pages_and_the_name_is_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ORCHARD_SIGN_IN", "true")
    at = opened(monkeypatch, Visitor(is_logged_in=True, email="**a**@b.example"))
    assert shows_pages(at)
    assert "\\*\\*a\\*\\*" in at.sidebar.caption[0].value
    assert "Sign out" in [button.label for button in at.sidebar.button]


def test_provider_that_fails_is_said_without_details(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHARD_SIGN_IN", "true")

    def fail() -> None:
        raise RuntimeError("client_secret=abc")

    monkeypatch.setattr(sign_in.st, "login", fail)
    at = opened(monkeypatch, Visitor(is_logged_in=False))
    at.button[0].click().run()
    assert "not set up correctly" in at.error[0].value
    assert "abc" not in at.error[0].value
