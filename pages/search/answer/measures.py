"""What the answer is worth: counts, votes, precision, recall against exact search, times."""

from collections.abc import Sequence

import streamlit as st

from core.embeddings.one_query import SAMPLE
from core.metric import Metric
from core.search.answer import Answer, Question
from core.search.hits import Hit
from core.search.verdict import Cause, Verdict, class_votes, precision
from core.ui.charts import class_colour
from core.ui.controls import is_dark
from core.ui.resources import Preparation
from core.ui.text import plain
from core.wording import counted
from pages.search.answer import grid
from pages.search.answer.grid import score_of, tick
from pages.search.cache import Thumbnails
from pages.search.view import View, unusual

_VOTES = 5
# With their pictures; the others in a line.
_MISSED = 20


def facts(view: View, answer: Answer, verdict: Verdict | None, times: str) -> None:
    """Show in one line how many hits there are, what they are worth, and how long they took.

    Args:
        verdict: None where the embeddings are not at hand.
        times: What took how long.
    """
    question, expected = view.question, view.expected
    k, hits = question.k, answer.hits
    if not hits:
        st.markdown("**No hits**", help=_notes(view, answer), width="content")
        return
    st.markdown(
        f"**{len(hits)} of {counted(k, 'hit')}**", help=_notes(view, answer), width="content"
    )
    if expected is not None and view.others:
        best = min(view.others, k) / k
        st.badge(
            f"precision@{k} {precision(hits, expected=expected, k=k):.2f}",
            color="blue",
            help=f"Share of {plain(expected)}, 0 to 1; at most {best:.2f} here.",
        )
    elif expected is not None:
        why = "the query is the only"
        if question.labels or question.having:
            why = f"the {'class ' if question.labels else ''}filter leaves it out"
        st.badge(
            f"no precision@{k}",
            color="gray",
            help=f"No other picture of the query's class, {plain(expected)}, can be found ({why}).",
        )
    if verdict is not None:
        st.badge(
            f"ANN recall@{k} {verdict.recall:.2f}",
            color="blue",
            help="Share of the hits of exact search that the index returned, 0 to 1.",
        )
        _blame(list(verdict.causes.values()))
    _unusual(view)
    st.badge(f"{answer.search_ms:.0f} ms", color="gray", icon=":material/timer:", help=times)


def votes(hits: Sequence[Hit], classes: Sequence[str]) -> None:
    """Show the classes of the hits as a bar in the colours of the map, and their names below it.

    Args:
        classes: All of the collection, in order.
    """
    if not hits:
        return
    found = class_votes(hits)
    shown = found[:_VOTES]
    rest = 1 - sum(vote.share for vote in shown)
    dark, places = is_dark(), {label: place for place, label in enumerate(classes)}
    colours = [*(class_colour(places.get(v.label, 0), dark=dark) for v in shown), "#8888"]
    # Numbers and colours of our own alone: what comes from the data is Markdown.
    st.html(
        '<div style="display: flex; gap: 2px; height: 8px; border-radius: 4px; overflow: hidden">'
        + "".join(
            f'<div style="width: {share:.1%}; background: {colour}"></div>'
            for share, colour in zip([*(v.share for v in shown), rest], colours, strict=True)
        )
        + "</div>"
    )
    # The bar shows the shares.
    words = [f"{plain(v.label or 'no class')} {v.count}" for v in shown]
    if len(found) > _VOTES:
        words.append(counted(len(found) - _VOTES, "more class", "more classes"))
    st.caption(", ".join(words), help="Hits of each class, most frequent first.")


def _blame(causes: Sequence[Cause]) -> None:
    by_encoder, by_index = causes.count(Cause.ENCODER), causes.count(Cause.INDEX)
    if by_encoder:
        st.badge(
            f"{by_encoder} wrong by encoder",
            color="orange",
            help="Wrong hits that exact search returns too. Their frames are dashed.",
        )
    if by_index:
        st.badge(
            f"{by_index} wrong by index",
            color="yellow",
            help="Wrong hits that only the approximate search returns. Their frames are dotted.",
        )


def _notes(view: View, answer: Answer) -> str:
    """Say in which order the hits are, what was left out, and why there are not more."""
    question, metric = view.question, view.info.metric
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
    if len(answer.hits) < question.k:
        notes.append(_why_fewer(answer, question))
    return " ".join(notes)


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
        st.caption("With their ranks in exact search. A more thorough search finds most of them.")
        with st.container(horizontal=True, gap="small", key="missed"):
            for hit in verdict.missed[:_MISSED]:
                with grid.tile(hit, metric, thumbnails).below:
                    st.markdown(_sign(hit, expected) + _named(hit))
                    st.caption(plain(score_of(hit, metric)))
        if rest := verdict.missed[_MISSED:]:
            st.caption("And: " + ", ".join(_sign(hit, expected) + _named(hit) for hit in rest))


def _unusual(view: View) -> None:
    found = unusual(view)
    if found is None:
        return
    (nearest, farthest), metric = found, view.info.metric
    st.badge(
        "Unlike anything indexed",
        color="red",
        icon=":material/warning:",
        help=f"The nearest picture has {metric.noun} {plain(metric.formatted(nearest.score))}, "
        f"while 99 % of the collection's pictures (of up to {SAMPLE:,} drawn) have a neighbour at "
        f"{plain(metric.formatted(farthest))} or better. The hits may mean little.",
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


def _why_fewer(answer: Answer, question: Question) -> str:
    reasons = []
    if answer.beyond_limit is not None:
        reasons.append("the limit hides the rest")
    if question.similarity is not None and answer.duplicates:
        reasons.append("near-duplicates are hidden")
    if question.labels:
        reasons.append("the chosen classes may hold no more")
    if question.having:
        reasons.append("no more rows may have the chosen values")
    if not reasons:
        reasons.append("the lists that were searched, or the collection, hold no more")
    return f"Fewer hits than asked for: {', '.join(reasons)}."
