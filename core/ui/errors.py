"""What a page says instead of a traceback: what went wrong, with a next step."""

import contextlib
import logging
import time
from collections.abc import Iterator

import streamlit as st

from core.errors import CollectionNotFoundError, OrchardError, StoreUnavailableError
from core.ui import links, resources
from core.ui.choosing import looked_at
from core.ui.text import plain
from core.wording import sentence

logger = logging.getLogger(__name__)


_LOOK_AGAIN_SECONDS = 3


@contextlib.contextmanager
def page_errors() -> Iterator[None]:
    """Turn whatever goes wrong into a message with a next step."""
    try:
        yield
    except CollectionNotFoundError as error:
        logger.info("%s", error)
        _nothing_indexed()
    except StoreUnavailableError as error:
        logger.warning("%s", error)
        resources.forget_failures()
        st.error(plain(sentence(str(error))), icon=":material/cloud_off:")
        st.button("Try again", icon=":material/refresh:")
    except OrchardError as error:
        logger.info("%s", error, exc_info=True)
        st.error(plain(sentence(str(error))), icon=":material/error:")
    except Exception:
        logger.exception("unexpected")
        log = resources.get_settings().data.log
        st.error(
            f"Something went wrong that should not. The details are in {plain(str(log))}; please "
            "report them.",
            icon=":material/error:",
        )


def _nothing_indexed() -> None:
    _go_on_once_indexed(time.monotonic())
    with st.container(border=True):
        st.markdown(
            f":material/inbox: Nothing is indexed yet{_named()}. While a collection is being "
            "built, its first pictures can be searched before the last are encoded."
        )
        if resources.get_settings().read_only:
            return
        # Not a link: it would be refused where the page runs without the others, in a test.
        if st.button("Build a collection", icon=":material/database:", type="primary"):
            st.switch_page(links.COLLECTION_PAGE)


def _named() -> str:
    """Say of which collection nothing is indexed, where there are others."""
    with contextlib.suppress(OrchardError):
        if looked_at.offered():
            return f" under the name {plain(looked_at.family())}"
    return ""


@st.fragment(run_every=_LOOK_AGAIN_SECONDS)
def _go_on_once_indexed(since: float) -> None:
    """Someone else may be building; a replacement, too, has a moment with nothing to search."""
    # Not at once: where something else is not found, the page would run in a circle.
    if time.monotonic() - since < _LOOK_AGAIN_SECONDS / 2:
        return
    with contextlib.suppress(OrchardError):
        # Not with the first row of any: a page starts from the first collection.
        if next(iter(resources.get_collections(looked_at.family()).values())).rows:
            st.rerun()
