"""Evaluation: how often the hits are right, per class, and where they fail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from core.collection.info import CollectionInfo
from core.evaluation.files import ListedReport
from core.evaluation.report import Report, Variant
from core.metric import Metric
from core.records import EncoderIdentity
from core.ui import links, progress, resources
from core.ui.choosing import looked_at
from core.ui.errors import page_errors
from core.ui.text import plain
from pages.evaluation import cache as shared
from pages.evaluation import (
    controls,
    corrections,
    duplicates,
    state,
    sweep,
)
from pages.evaluation.comparing import section
from pages.evaluation.keys import Key
from pages.evaluation.mistakes import confusion, lists
from pages.evaluation.overview import classes, columns, headline
from pages.evaluation.reports import editing, making, request
from pages.evaluation.similarities import scores_section
from pages.evaluation.takeaway.downloads import downloads

# The view of precision by what is known besides the class; not there where nothing is.
COLUMN_VIEW = "Columns"
# What is asked of a report -> the views that answer it.
TABS = {
    "Overview": ("Classes", COLUMN_VIEW),
    "Mistakes": (links.CONFUSION_VIEW, lists.WORST_VIEW, "Labels", "Hubs"),
    "Settings": ("nprobe", "Scores", "Duplicates"),
    "Compare": ("Compare",),
}


@dataclass(frozen=True, slots=True)
class Looked:
    """What of a report is looked at.

    Attributes:
        target: The precision that every class is to reach.
        curves: Classes the curves show in colour; empty for the worst ones.
        focus: The class that is looked at alone; empty for all.
        pair: The confusion that is looked at; what is empty is left open.
    """

    k: int
    target: float
    variant: Variant
    curves: list[str]
    focus: str
    pair: confusion.Pair


def main() -> None:
    """A report, chosen or made; what of it to show; the figures."""
    state.come_back()
    infos = resources.get_collections(looked_at.family())
    listing = shared.get_report_list()
    results = st.container()
    with results:
        if progress.cancelled_note():
            shared.decline_first_report()
    with st.sidebar:
        name = controls.report_control(listing)
        request.new_report_button()
    with results, progress.errors_in_place():
        making.run_wanted()
    _open_dialog(infos, next((one for one in listing.reports if one.name == name), None))
    if not name:
        with results:
            making.first_report(infos)
        return
    with results:
        report = shared.get_report(name)
    with st.sidebar:
        k = controls.k_control(report)
        target = controls.target_control()
        focus, unknown = controls.focus_control(report)
        variant = controls.variant_control()
        curves = controls.class_control(report)
    figures = shared.get_figures(name, k, variant)
    with results:
        info = infos.get(report.configuration.metric)
        # Pictures can be shown although the metric of the report is no longer there.
        shown = info or next(iter(infos.values()))
        _changes(report, info, k=k)
        notice = st.empty()
        headline.headline(report, figures, k=k, target=target, variant=variant)
        view = _view_control(focus, _tabs_of(report))
        pair = confusion.Pair()
        if view == links.CONFUSION_VIEW:
            with st.sidebar:
                pair, others = confusion.pair_controls(report)
            unknown += others
        looked = Looked(k, target, variant, curves, focus, pair)
        if unknown:
            notice.warning(_unknown(unknown), icon=":material/link_off:")
        with progress.errors_in_place():
            _section(view, report, figures, shown, looked)
        st.divider()
        headline.caveats(report, figures, variant=variant)
        downloads(report, figures, shown, k=k, target=target, variant=variant)


def _open_dialog(infos: Mapping[Metric, CollectionInfo], report: ListedReport | None) -> None:
    """Open the dialog that a button has asked for; those about a report only while there is one."""
    dialog = state.current().dialog
    if dialog is state.Dialog.NEW_REPORT:
        request.new_report(infos)
    elif report and dialog is state.Dialog.RENAME:
        editing.rename_report(report)
    elif report and dialog is state.Dialog.DELETE:
        editing.delete_report(report)


def _tabs_of(report: Report) -> Mapping[str, Sequence[str]]:
    """Return the views that have something to show."""
    if report.columns:
        return TABS
    return {tab: [view for view in views if view != COLUMN_VIEW] for tab, views in TABS.items()}


def _view_control(focus: str, tabs: Mapping[str, Sequence[str]]) -> str:
    """Choose a tab, and a view of it where it has several; the address names the view."""
    state.open_view(tabs)
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        view = _tabs(tabs)
        if focus:
            st.button(
                plain(focus),
                icon=":material/close:",
                icon_position="right",
                key="all classes",
                type="tertiary",
                help="Only this class is looked at. Press to look at all.",
                on_click=state.look_at,
                args=("",),
            )
    state.write_view(view, usual=next(iter(tabs.values()))[0])
    return view


def _tabs(tabs: Mapping[str, Sequence[str]]) -> str:
    tab = str(
        st.segmented_control(
            "Show",
            list(tabs),
            required=True,
            key=Key.TAB,
            label_visibility="collapsed",
            wrap=True,
        )
    )
    views = tabs[tab]
    view = views[0]
    if len(views) > 1:
        view = str(
            st.pills(
                tab,
                views,
                required=True,
                key=state.view_of(tab),
                label_visibility="collapsed",
                wrap=True,
            )
        )
    return view


def _unknown(names: list[str]) -> str:
    """Say which classes of an address the report does not have."""
    listed = ", ".join(f"**{plain(name)}**" for name in dict.fromkeys(names))
    return f"This report has no class {listed}; that part of the link was ignored."


def _section(
    view: str,
    report: Report,
    figures: shared.Figures,
    info: CollectionInfo,
    looked: Looked,
) -> None:
    """Show one part of the report; only what is looked at is computed."""
    k = looked.k
    if not figures.shown.classes:
        st.info(
            "No query has another picture of its class to find, so there is nothing to measure. "
            "Index at least two pictures of a class.",
            icon=":material/info:",
        )
        return
    if view == "Classes":
        _overview(report, figures, info, looked)
    elif view == COLUMN_VIEW:
        columns.column_section(report, figures, k=k)
    elif view == links.CONFUSION_VIEW:
        confusion.confusion_section(report, figures, info, looked.pair, k=k, focus=looked.focus)
    elif view == lists.WORST_VIEW:
        lists.worst_section(report, figures, info, k=k, focus=looked.focus)
    elif view == "Scores":
        scores_section(report, figures, k=k)
    elif view == "nprobe":
        sweep.sweep_section(report, info, k=k)
    elif view == "Duplicates":
        duplicates.duplicates_section(report, info, k=k, variant=looked.variant)
    elif view == "Labels":
        lists.suspects_section(report, info, k=k, focus=looked.focus)
    elif view == "Hubs":
        lists.hubs_section(report, info, focus=looked.focus)
    else:
        listed = shared.get_report_list().reports
        section.compare_section(report, listed, resources.get_collections(looked_at.family()), k=k)


def _overview(
    report: Report, figures: shared.Figures, info: CollectionInfo, looked: Looked
) -> None:
    """Show the classes against the target first, then what else is known of them."""
    k = looked.k
    classes.class_bars(report, figures, info, k=k, target=looked.target, focus=looked.focus)
    headline.means(figures, k=k)
    classes.class_curves(report, figures, k=k, chosen=looked.curves)
    classes.class_table(figures.shown, k=k)


def _changes(report: Report, info: CollectionInfo | None, *, k: int) -> None:
    """Say so when the collection is no longer the one that was evaluated."""
    configuration = report.configuration
    if _is_elsewhere(report):
        return
    # Reports of before there were corrections.
    stored = configuration.stored or configuration.fingerprint
    if info is None:
        reason = f"the collection has no {configuration.metric} index any more"
    elif str(info.encoder) != configuration.encoder:
        other = EncoderIdentity.parse(configuration.encoder)
        reason = f"it was made with {other.title}, another encoder"
    elif resources.get_catalogue(looked_at.family()).stored != stored:
        reason = f"its pictures have changed (then {configuration.rows:,} rows, now {info.rows:,})"
    else:
        corrections.corrected_since(report, k=k)
        return
    st.warning(
        f"The collection is no longer the one this report is about: {plain(reason)}. "
        "The figures are those of then; run a new report for those of now.",
        icon=":material/history:",
    )


def _is_elsewhere(report: Report) -> bool:
    """Whether a report is about another collection there is; say so, with the way there."""
    there = report.configuration.collection
    if report.name in {one.name for one in shared.own_reports()}:
        return False
    if there not in {one.name for one in looked_at.offered()}:
        return False
    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning(
            f"This report is about the collection {plain(there)}: pictures that are not in "
            f"{plain(looked_at.family())} cannot be shown here.",
            icon=":material/database:",
        )
        st.button(
            "Look at it there",
            key="report_there",
            on_click=links.leave,
            args=(links.to_report(report.name, family=there),),
        )
    return True


with page_errors():
    main()
