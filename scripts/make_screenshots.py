"""Take the pictures of the documents from a dashboard that shows the drawn sample.

make app, then stop it and make a report: python -m scripts.evaluate
make app again, and in another terminal:
python -m scripts.make_screenshots http://127.0.0.1:8501

Needs the packages of requirements-dev.txt and Chromium.
"""

import argparse
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from core.dataset.files import image_id
from core.errors import OrchardError
from scripts.shared.terminal import guarded

if TYPE_CHECKING:
    from playwright.sync_api import Browser

OUT = Path(__file__).resolve().parent.parent / "docs" / "images"
# Name of the file -> path and query of the page, and words that are there when it is complete.
PAGES = {
    "search": (f"?queries={image_id('grape/grape_004.jpg')}&k=12", "hits"),
    "evaluation": ("evaluation", "precision@"),
    "map": ("embedding_map", "UMAP on embeddings"),
    "collection": ("collection", "Health"),
}
# Shown in the dark theme too; the documents have no place for more.
DARK = ("search",)
WIDTH, HEIGHT = 1400, 900
# Below its table the Collection page names folders of the machine.
HEIGHTS = {"collection": 430}
_MINUTES_MS = 300_000
# For pictures to load and transitions to end.
_REST_MS = 4_000


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.make_screenshots",
        description="Take the pictures of the documents from a running dashboard.",
    )
    parser.add_argument("address", help="of a dashboard that shows the drawn sample")
    parser.add_argument("--only", nargs="+", choices=list(PAGES), default=list(PAGES))
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args(argv)
    return guarded(
        lambda: _take(arguments.address, arguments.only, arguments.out),
        None,
        on_interrupt="stopped; the pictures taken so far are kept",
    )


def _take(address: str, names: list[str], out: Path) -> int:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        raise OrchardError("Chromium is not installed. On Debian: apt-get install chromium")
    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium,
            # WebGL without a graphics card.
            args=["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
        )
        for name in names:
            for scheme in ("light", "dark") if name in DARK else ("light",):
                _one(browser, address.rstrip("/"), name, scheme, out / f"{name}-{scheme}.jpg")
        browser.close()
    return 0


def _one(browser: "Browser", address: str, name: str, scheme: str, file: Path) -> None:
    path, words = PAGES[name]
    page = browser.new_page(
        viewport={"width": WIDTH, "height": HEIGHTS.get(name, HEIGHT)},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page.goto(f"{address}/{path}")
    content = page.locator("[data-testid=stMain]").get_by_text(words).first
    content.wait_for(timeout=_MINUTES_MS)
    page.wait_for_timeout(_REST_MS)
    page.screenshot(path=file, type="jpeg", quality=80)
    print(file)
    page.close()


if __name__ == "__main__":
    raise SystemExit(main())
