"""The table of a selection of the map."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from pages.embedding_map.lists import csv_of


def test_class_that_looks_like_a_formula_is_made_harmless_in_the_table() -> None:
    rows = SimpleNamespace(ids=np.array([7]), paths=["=1+1/a.jpg"], labels=["=1+1"])
    coordinates = np.array([[-0.5, 0.25]], dtype=np.float32)
    settings = SimpleNamespace(dimensions=2)
    view: Any = SimpleNamespace(
        rows=rows,
        purity=np.array([0.75], dtype=np.float32),
        projection=SimpleNamespace(coordinates=coordinates, settings=settings),
    )
    assert csv_of(view, [0]).removeprefix("\ufeff").splitlines() == [
        "id,path,class,purity,x,y",
        "7,'=1+1/a.jpg,'=1+1,0.75,-0.5,0.25",
    ]
