"""What the answer is worth: counts, votes, precision, recall against exact search, times."""

from collections.abc import Sequence

import streamlit as st

from core.embeddings.one_query import SAMPLE
from core.metric import Metric
from core.search.answer import Answer, Question
from core.search.hits import Hit
from core.search.verdict import Cause, Verdict, class_votes, precision
from core.ui.text import plain
from core.wording import counted
from pages.search.answer import grid
from pages.search.answer.grid import score_of, tick
from pages.search.cache import Preparation, Thumbnails
from pages.search.view import View, unusual

_VOTES = 5
# With their pictures; the others in a line.
_MISSED = 20


def counts(view: View, answer: Answer) -> None:
    """Say how many hits there are, in which order, and why there are not more."""
    question, metric = view.question, view.info.metric
    returned = len(answer.hits)
    st.markdown(f"**{returned} of {counted(question.k, 'hit')}**")
    notes = [f"Best first by {metric.direction}."]
    if hidden := len(question.exclude):
        notes.append(
            "The query itself is left out."
            if hidden == 1
            else f"{hidden} pictures are left out: the query, and files with the same bytes."
        )
    if question.similarity is not None and view.reference is not None:
        left_out = counted(answer.duplicates, "near-duplicate")
        notes.append(f"Left out: {left_out} of better hits.")
    if question.nprobe and answer.nprobe > question.nprobe:
        notes.append(
            f"nprobe was raised from {question.nprobe} to {answer.nprobe}: fewer lists held too "
            "few pictures of the chosen classes."
        )
    if returned < question.k:
        notes.append(_why_fewer(answer, question))
    st.caption(" ".join(notes))


def summary(view: View, hits: Sequence[Hit], verdict: Verdict | None) -> None:
    """Show precision@k, recall against exact search and the class vote.

    Args:
        verdict: None where the embeddings are not at hand.
    """
    k, expected = view.question.k, view.expected
    with st.container(horizontal=True, gap="medium", key="worth"):
        if expected is not None and view.others:
            with st.container(width=150, gap=None):
                st.metric(f"precision@{k}", f"{precision(hits, expected=expected, k=k):.2f}")
                best = min(view.others, k) / k
                st.caption(f"share of {plain(expected)}, 0 to 1; at most {best:.2f} here")
        if verdict is not None:
            with st.container(width=150, gap=None):
                st.metric(f"ANN recall@{k}", f"{verdict.recall:.2f}")
                st.caption("share of the exact hits returned, 0 to 1")
        with st.container(width=210, gap=None):
            st.caption("Class vote of the hits")
            st.markdown(_votes(hits))
    if expected is not None and not view.others:
        why = "the class filter leaves it out" if view.question.labels else "the query is the only"
        st.caption(
            f"No precision@{k}: no other picture of the query's class, {plain(expected)}, can be "
            f"found ({why})."
        )
    wrong = list(verdict.causes.values()) if verdict else []
    if wrong:
        by_encoder, by_index = wrong.count(Cause.ENCODER), wrong.count(Cause.INDEX)
        st.caption(
            f"{counted(len(wrong), 'wrong hit')}: {by_encoder} by the *encoder* (exact search "
            f"returns them too), {by_index} by the *index* (only the approximate search does)."
        )


def missed(
    verdict: Verdict | None, *, metric: Metric, expected: str | None, thumbnails: Thumbnails
) -> None:
    """Show the exact hits that the index did not return.

    Args:
        expected: The class of the query; None if it is not known.
    """
    if verdict is None or not verdict.missed:
        return
    number = counted(len(verdict.missed), "exact hit")
    with st.expander(f"{number} that the index missed", icon=":material/visibility_off:"):
        st.caption("With their ranks in exact search. A larger nprobe or ef finds them.")
        with st.container(horizontal=True, gap="small", key="missed"):
            for hit in verdict.missed[:_MISSED]:
                with grid.tile(hit, metric, thumbnails).below:
                    st.markdown(_sign(hit, expected) + _named(hit))
                    st.caption(plain(score_of(hit, metric)))
        if rest := verdict.missed[_MISSED:]:
            st.caption("And: " + ", ".join(_sign(hit, expected) + _named(hit) for hit in rest))


def unusual_warning(view: View) -> None:
    """Warn if the query is unlike anything indexed."""
    found = unusual(view)
    if found is None:
        return
    (nearest, farthest), metric = found, view.info.metric
    st.warning(
        f"Unlike anything indexed: the nearest picture has {metric.noun} "
        f"{plain(metric.formatted(nearest.score))}, while 99 % of the collection's pictures (of "
        f"up to {SAMPLE:,} drawn) have a neighbour at {plain(metric.formatted(farthest))} or "
        "better. The hits may mean little.",
        icon=":material/help:",
    )


@st.fragment(run_every=1.0)
def preparing(preparation: Preparation) -> None:
    """Say how far the embeddings are read, and draw the page anew when they are there."""
    if preparation.future.done():
        st.rerun()
    read = f": {preparation.done:,} of {preparation.total:,} read" if preparation.total else ""
    st.caption(
        f":material/hourglass: Exact search is being prepared{read}. Recall and the causes of "
        "wrong hits appear when it is ready."
    )


def times_line(view: View, answer: Answer, thumbnails: Thumbnails) -> str:
    """Return what took how long in this run, and what came from a cache."""
    parts = view.query.parts
    fresh = [part for part in parts if not part.cached]
    kept = len(parts) - len(fresh)
    told = []
    if fresh:
        told.append(f"decode {sum(part.decode_ms for part in fresh):.0f} ms")
        told.append(f"encode {sum(part.encode_ms for part in fresh):.0f} ms")
    if kept:
        told.append(f"{kept} of {len(parts)} query embeddings from a cache or stored, 0 ms")
    told.append(f"{'exact search' if view.question.exact else 'search'} {answer.search_ms:.0f} ms")
    told.append(
        f"thumbnails {thumbnails.milliseconds:.0f} ms "
        f"({thumbnails.shown - thumbnails.made} of {thumbnails.shown} from a cache)"
    )
    return "Times: " + ", ".join(told)


def _named(hit: Hit) -> str:
    return f"**{hit.rank}** {plain(hit.record.label or 'no class')}"


def _sign(hit: Hit, expected: str | None) -> str:
    return "" if expected is None else f"{tick(right=hit.record.label == expected)} "


def _votes(hits: Sequence[Hit]) -> str:
    votes = class_votes(hits)
    lines = [f"{plain(v.label or 'no class')} {v.share:.0%} ({v.count})" for v in votes[:_VOTES]]
    if len(votes) > _VOTES:
        lines.append(f"{len(votes) - _VOTES} more classes")
    return "  \n".join(lines) or "no hits"


def _why_fewer(answer: Answer, question: Question) -> str:
    reasons = []
    if answer.beyond_limit:
        reasons.append("the limit hides the rest")
    if question.similarity is not None and answer.duplicates:
        reasons.append("near-duplicates are hidden")
    if question.labels:
        reasons.append("the chosen classes may hold no more")
    if not reasons:
        reasons.append("the lists that were searched, or the collection, hold no more")
    return f"Fewer hits than asked for: {', '.join(reasons)}."
