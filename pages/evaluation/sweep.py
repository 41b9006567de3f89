"""The section of the Evaluation page about how thoroughly to search."""

import streamlit as st

from core.collection.index_types.kinds import NPROBE
from core.collection.index_types.parameters import Effort, EffortName
from core.collection.info import CollectionInfo
from core.evaluation.notes import short
from core.evaluation.report import Report
from core.evaluation.sweep import SweepPoint, recommended
from core.evaluation.tables import worst_queries
from core.ui import links
from core.ui.controls import is_dark
from core.ui.progress import cancellable
from pages.evaluation import charts, state
from pages.evaluation.cache import run_sweep


def sweep_section(report: Report, info: CollectionInfo, *, k: int) -> None:
    """Measure nprobe, ef or the like against precision, recall and time; hand the best one on."""
    parameter = info.searched_by[0] if info.searched_by else NPROBE
    st.subheader(
        f"How many {parameter.what} are worth searching?",
        anchor=False,
        help="Precision is the mean over classes, as in the headline, with nothing left out; ANN "
        "recall is the mean over queries. Both from 0 to 1, higher is better. Times are of single "
        "searches on this machine, lower is better.",
    )
    if not info.searched_by or info.nlist == 1:
        lists = "a single list" if info.nlist else "no lists"
        st.info(
            f"The index is {info.index_type or 'none'}, which has {lists}: nprobe changes nothing.",
            icon=":material/info:",
        )
        return
    k = min(k, max(report.configuration.request.ks))
    sweeps = state.current().sweeps
    key = (report.name, k)
    if st.button(f"Measure {parameter.name}", icon=":material/speed:"):
        with cancellable(f"Measuring {parameter.name} was cancelled.") as show:
            sweeps[key] = run_sweep(report, info, k=k, on_progress=show)
    points = sweeps.get(key)
    if not points:
        st.caption(f"Searches about 200 queries of this report at every step of {parameter.name}.")
        return
    _show_sweep(points, report, info, parameter.name, k=k)


def _show_sweep(
    points: list[SweepPoint], report: Report, info: CollectionInfo, name: EffortName, *, k: int
) -> None:
    target = st.slider("ANN recall wanted", 0.8, 1.0, 0.99, 0.005, format="%.3f", width=280)
    best = recommended(points, recall=target)
    st.plotly_chart(
        charts.sweep_figure(
            points, name=name, k=k, chosen=best.value, target=target, dark=is_dark()
        ),
        key="sweep",
        config={"displayModeBar": False},
        alt="macro precision, ANN recall and latency over the setting",
    )
    reached = "reaches" if best.recall >= target else "comes closest, with"
    st.markdown(
        f"**{name} {best.value}** {reached} an ANN recall@{k} of {short(best.recall)} at "
        f"macro precision@{k} {best.precision:.3f}; half of the searches take up to "
        f"{best.p50:.1f} ms, 95 % up to {best.p95:.1f} ms."
    )
    # With a query that goes wrong, since most do not and show no difference.
    worst = report.queries[worst_queries(report, report.judged, k=k, label="")[:1]]
    ids = [report.record(int(position)).id for position in worst]
    effort: Effort = {}
    effort[name] = best.value
    st.button(
        f"Search with {name} {best.value}",
        icon=":material/image_search:",
        on_click=links.leave,
        args=(links.to_search(ids, metric=info.metric, k=k, **effort),),
    )
