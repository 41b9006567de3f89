"""An answer without hits: why there are none, and what to do."""

import streamlit as st

from core.collection.columns import title_of
from core.search.answer import Answer
from core.ui.text import plain
from core.wording import counted, listed
from pages.search import state
from pages.search.view import View


def no_hits(view: View, answer: Answer) -> None:
    """Say what left no hit, with the button that changes it."""
    metric, question = view.info.metric, view.question
    if answer.beyond_limit is not None and question.limit is not None:
        best = metric.formatted(answer.beyond_limit)
        side = "reaches" if metric.higher_is_better else "is within"
        st.info(
            f"No hit {side} {metric.noun} {question.limit:.6g}; the best has {best}.",
            icon=":material/filter_alt:",
        )
        st.button(
            "Remove the limit",
            icon=":material/close:",
            type="primary",
            on_click=state.remove_limit,
            args=(metric,),
        )
    elif question.having:
        chosen = listed(
            [plain(f"{title_of(name)} {' or '.join(v)}") for name, v in question.having]
        )
        st.info(f"Nothing but the query itself has {chosen}.", icon=":material/filter_alt:")
        st.button(
            "Search all rows",
            icon=":material/close:",
            type="primary",
            on_click=state.all_rows,
        )
    elif question.labels:
        chosen = listed([plain(name or "no class") for name in question.labels])
        st.info(f"Nothing but the query itself is in {chosen}.", icon=":material/filter_alt:")
        st.button(
            "Search all classes",
            icon=":material/close:",
            type="primary",
            on_click=state.all_classes,
        )
    elif 0 < answer.nprobe < view.info.nlist:
        st.info(
            f"nprobe searches {answer.nprobe} of {counted(view.info.nlist, 'list')}, and nothing "
            "but the query itself lies there.",
            icon=":material/info:",
        )
        st.button(
            "Search all lists",
            icon=":material/manage_search:",
            type="primary",
            on_click=state.search_all_lists,
            args=(view.info.nlist,),
        )
    else:
        st.info(
            "The collection holds nothing but the query itself. Index more pictures on the "
            "Collection page.",
            icon=":material/info:",
        )
