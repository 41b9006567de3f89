"""Evaluation: planned."""

from core.ui import components

components.coming(
    "Evaluation",
    "This page will show how often the hits are of the right class: precision@k and its "
    "relatives per class, with their uncertainty and the pictures behind every number.",
)
