"""The section of the Evaluation page about duplicates: what they add to the figures, and pairs."""

import numpy as np
import streamlit as st

from core.collection.info import CollectionInfo
from core.embeddings.near_duplicates import NEAR_DUPLICATE
from core.evaluation.notes import left_out
from core.evaluation.report import Report, Variant
from core.evaluation.tables import nearest_pairs
from core.ui.tiles import Frame
from pages.evaluation.cache import get_figures
from pages.evaluation.overview.headline import estimate_text
from pages.evaluation.tiles import picture, picture_pair

_PAIRS = 8


def duplicates_section(report: Report, info: CollectionInfo, *, k: int, variant: Variant) -> None:
    """Show precision@k as it is and without duplicates, and the most similar pairs."""
    name = f"precision@{k}"
    st.subheader(
        "What duplicates add",
        anchor=False,
        help="Near-duplicates, frames of one video and bursts, have a cosine similarity above "
        f"{NEAR_DUPLICATE}, as on the other pages. The pairs below show whether that fits these "
        "pictures; “Ignore near-duplicates from” among the controls draws the line elsewhere.",
    )
    variants = {
        "as they are": Variant(),
        "without exact copies": Variant(without_copies=True),
        "without near-duplicates": Variant(from_similarity=NEAR_DUPLICATE),
    }
    if variant.from_similarity not in (None, NEAR_DUPLICATE):
        variants[left_out(variant).lower() + " left out"] = variant
    base = get_figures(report.name, k, Variant()).shown.macro[name].value
    rows = []
    for label, chosen in variants.items():
        summary = get_figures(report.name, k, chosen).shown
        value = summary.macro[name].value
        dropped = report.dropped(chosen)[:, :k]
        rows.append(
            {
                "Neighbours": label,
                f"Macro {name}": estimate_text(summary.macro[name]),
                "Gap": None if np.isnan(value) else value - base,
                "Queries with such": int(dropped.any(axis=1).sum()),
                "Undefined": summary.unknown[k],
            }
        )
    st.dataframe(
        rows,
        hide_index=True,
        column_config={
            "Gap": st.column_config.NumberColumn(format="%+.3f", width="small"),
            "Queries with such": st.column_config.NumberColumn(
                help=f"Queries with at least one such neighbour among their first {k} hits."
            ),
            "Undefined": st.column_config.NumberColumn(
                help=f"Queries that have fewer than {k} stored neighbours left."
            ),
        },
    )
    _pairs(report, info)


def _pairs(report: Report, info: CollectionInfo) -> None:
    st.markdown(
        "**Most similar pairs**",
        help="Cosine similarity, from -1 to 1. A cross: the two have different classes.",
    )
    with st.container(horizontal=True, gap="medium"):
        for query, rank, similarity in nearest_pairs(report, most=_PAIRS):
            asked = report.record(int(report.queries[query]))
            hit = report.record(int(report.exact.positions[query, rank]))
            same = asked.label == hit.label
            sign = ":material/check:" if same else ":material/close:"
            with picture_pair():
                key = f"alike_{query}_{rank}"
                picture(asked, info, key=f"{key}_query", name="the one")
                picture(
                    hit,
                    info,
                    key=f"{key}_hit",
                    name="the other",
                    frame=Frame.RIGHT if same else Frame.WRONG,
                    chip=f"{similarity:.3f} {sign}",
                )
