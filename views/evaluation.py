"""Evaluation: how often the hits are right, per class, and where they fail."""

from collections.abc import Mapping

import streamlit as st

from core.errors import OrchardError, ReportError
from core.metric import Metric
from core.records import CollectionInfo, EncoderIdentity
from core.report import Configuration, QuerySet, Report, Request, Variant
from core.search import DEFAULT_NPROBE
from core.trained import training_list
from core.ui import components, resources
from core.ui import components_evaluation as classes
from core.ui import components_evaluation_index as index
from core.ui import components_evaluation_pictures as pictures
from core.ui import resources_evaluation as shared

VIEWS = ["Classes", "Confusion", "Worst queries", "Scores", "nprobe", "Labels", "Hubs", "Compare"]
KS = (1, 2, 3, 5, 10, 20, 50, 100)
EXACT_ONLY = "exact"


def main() -> None:
    """A report, chosen or made; what of it to show; the figures."""
    infos = resources.get_collections()
    reports = shared.get_report_list()
    controls, results = st.columns([2, 7], gap="large")
    with controls:
        name = _report_control(reports)
        request = _request_form(infos)
    if request:
        with results:
            _run(*request)
    if not name:
        with results:
            _invite(infos)
        return
    report = shared.get_report(name)
    with controls:
        k = _k_control(report)
        variant = _variant_control()
        chosen = _class_control(report)
    figures = shared.get_figures(name, k, variant)
    with results:
        info = infos.get(report.configuration.metric)
        _changes(report, info)
        classes.headline(report, figures, k=k, variant=variant)
        _section(report, figures, info or next(iter(infos.values())), k=k, chosen=chosen)
        st.divider()
        index.downloads(report, figures, k=k, variant=variant)


def _section(
    report: Report, figures: shared.Figures, info: CollectionInfo, *, k: int, chosen: list[str]
) -> None:
    """Show one part of the report; only what is looked at is computed."""
    view = st.segmented_control(
        "Show",
        VIEWS,
        default=VIEWS[0],
        required=True,
        key="view",
        bind="query-params",
        label_visibility="collapsed",
    )
    if not figures.shown.classes:
        st.info(
            "No query has another picture of its class to find, so there is nothing to measure. "
            "Index at least two pictures of a class.",
            icon=":material/info:",
        )
        return
    if view == "Classes":
        classes.class_table(figures.shown, k=k)
        classes.class_charts(report, figures, k=k, chosen=chosen)
    elif view == "Confusion":
        pictures.confusion_section(report, figures, info, k=k)
    elif view == "Worst queries":
        pictures.worst_section(report, figures, info, k=k)
    elif view == "Scores":
        index.scores_section(report, figures, k=k)
    elif view == "nprobe":
        index.sweep_section(report, info, k=k)
    elif view == "Labels":
        pictures.suspects_section(report, info, k=k)
    elif view == "Hubs":
        pictures.hubs_section(report, info, k=k)
    else:
        index.compare_section(report, shared.get_report_list(), k=k)


def _report_control(reports: list[tuple[str, Configuration]]) -> str | None:
    made = st.session_state.pop("report_made", None)
    if made:
        st.session_state["report"] = made
    wanted = st.session_state.get("report") or st.query_params.get("report")
    by_name = dict(reports)
    if wanted and wanted not in by_name:
        try:
            shared.get_report(wanted)
        except ReportError as error:
            st.error(components.plain(str(error)), icon=":material/error:")
    if not reports:
        return None
    # The names are the options, since what is shown is also what the link carries.
    name = st.selectbox("Report", list(by_name), key="report", bind="query-params")
    if name:
        st.caption(components.plain(index.describe(by_name[name])))
    return name


def _request_form(infos: Mapping[Metric, CollectionInfo]) -> tuple[Request, Metric] | None:
    popover = st.popover("New report", icon=":material/add:", width="stretch")
    with popover, st.form("request", border=False):
        metric = st.segmented_control(
            "Metric", list(infos), default=next(iter(infos)), required=True, width="stretch"
        )
        info = infos[Metric(metric)]
        ks = st.multiselect("Cut-offs (k)", KS, default=[1, 5, 10])
        nlist = max(info.nlist for info in infos.values())
        steps = [EXACT_ONLY, *(str(2**n) for n in range(nlist.bit_length()) if 2**n <= nlist)]
        default = str(max(int(s) for s in steps[1:] if int(s) <= DEFAULT_NPROBE)) if nlist else "1"
        nprobe = st.select_slider(
            "Index: nprobe",
            steps if nlist else [EXACT_ONLY, "1"],
            value=default,
            help="Exact search is always measured; `exact` leaves the index out.",
        )
        held_out = training_list(info.encoder) is not None
        queries = st.segmented_control(
            "Queries",
            [query.value for query in QuerySet] if held_out else [QuerySet.ALL.value],
            default=QuerySet.HELD_OUT.value if held_out else QuerySet.ALL.value,
            required=True,
            help="Held-out pictures are those the encoder was not trained on.",
            width="stretch",
        )
        sample = st.number_input(
            "At most so many queries",
            min_value=0,
            value=0,
            step=100,
            help="Drawn from every class in proportion; 0 asks with every picture.",
        )
        seed = st.number_input("Seed", min_value=0, value=0, step=1)
        query_paths = st.text_input(
            "Only queries whose path matches", placeholder="*/test/*", help="`*` is anything."
        )
        gallery_paths = st.text_input(
            "Only hits whose path matches",
            placeholder="*/train/*",
            help="`*` is anything. Needs exact search only.",
        )
        if not st.form_submit_button("Run report", type="primary", icon=":material/play_arrow:"):
            return None
    request = Request(
        ks=tuple(int(k) for k in ks),
        nprobe=None if nprobe == EXACT_ONLY else int(nprobe),
        sample=int(sample) or None,
        seed=int(seed),
        queries=QuerySet(queries),
        query_paths=query_paths.strip(),
        gallery_paths=gallery_paths.strip(),
    )
    return request, Metric(metric)


def _run(request: Request, metric: Metric) -> None:
    """Run a report with progress; pressing Cancel, or anything else, stops it."""
    bar = st.progress(0.0, "Starting")
    watch = shared.Stopwatch()
    # The press itself is what stops the run: Streamlit starts the page anew.
    cancel = st.empty()
    cancel.button("Cancel", icon=":material/cancel:")

    def show(stage: str, done: int, total: int) -> None:
        bar.progress(done / total, watch.text(stage, done, total))

    try:
        report = shared.run_report(request, metric, on_progress=show)
    except OrchardError as error:
        st.error(components.plain(str(error)), icon=":material/error:")
        bar.empty()
        cancel.empty()
        return
    st.session_state["report_made"] = report.name
    st.rerun()


def _k_control(report: Report) -> int:
    request, depth = report.configuration.request, report.exact.depth
    options = sorted({*request.ks, *(k for k in KS if k <= depth)})
    default = 10 if 10 in options else max(request.ks)
    return int(
        st.select_slider(
            "Hits looked at (k)", options, value=default, key="at", bind="query-params"
        )
    )


def _variant_control() -> Variant:
    copies = st.toggle(
        "Without copies",
        key="copies",
        bind="query-params",
        help="Leaves out hits whose file has the same bytes as the query.",
    )
    near = st.slider(
        "Neighbours up to similarity",
        0.5,
        1.0,
        1.0,
        0.01,
        key="near",
        bind="query-params",
        help="Leaves out hits with a higher cosine similarity to the query: frames of one video or "
        "bursts inflate every figure. 1.00 leaves none out.",
    )
    return Variant(without_copies=copies, up_to=None if near >= 1 else near)


def _class_control(report: Report) -> list[str]:
    return st.multiselect(
        "Classes on the curves",
        report.rows.classes,
        key="curve_classes",
        max_selections=5,
        placeholder="The worst ones",
    )


def _changes(report: Report, info: CollectionInfo | None) -> None:
    """Say so when the collection is no longer the one that was evaluated."""
    configuration = report.configuration
    if info is None:
        reason = f"the collection has no {configuration.metric} index any more"
    elif str(info.encoder) != configuration.encoder:
        other = EncoderIdentity.parse(configuration.encoder)
        reason = f"it was made with {other.architecture} ({other.weights}), another encoder"
    elif shared.get_fingerprint(info.name, info.rows, configuration.encoder) != (
        configuration.fingerprint
    ):
        reason = f"its pictures have changed (then {configuration.rows:,} rows, now {info.rows:,})"
    else:
        return
    st.warning(
        f"The collection is no longer the one this report is about: {components.plain(reason)}. "
        "The figures are those of then; run a new report for those of now.",
        icon=":material/history:",
    )


def _invite(infos: Mapping[Metric, CollectionInfo]) -> None:
    info = next(iter(infos.values()))
    st.subheader("Is it good enough, and where does it fail?")
    st.write(
        f"Run a new report: every one of the {info.rows:,} pictures is searched with, and its hits "
        "are compared with its class. Precision per class appears here with its uncertainty and "
        "the pictures behind it."
    )


with components.page_errors():
    main()
