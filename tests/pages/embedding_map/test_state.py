"""What a selection on the map does to the session."""

from typing import Any

from streamlit.testing.v1 import AppTest


def selected(told: dict[str, Any]) -> AppTest:
    """A session that was shown four pictures, after the browser has told of a selection."""

    def script() -> None:
        from types import SimpleNamespace
        from typing import Any

        import numpy as np
        import streamlit as st

        from pages.embedding_map import state

        session: Any = state.current()
        if session.drawn is None:
            session.drawn_as = "these"
            session.selected = [7]

            class Rows(SimpleNamespace):
                def __len__(self) -> int:
                    return 4

            session.drawn = Rows(ids=np.array([10, 11, 12, 13]))
        if "map_points" in st.session_state:
            state.take_selection()

    at = AppTest.from_function(script).run()
    at.session_state["map_points"] = {"selection": told}
    at.run()
    assert not at.exception
    return at


def test_rows_become_ids_in_the_order_of_the_map_and_open_their_list() -> None:
    at = selected({"rows": [3, 1, 1], "cards": "these"})
    assert at.session_state["map"].selected == [11, 13]
    assert at.session_state["list"] == "Selection"
    assert selected({"rows": [], "cards": "these"}).session_state["map"].selected == []


def test_rows_that_no_map_has_are_no_pictures() -> None:
    at = selected({"rows": [-1, 4, 2, 10**20], "cards": "these"})
    assert at.session_state["map"].selected == [12]


def test_a_selection_on_a_map_that_has_changed_is_refused_and_said() -> None:
    session = selected({"rows": [1], "cards": "others"}).session_state["map"]
    assert session.selected == [7]
    assert session.lost == ["The map has changed since something was selected on it; select again."]


def test_every_session_has_a_token_of_its_own() -> None:
    tokens = {selected({"rows": [], "cards": ""}).session_state["map"].token for _ in range(3)}
    # 32 random bytes are 43 signs.
    assert len(tokens) == 3 and {len(token) for token in tokens} == {43}
