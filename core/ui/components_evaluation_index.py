"""Sections of the Evaluation page about scores, nprobe, other reports, and downloads."""

import numpy as np
import streamlit as st

from core.comparison import common_measures, compare
from core.findings import score_bins
from core.records import CollectionInfo
from core.report import Configuration, Report, Variant
from core.report_files import read_json_text
from core.sweep import recommended
from core.tables import as_csv, class_rows, query_rows
from core.ui import charts_evaluation as charts
from core.ui import links
from core.ui.components import plain
from core.ui.components_evaluation import curve_values, is_dark, left_out
from core.ui.html_report import html_report
from core.ui.resources_evaluation import (
    Figures,
    Stopwatch,
    get_report,
    reports_folder,
    run_sweep,
)


def scores_section(report: Report, figures: Figures, *, k: int) -> None:
    """Show how scores of right and wrong hits are spread."""
    metric = report.configuration.metric
    st.subheader("What a score is worth")
    scores = figures.lists.scores.astype(np.float64)
    if not metric.higher_is_better:
        scores = np.sqrt(np.maximum(scores, 0))
    bins = score_bins(scores, figures.judged, k=k)
    st.plotly_chart(
        charts.score_figure(bins, axis=metric.noun, dark=is_dark()),
        key="scores",
        config={"displayModeBar": False},
        alt="Pairs by score, and the probability that a pair is of one class",
    )
    st.caption(
        f"Pairs of a query and one of its first {k} hits; {metric.direction}. The lower curve says "
        "how often a pair of that score is of one class, among retrieved pairs."
    )


def sweep_section(report: Report, info: CollectionInfo, *, k: int) -> None:
    """Measure nprobe against precision, ANN recall and time; hand the best one on."""
    st.subheader("How many lists are worth searching?")
    if info.nlist <= 1:
        st.info(
            f"The index is {info.index_type or 'none'}, which has no lists to choose from.",
            icon=":material/info:",
        )
        return
    k = min(k, max(report.configuration.request.ks))
    store = st.session_state.setdefault("sweeps", {})
    key = (report.name, k)
    if st.button("Measure nprobe", icon=":material/speed:"):
        watch = Stopwatch()
        bar = st.progress(0.0, "Measuring nprobe")
        store[key] = run_sweep(
            report,
            info,
            k=k,
            on_progress=lambda done, total: _advance(bar, watch, done, total),
        )
        bar.empty()
    points = store.get(key)
    if not points:
        st.caption("Searches up to 200 queries of this report at 1, 2, 4 ... nlist lists.")
        return
    target = st.slider("ANN recall wanted", 0.8, 1.0, 0.99, 0.005, format="%.3f", width=280)
    best = recommended(points, recall=target)
    st.plotly_chart(
        charts.sweep_figure(points, k=k, chosen=best.nprobe, target=target, dark=is_dark()),
        key="sweep",
        config={"displayModeBar": False},
        alt="precision, ANN recall and latency over nprobe",
    )
    reached = "reaches" if best.recall >= target else "comes closest, with"
    st.markdown(
        f"**nprobe {best.nprobe}** {reached} an ANN recall@{k} of {best.recall:.3f} at "
        f"precision@{k} {best.precision:.3f}; half of the searches take up to {best.p50:.1f} ms, "
        f"95 % up to {best.p95:.1f} ms."
    )
    if st.button(f"Search with nprobe {best.nprobe}", icon=":material/image_search:"):
        links.open_search(metric=info.metric, nprobe=best.nprobe)


def compare_section(report: Report, others: list[tuple[str, Configuration]], *, k: int) -> None:
    """Compare with an older report, losses first."""
    st.subheader("Compare with another report")
    names = [name for name, _ in others if name != report.name]
    if not names:
        st.info("There is no other report yet. Run one with another setting.")
        return
    by_name = dict(others)
    name = st.selectbox("Before", names, format_func=lambda n: describe(by_name[n]))
    before = get_report(name)
    measures = common_measures(before, report)
    preferred = f"precision@{k}"
    measure = st.selectbox(
        "Measure",
        measures or [preferred],
        index=measures.index(preferred) if preferred in measures else 0,
        width=280,
    )
    index = st.toggle("Of the index instead of exact search", key="compare_index")
    found = compare(before, report, measure=measure, index=index)
    certain = [c for c in found.classes if c.certain]
    worse = sum(c.difference.value < 0 for c in certain)
    st.markdown(
        f"**Macro {measure} changed by {found.macro.value:+.3f}** ({found.macro.low:+.3f} to "
        f"{found.macro.high:+.3f}) over {found.queries:,} queries asked in both. "
        f"{worse:,} classes are certainly worse, {len(certain) - worse:,} certainly better."
    )
    st.dataframe(
        [
            {
                "Class": c.label,
                "n": c.queries,
                "Before": c.before,
                "After": c.after,
                "Difference": c.difference.value,
                "95 % interval": f"{c.difference.low:+.3f} to {c.difference.high:+.3f}",
                "p (Holm)": c.p,
                "Verdict": _verdict(c.difference.value, certain=c.certain),
            }
            for c in found.classes
        ],
        hide_index=True,
        column_config={
            name: st.column_config.NumberColumn(format=form)
            for name, form in (
                ("Before", "%.3f"),
                ("After", "%.3f"),
                ("Difference", "%+.3f"),
                ("p (Holm)", "%.3f"),
            )
        },
    )
    left = f" {found.left_out:,} were asked in only one and left out." if found.left_out else ""
    st.caption(
        "Losses first. Intervals are bootstrapped over queries, paired; p is corrected for the "
        f"number of classes by Holm's method.{left}"
    )


def downloads(report: Report, figures: Figures, *, k: int, variant: Variant) -> None:
    """Offer the figures as files, each made when it is asked for."""
    st.subheader("Take it along")
    ks = tuple(sorted({1, k}))
    files = (
        (
            "Report (HTML)",
            "report.html",
            "text/html",
            lambda: html_report(
                report,
                figures.shown,
                k=k,
                curves=curve_values(report, figures),
                left_out=left_out(variant),
            ).encode(),
        ),
        ("Classes (CSV)", "classes.csv", "text/csv", lambda: as_csv(class_rows(figures.shown))),
        (
            "Queries (CSV)",
            "queries.csv",
            "text/csv",
            lambda: as_csv(query_rows(report, figures.judged, ks=ks)),
        ),
        (
            "Report (JSON)",
            "report.json",
            "application/json",
            lambda: read_json_text(report.name, reports_folder()).encode(),
        ),
    )
    with st.container(horizontal=True):
        for label, name, mime, content in files:
            st.download_button(
                label,
                content,
                f"{report.name}-{name}",
                mime,
                icon=":material/download:",
                on_click="ignore",
            )
    st.caption(
        "HTML and CSV hold what is shown: this k, without what is left out. The JSON file holds "
        "the report as it was made. The address of this page opens the same view again."
    )
    with st.expander("How this report was made"):
        st.json(_configuration(report.configuration))


def describe(configuration: Configuration) -> str:
    """Return one line that tells reports apart."""
    request = configuration.request
    index = "exact only" if request.nprobe is None else f"nprobe {request.nprobe}"
    queries = "held-out queries" if request.queries == "held-out" else "all pictures"
    if request.sample:
        queries = f"{request.sample:,} of {queries}"
    moment = configuration.created[:16].replace("T", " ")
    return f"{moment}, {configuration.metric}, {index}, {queries}"


def _configuration(configuration: Configuration) -> dict[str, object]:
    from dataclasses import asdict

    from core.report_summary import as_plain

    return dict(as_plain(asdict(configuration)))


def _advance(bar: object, watch: Stopwatch, done: int, total: int) -> None:
    bar.progress(done / total, plain(watch.text("sweep", done, total)))  # type: ignore[attr-defined]


def _verdict(difference: float, *, certain: bool) -> str:
    if not certain:
        return "could be chance"
    return "worse" if difference < 0 else "better"
