"""Evaluation: how often hits are right, per class, where they fail, and what nprobe costs.

`page` draws, `controls` choose a report, and a module each draws a section; `charts` and
`takeaway.html_report` know no Streamlit.
"""
