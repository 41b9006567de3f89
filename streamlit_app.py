"""The dashboard as an application: `streamlit run streamlit_app.py`, or `make app`.

The pages are drawn by the router. A plain script here, beside a folder `pages`, would let Streamlit
run a page without it, and so without the sign-in, when a link to that page is opened first.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import streamlit as st

from core.api.app import api_routes
from core.ui import resources
from pages.embedding_map.component.routes import map_routes

_BASE = st.get_option("server.baseUrlPath")


@contextlib.asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Let a run stop in its own time when the dashboard is ended: what it has encoded is kept."""
    yield
    await asyncio.to_thread(resources.stop_run)


app = st.App(
    Path(__file__).resolve().parent / "core" / "ui" / "router.py",
    lifespan=lifespan,
    routes=[
        *map_routes(_BASE),
        *api_routes(resources, base=_BASE, address=st.get_option("server.address") or ""),
    ],
)
