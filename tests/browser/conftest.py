"""The browser, and a dashboard for the tests that leave a collection as it is."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support import browser as browsers
from tests.support import dashboard


@pytest.fixture(scope="package", autouse=True)
def patience() -> Iterator[None]:
    """A machine that is busy with something else is slow, and no test here is about speed."""
    expect.set_options(timeout=browsers.PATIENCE_MS)
    yield
    expect.set_options(timeout=5000)  # Playwright's own


@pytest.fixture(scope="package")
def chromium() -> Iterator[Callable[[], Browser]]:
    # Not for the session: as long as Playwright runs, nothing else in this process can use asyncio.
    with browsers.launched() as chromium:
        yield chromium


@pytest.fixture
def browser(chromium: Callable[[], Browser]) -> Browser:
    """The system's Chromium, one for all tests; what it crashes at spoils one test alone."""
    return chromium()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A light wide window; test_layout.py looks at a dark narrow one."""
    with browsers.watched_page(browser, height=1500) as page:
        yield page


@pytest.fixture(scope="package")
def gallery(indexed: dashboard.Indexed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a dashboard on three classes of six pictures, indexed in two lists."""
    root = tmp_path_factory.mktemp("gallery")
    with pytest.MonkeyPatch.context() as patch:
        dashboard.set_environment(patch, root / "data")
        indexed.copied_to(root / "data")
        with browsers.serving(*browsers.streamlit_command(), log=root / "log") as url:
            yield url
