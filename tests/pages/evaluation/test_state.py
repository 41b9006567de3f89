"""What clicks in charts mean."""

from typing import Any

import pytest
import streamlit as st

from pages.evaluation import state


class Memory(dict[str, Any]):
    """What a session keeps."""


def click(memory: Memory, *chosen: str) -> None:
    """As the browser tells it: the point that is chosen now, or none after a second click on it."""
    memory["chart"] = {
        "selection": {"points": [{"customdata": [*chosen, "more"]}] if chosen else []}
    }


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    memory = Memory()
    monkeypatch.setattr(st, "session_state", memory)
    monkeypatch.setattr(st, "query_params", {})
    return memory


def test_a_second_click_on_a_bar_shows_all_classes_again(memory: Memory) -> None:
    click(memory, "lime")
    state.choose_bar("chart")
    assert memory["class"] == "lime"
    click(memory)
    state.choose_bar("chart")
    assert memory["class"] == ""
    click(memory)
    state.choose_bar("chart")
    assert memory["class"] == "lime"


def test_a_click_on_a_bar_means_its_class_although_the_chart_holds_it_chosen(
    memory: Memory,
) -> None:
    click(memory, "lime")
    state.choose_bar("chart")
    # Back, in the browser: the chart knows nothing of that.
    memory["class"] = "pear"
    click(memory)
    state.choose_bar("chart")
    assert memory["class"] == "lime"


def test_another_class_forgets_the_confusion_of_the_one_before(memory: Memory) -> None:
    click(memory, "lime", "pear")
    state.choose_cell("chart")
    assert (memory["asked"], memory["got"]) == ("lime", "pear")
    state.look_at("plum")
    assert (memory["asked"], memory["got"]) == ("", "")
