"""What the Evaluation page says where there is no nprobe to choose."""

import pytest
from streamlit.testing.v1 import AppTest


def section(index_type: str, nlist: int) -> None:
    """Draw the section; AppTest runs the source of this function."""
    from typing import Any, cast

    from pages.evaluation.sweep import sweep_section
    from tests.collection.test_info import made_up_info

    info = made_up_info(index_type=index_type, nlist=nlist)
    sweep_section(cast("Any", None), info, k=10)


@pytest.mark.parametrize(
    ("index_type", "nlist", "lists"),
    [("IVF_FLAT", 1, "a single list"), ("FLAT", 0, "no lists")],
)
def test_an_index_with_one_list_is_not_said_to_have_none(
    index_type: str, nlist: int, lists: str
) -> None:
    at = AppTest.from_function(section, args=(index_type, nlist)).run(timeout=30)
    assert not at.exception
    assert (
        at.info[0].value == f"The index is {index_type}, which has {lists}: nprobe changes nothing."
    )
