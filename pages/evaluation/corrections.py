"""What corrections have changed since a report was made, and what it would say with them."""

from collections.abc import Sequence

import streamlit as st

from core.errors import ReportError
from core.evaluation.report import Report
from core.evaluation.what_if import WhatIf, labels_now, what_if
from core.ui import resources
from core.ui.choosing import looked_at
from core.ui.text import plain


def corrected_since(report: Report, *, k: int) -> None:
    """Say what corrections there are since, and what the precision would be with them."""
    catalogue = resources.get_catalogue(looked_at.family())
    then, now = report.configuration.corrections, catalogue.applied
    if now.fingerprint == then.fingerprint:
        return
    try:
        family = looked_at.family()
        found = _what_if(report.name, k, family, catalogue.fingerprint, _report=report)
        told = f"{found.said(f'precision@{k}')} (exact search, the same queries)"
    except ReportError as error:
        told = str(error).removesuffix(".")
    st.info(plain(f"Corrected since this report: {told}."), icon=":material/edit_note:")


@st.cache_data(show_spinner=False, max_entries=16)
def if_as_suggested(name: str, suggested: dict[int, str], *, k: int, _report: Report) -> str:
    """Return what the precision would be if suspected pictures had the classes suggested.

    Args:
        suggested: Class by place among the rows of the report.
    """
    labels = [suggested.get(place, label) for place, label in enumerate(_report.labels)]
    return what_if(_report, labels, ks=(k,)).said(f"precision@{k}")


def labels_since(report: Report) -> Sequence[str | None]:
    """Return the class of every row of a report as corrected by now; None for one left out since.

    Where the report left out what is back, it knows too little, and its own classes are returned.
    """
    family = looked_at.family()
    catalogue = resources.get_catalogue(family)
    if catalogue.applied.fingerprint == report.configuration.corrections.fingerprint:
        return report.labels
    try:
        return _labels_now(report.name, family, catalogue.fingerprint, _report=report)
    except ReportError:
        return report.labels


@st.cache_data(show_spinner=False, max_entries=16)
def _what_if(name: str, k: int, family: str, fingerprint: str, *, _report: Report) -> WhatIf:
    labels = _labels_now(name, family, fingerprint, _report=_report)
    return what_if(_report, labels, ks=tuple(sorted({1, k})))


@st.cache_data(show_spinner=False, max_entries=16)
def _labels_now(
    name: str, family: str, fingerprint: str, *, _report: Report
) -> Sequence[str | None]:
    seen = resources.get_catalogue(family).by_id
    return labels_now(_report, seen, given=resources.get_corrections(family).labels)
