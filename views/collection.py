"""Collection: planned."""

from core.ui import components

components.coming(
    "Collection",
    "This page will show what is indexed and how healthy it is, and let you build, verify and "
    "mend the index.",
)
