"""The tile of a picture: square, with what is known of it on it, or why it cannot be shown."""

import base64
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.errors import ImageError
from core.records import ImageRecord
from core.ui.text import plain

logger = logging.getLogger(__name__)


class Width(IntEnum):
    """How wide a tile is, in pixels.

    Attributes:
        SIGN: In a line with a button.
        LINE: In a line with text.
        SMALL: Many pictures side by side.
        MEDIUM: The usual one; anything narrower has no room for a message.
        LARGE: Four tiles beside the controls at 1,400 pixels, two at 390.
    """

    SIGN = 44
    LINE = 64
    SMALL = 96
    MEDIUM = 120
    LARGE = 160


class Frame(StrEnum):
    """What the frame of a tile says: by its colour, and by its line for those who see none."""

    NONE = "none"
    RIGHT = "right"
    WRONG = "wrong"
    ENCODER = "encoder"
    INDEX = "index"
    BEYOND = "beyond"

    @property
    def words(self) -> str:
        """The same in words; empty for no frame."""
        return _WORDS.get(self, "")


_WORDS = {
    Frame.RIGHT: "of the query's class",
    Frame.WRONG: "of another class",
    Frame.ENCODER: "of another class: the encoder's, exact search returns it too",
    Frame.INDEX: "of another class: the index's, only the approximate search returns it",
    Frame.BEYOND: "of another class, and none of the query's was left to find",
}
_SIGNS = {
    Frame.RIGHT: "check",
    Frame.WRONG: "close",
    Frame.ENCODER: "close",
    Frame.INDEX: "visibility_off",
}


# Okabe and Ito's green, vermilion and orange: they differ in brightness too.
STYLE = """
[class*="st-key-tile_"] { position: relative; }
/* A row of tiles alone is a grid: they share what would stay empty at the end of a row. */
.stHorizontalBlock:not(.st-key-recent):has(> :first-child > [class*="st-key-tile_"]):has(
  > :last-child > [class*="st-key-tile_"]
) {
  --least: 120px; display: grid;
  grid-template-columns: repeat(auto-fill, minmax(min(var(--least), 45%), 1fr));
  > * { width: auto; }
}
.stHorizontalBlock.st-key-hits { --least: 160px !important; }
@media (max-width: 640px) {
  /* Two that belong together are a row of their own there. */
  .stHorizontalBlock > :has(> .stHorizontalBlock > :last-child > [class*="st-key-tile_"]) {
    flex: 1 1 100%; width: 100%;
  }
}
[class*="st-key-tile_right"] img { outline: 3px solid #009E73; outline-offset: -3px; }
[class*="st-key-tile_wrong"] img { outline: 3px dashed #D55E00; outline-offset: -3px; }
[class*="st-key-tile_encoder"] img { outline: 3px dashed #D55E00; outline-offset: -3px; }
[class*="st-key-tile_index"] img { outline: 3px dotted #E69F00; outline-offset: -3px; }
[class*="st-key-chip_"] {
  position: absolute; top: 6px; left: 6px; width: auto; padding: 0 6px; z-index: 1;
  max-width: calc(100% - 12px); border-radius: 6px; background: rgba(18, 17, 16, 0.78);
  pointer-events: none;
}
[class*="st-key-chip_"] * { color: #FFFFFF; }
[class*="st-key-chip_"] p { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
/* In the one line below a picture the class gives way to the number and to the sign of a help. */
[class*="st-key-tile_"] .stMarkdown p:has(> span:first-child) {
  display: flex; align-items: center; gap: 0.3em; white-space: nowrap;
}
[class*="st-key-tile_"] .stMarkdown p > span:first-child {
  overflow: hidden; text-overflow: ellipsis; min-width: 0;
}
[class*="st-key-tile_none_recent"] img { aspect-ratio: 1; object-fit: cover; }
/* A button over the whole tile: the picture is what is pressed. */
[class*="st-key-press_"] { position: absolute; inset: 0; z-index: 2; }
[class*="st-key-press_"] :is(div, button) { width: 100%; height: 100%; }
[class*="st-key-press_"] button { opacity: 0; }
[class*="st-key-tile_"]:has([class*="st-key-press_"] button:is(:hover, :focus-visible)) img {
  outline: 3px solid #0072B2; outline-offset: -3px;
}
/* The words of a button with an icon are for those who do not see it. */
[class*="st-key-icons_"] button [data-testid="stMarkdownContainer"] {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
}
/* Three dots say that there is a menu; the arrow that every menu has is one sign too many. */
[class*="st-key-icons_"] [data-testid="stMenuButtonButton"] div[aria-hidden="true"] {
  display: none;
}
"""


@dataclass(frozen=True, slots=True)
class Tile:
    """A tile that is drawn.

    Attributes:
        below: Where to draw what stands below the picture.
        shown: Whether the picture is there.
    """

    below: DeltaGenerator
    shown: bool


def draw_tile(
    record: ImageRecord,
    read: Callable[[ImageRecord], bytes],
    *,
    alt: str,
    width: Width = Width.MEDIUM,
    key: str = "",
    frame: Frame = Frame.NONE,
    chip: str = "",
) -> Tile:
    """Draw the thumbnail of a picture as a square, or say with its path why there is none.

    A tile narrower than `Width.MEDIUM` has a sign instead, which says it when it is pointed at.

    Args:
        read: Returns the thumbnail; its ImageError is what a broken tile tells.
        alt: What those read who do not see the picture; never markup.
        key: Tells the tiles of a page apart; one without has neither frame nor chip.
        chip: Markdown of our own that stands in the corner of the picture, such as a rank.
    """
    tile = st.container(key=f"tile_{frame}_{key}" if key else None, width=width, gap=None)
    try:
        tile.image(data_url(read(record)), width="stretch", alt=alt)
    except ImageError as error:
        logger.info("no thumbnail: %s", error)
        told = with_path(error, record.path)
        if width < Width.MEDIUM:
            tile.markdown(":material/broken_image:", help=told)
        else:
            tile.warning(told, icon=":material/broken_image:")
            if key and chip:
                tile.markdown(chip)
        return Tile(tile, shown=False)
    if key and chip:
        with tile.container(key=f"chip_{key}"):
            st.markdown(chip)
    return Tile(tile, shown=True)


def rank_chip(rank: int, frame: Frame) -> str:
    """Return what stands in the corner of a hit: its rank, and the sign of its frame."""
    sign = _SIGNS.get(frame)
    return f"**{rank}**" + (f" :material/{sign}:" if sign else "")


def tile_line(label: str, number: str = "", *, help: str) -> None:
    """Draw the one line below a picture: its class, then a number.

    Args:
        label: Text of data; cut off where there is no room for it.
        number: Markdown of our own; always whole.
        help: Markdown, for whoever points at the line.
    """
    st.markdown(f":small[{plain(label)}]" + (f" :small[{number}]" if number else ""), help=help)


def press(
    tile: Tile,
    label: str,
    *,
    key: str,
    help: str,
    on_click: Callable[..., None],
    args: tuple[Any, ...],
) -> bool:
    """Make the whole tile a button; the tile has a key.

    Args:
        label: What the button does, for those who do not see the picture.
    """
    with tile.below.container(key=f"press_{key}"):
        return st.button(label, key=f"pressed_{key}", help=help, on_click=on_click, args=args)


def data_url(jpeg: bytes) -> str:
    """Return a JPEG as what `st.image` sends with the page, instead of a file to ask for.

    Streamlit forgets a file as soon as a run that was cut short has not shown it; a browser that
    asks for it after that shows a broken picture until the page is loaded again.
    """
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def with_path(error: Exception, path: str) -> str:
    """Return what went wrong with a picture, its path before it unless the message has it."""
    return plain(str(error) if path in str(error) else f"{path}: {error}")
