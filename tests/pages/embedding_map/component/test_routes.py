"""What the map's routes answer, and above all what they refuse."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette

from core.dataset.files import changed_inside
from core.dataset.thumbnails import cached_thumbnail
from core.embeddings.matrix import Matrix
from core.projection.rows import MapRows, choose_rows
from core.records import ImageRecord
from pages.embedding_map.component import handouts, routes
from pages.embedding_map.component.cards import Cards, PlacedCard
from pages.embedding_map.component.handouts import Handout, Handouts

LABEL = '<b>lime & "co"</b>'


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


def ask(path: str, *, base: str = "") -> Answer:
    """What the app answers; no server is needed for that."""
    app = Starlette(routes=routes.map_routes(base))
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()  # nobody hangs up
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "root_path": "",
        "scheme": "http", "query_string": b"", "headers": [], "server": ("app", 80),
        "client": ("visitor", 1), "http_version": "1.1",
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(sent[0]["status"], headers, body)


@pytest.fixture
def active(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """The sessions that are going on; handouts of this test alone."""
    going_on = {"mine"}
    monkeypatch.setattr(routes, "HANDOUTS", Handouts(is_active=going_on.__contains__))
    return going_on


@pytest.fixture
def cards(tmp_path: Path) -> Cards:
    """Three pictures: one that is there, one whose file is gone, one outside the folder."""
    root = tmp_path / "pictures"
    (root / "lime").mkdir(parents=True)
    Image.new("RGB", (30, 20), "lime").save(root / "lime" / "a.jpg")
    Image.new("RGB", (30, 20), "red").save(tmp_path / "secret.jpg")
    paths = ["lime/a.jpg", "lime/gone.jpg", "../secret.jpg"]

    def read(record: ImageRecord) -> bytes:
        changed_inside(root, record.path)
        return cached_thumbnail(root, record.path, key=record.digest, cache=tmp_path / "thumbnails")

    purity = np.float32([0.25, np.nan, 1])
    return Cards(rows_of(paths), purity, read)


def rows_of(paths: list[str]) -> MapRows:
    matrix = Matrix(
        ids=np.arange(7, 7 + len(paths)),
        embeddings=np.zeros((len(paths), 2), dtype=np.float32),
        labels=[LABEL] * len(paths),
        paths=paths,
        digests=[f"{place:032x}" for place in range(len(paths))],
        fingerprint="made up",
        stored="made up",
        embedded="made up",
    )
    return choose_rows(matrix, limit=100)


def put(cards: Cards, *, token: str = "token", session: str = "mine", **numbers: Any) -> None:
    routes.HANDOUTS.put(token, Handout(session, numbers, cards))


def card(cards: Cards, row: int) -> dict[str, str]:
    answer = ask(f"/map/token/cards/{cards.name}/{row}")
    assert answer.status == 200
    found: dict[str, str] = json.loads(answer.body)
    return found


def test_a_card_shows_the_picture_its_class_and_its_file(active: set[str], cards: Cards) -> None:
    put(cards)
    found = card(cards, 0)
    assert found["picture"].startswith("data:image/jpeg;base64,")
    # As they are: the browser sets them as text.
    assert (found["label"], found["file"]) == (LABEL, "lime/a.jpg")
    assert (found["about"], found["problem"]) == ("id 7, purity 0.25", "")


def test_a_card_says_why_it_has_no_picture(active: set[str], cards: Cards) -> None:
    put(cards)
    gone = card(cards, 1)
    assert gone["picture"] == "" and "no longer in the dataset folder" in gone["problem"]
    assert gone["about"] == "id 8"


def test_no_file_outside_the_dataset_folder_is_opened(
    active: set[str], cards: Cards, tmp_path: Path
) -> None:
    put(cards)
    outside = card(cards, 2)
    assert outside["picture"] == "" and "leads outside the dataset folder" in outside["problem"]
    assert str(tmp_path) not in json.dumps(outside)


def test_a_placed_picture_has_a_card_for_its_owner_alone(active: set[str], cards: Cards) -> None:
    own = PlacedCard("digest", "<i>mine</i>.jpg", 0.913, b"jpeg")
    routes.HANDOUTS.put("token", Handout("mine", {}, cards, own))
    found = json.loads(ask("/map/token/placed/digest").body)
    # "anBlZw==" is base64 of "jpeg".
    assert found["picture"] == "data:image/jpeg;base64,anBlZw=="
    assert (found["label"], found["file"]) == ("Your picture", "<i>mine</i>.jpg")
    assert found["about"] == "nearest similarity 0.913"
    assert ask("/map/token/placed/another").status == 404
    assert ask("/map/guessed/placed/digest").status == 404
    put(cards)
    assert ask("/map/token/placed/digest").status == 404


@pytest.mark.parametrize("row", ["3", "-1", "99999999999999999999", "1.5", "x", "0/..", "%2e%2e"])
def test_only_rows_of_the_map_have_a_card(active: set[str], cards: Cards, row: str) -> None:
    put(cards)
    assert ask(f"/map/token/cards/{cards.name}/{row}").status == 404


def test_a_stranger_is_refused(active: set[str], cards: Cards) -> None:
    put(cards, points=np.zeros(2, dtype="f4"))
    for path in (f"/map/guessed/cards/{cards.name}/0", "/map/guessed/numbers/points"):
        refused = ask(path)
        assert refused.status == 404 and refused.headers["cache-control"] == "no-store"
        assert b"lime" not in refused.body and b"Traceback" not in refused.body


def test_a_token_is_worth_nothing_once_its_session_has_ended(
    active: set[str], cards: Cards
) -> None:
    put(cards, points=np.zeros(2, dtype="f4"))
    paths = (f"/map/token/cards/{cards.name}/0", "/map/token/numbers/points")
    assert [ask(path).status for path in paths] == [200, 200]
    active.clear()
    assert [ask(path).status for path in paths] == [404, 404]


def test_rows_of_a_collection_that_has_changed_are_refused(active: set[str], cards: Cards) -> None:
    put(cards)
    other = Cards(rows_of(["lime/a.jpg"]), None, cards.read)
    assert other.name != cards.name
    put(other)
    assert ask(f"/map/token/cards/{cards.name}/0").status == 404
    assert ask(f"/map/token/cards/{other.name}/0").status == 200


def test_what_shows_data_stays_in_the_browser_it_was_sent_to(
    active: set[str], cards: Cards
) -> None:
    put(cards, points=np.zeros(2, dtype="f4"))
    for path in (f"/map/token/cards/{cards.name}/0", "/map/token/numbers/points"):
        headers = ask(path).headers
        assert headers["cache-control"].startswith("private, max-age=")
        assert headers["cross-origin-resource-policy"] == "same-origin"


def test_numbers_go_column_by_column_in_little_endian_bytes(active: set[str], cards: Cards) -> None:
    put(cards, points=np.array([[1, 2], [3, 4], [5, 6]], dtype=">f4"))
    found = ask("/map/token/numbers/points").body
    assert np.frombuffer(found, "<f4").tolist() == [1, 3, 5, 2, 4, 6]
    assert ask("/map/token/numbers/others").status == 404


def test_the_numbers_of_the_last_runs_stay_for_a_browser_on_its_way(
    active: set[str], cards: Cards
) -> None:
    for run in range(6):
        put(cards, **{"points": np.zeros(2, dtype="f4"), f"colours{run}": np.array([run])})
    there = [run for run in range(6) if ask(f"/map/token/numbers/colours{run}").status == 200]
    # Four in all, the points among them.
    assert there == [3, 4, 5] and ask("/map/token/numbers/points").status == 200
    # A token that went to another session takes nothing along.
    active.add("other")
    put(cards, session="other")
    assert ask("/map/token/numbers/points").status == 404


def test_what_was_held_ready_for_the_first_visitors_goes_at_last(
    active: set[str], cards: Cards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handouts, "KEPT_VISITORS", 2)
    for token in ("a", "b", "a", "c"):
        put(cards, token=token)
    known = [token for token in "abc" if routes.HANDOUTS.find(token)]
    # a was put again after b.
    assert known == ["a", "c"]


def test_plotly_comes_from_the_installed_package_and_is_kept_for_long() -> None:
    answer = ask(f"/{routes.PLOTLY}")
    assert answer.status == 200 and answer.headers["content-type"].startswith("text/javascript")
    assert b"plotly.js v" in answer.body[:200]
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_the_routes_lie_below_the_path_that_the_app_is_served_at(active: set[str]) -> None:
    for base in ("orchard", "/orchard/"):
        assert ask(f"/orchard/{routes.PLOTLY}", base=base).status == 200
        assert ask(f"/{routes.PLOTLY}", base=base).status == 404
