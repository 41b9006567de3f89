"""With sign-in on, a stranger sees nothing else, whichever page a link asks for first."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.support import browser as browsers

pytestmark = pytest.mark.browser

SECRET = "sesame-8f2c1d"  # made up


@pytest.fixture
def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory whose secrets name a provider of sign-in."""
    monkeypatch.setenv("ORCHARD_DATA_DIR", str(tmp_path / "data"))
    folder = tmp_path / "provider"
    (folder / ".streamlit").mkdir(parents=True)
    (folder / ".streamlit" / "secrets.toml").write_text(
        f"""[auth]
redirect_uri = "http://127.0.0.1/oauth2callback"
cookie_secret = "{SECRET}"
client_id = "orchard"
client_secret = "{SECRET}"
server_metadata_url = "https://provider.example/.well-known/openid-configuration"
"""
    )
    return folder


@pytest.mark.parametrize("page", ["", "search", "evaluation", "embedding_map", "collection"])
def test_the_first_link_after_a_start_shows_a_stranger_the_sign_in_alone(
    browser: Browser, provider: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.setenv("ORCHARD_SIGN_IN", "true")
    command = browsers.streamlit_command()
    with (
        # A start for each: Streamlit once drew the page of a first link by itself.
        browsers.serving(*command, log=tmp_path / "log", cwd=provider) as url,
        browser.new_context() as context,
    ):
        window = context.new_page()
        window.goto(f"{url}/{page}")
        expect(window.get_by_role("button", name="Sign in")).to_be_visible(timeout=60_000)
        browsers.settled(window)
        shown = window.locator("[data-testid=stAppViewContainer]").inner_text()
        # What the map would fetch is not there without a token, which only the page gives.
        answers = [
            window.request.get(f"{url}/map/{token}/{path}")
            for token in ("token", SECRET, "%00", "..")
            for path in ("numbers/points", "cards/name/0")
        ]
        found = [a.text() for a in answers if a.ok]
    # Streamlit's link for screen readers; the sign-in, its button with the name of an icon.
    skip, *lines = [line for line in shown.split("\n") if line]
    assert skip == "Skip to main content"
    # An address that means nothing is answered with Streamlit's own empty page.
    assert [text for text in found if "<title>Streamlit</title>" not in text] == []
    assert lines == ["Orchard", "Sign in to see this collection.", "login", "Sign in"]
