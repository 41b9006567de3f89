"""The pages of the dashboard, one folder each; `page.py` reads from top to bottom.

No module lies here, since Streamlit would run it as a page of its own: `core.ui.router` runs them.
"""
