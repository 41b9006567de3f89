"""Embedding map: planned."""

from core.ui import components

components.coming(
    "Embedding map",
    "This page will show the whole collection as a map on which similar pictures lie close "
    "together, and let you walk from any region to its pictures.",
)
