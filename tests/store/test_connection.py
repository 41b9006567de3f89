"""The connection's time limit: given with every call, unless the call has one of its own."""

from typing import Any

from core.store.connection import Client


class Recording:
    """Stands in for pymilvus's client and says what it was called with."""

    def search(self, name: str, **options: Any) -> tuple[str, dict[str, Any]]:
        return name, options


def test_every_call_is_given_the_seconds_that_it_may_take() -> None:
    client = Client(Recording(), seconds=3.0, make_room=lambda name: None)
    assert client.search("fruit_l2", limit=5) == ("fruit_l2", {"limit": 5, "timeout": 3.0})
    assert client.search("fruit_l2", timeout=60.0) == ("fruit_l2", {"timeout": 60.0})
