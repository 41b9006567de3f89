"""The API over three classes of six pictures, which its tests leave as they are."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import api, dashboard, search_page


@pytest.fixture(scope="module")
def pictures(
    indexed: dashboard.Indexed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ORCHARD_API_TOKEN", api.TOKEN)
        yield from search_page.collection(indexed, tmp_path_factory.mktemp("api"))


@pytest.fixture(scope="module")
def client(pictures: Path) -> Iterator[api.Client]:
    with api.serving() as client:
        yield client
