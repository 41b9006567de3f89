"""The tile of a picture: its thumbnail, or why it cannot be shown, and what stands below."""

import base64
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

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
) -> Tile:
    """Draw the thumbnail of a picture, or say with its path why there is none.

    A tile narrower than `Width.MEDIUM` has a sign instead, which says it when it is pointed at.

    Args:
        read: Returns the thumbnail; its ImageError is what a broken tile tells.
        alt: What those read who do not see the picture; never markup.
    """
    tile = st.container(width=width, gap=None)
    try:
        tile.image(data_url(read(record)), width="stretch", alt=alt)
    except ImageError as error:
        logger.info("no thumbnail: %s", error)
        told = with_path(error, record.path)
        if width < Width.MEDIUM:
            tile.markdown(":material/broken_image:", help=told)
        else:
            tile.warning(told, icon=":material/broken_image:")
        return Tile(tile, shown=False)
    return Tile(tile, shown=True)


def data_url(jpeg: bytes) -> str:
    """Return a JPEG as what `st.image` sends with the page, instead of a file to ask for.

    Streamlit forgets a file as soon as a run that was cut short has not shown it; a browser that
    asks for it after that shows a broken picture until the page is loaded again.
    """
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def with_path(error: Exception, path: str) -> str:
    """Return what went wrong with a picture, its path before it unless the message has it."""
    return plain(str(error) if path in str(error) else f"{path}: {error}")
