"""The pages of the dashboard, one folder each; `page.py` reads from top to bottom.

In each, `keys` names what a link and a session hold, `state` alone reads and writes the session,
and `cache` keeps what sessions share.

No module lies here, since Streamlit would run it as a page of its own: `core.ui.router` runs them.
"""
