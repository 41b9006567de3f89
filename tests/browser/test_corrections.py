"""Corrections in a real browser: from the menu of a tile, with the way back at hand."""

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import serious_findings, settled

pytestmark = pytest.mark.browser


def test_a_picture_gets_another_class_from_its_menu_and_has_its_own_again(
    page: Page, gallery: str
) -> None:
    page.goto(f"{gallery}/collection?browse_class=lime")
    settled(page)
    before = page.get_by_role("button", name="What else can be done with").count()
    page.get_by_role("button", name="What else can be done with").first.click()
    page.get_by_text("Another class…", exact=True).click()
    dialog = page.get_by_role("dialog")
    # A part of the name of a class is that class.
    dialog.get_by_role("combobox").fill("plu")
    dialog.get_by_role("combobox").press("Enter")
    expect(dialog.get_by_role("combobox")).to_have_value("plum")
    dialog.get_by_text("A new class").click()
    dialog.get_by_role("textbox").fill("kiwi")
    dialog.get_by_role("textbox").press("Enter")
    dialog.get_by_role("button", name="Give this class").click()
    expect(page.get_by_text("1 picture now kiwi, a new class")).to_be_visible()
    settled(page)
    menus = page.get_by_role("button", name="What else can be done with")
    expect(menus).to_have_count(before - 1)
    assert serious_findings(page) == []
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone: 1 picture now kiwi, a new class")).to_be_visible()
    expect(menus).to_have_count(before)
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_text("Undone")).to_have_count(0)
