"""Sign-in through Streamlit's own OIDC support, asked for with ORCHARD_SIGN_IN=true."""

import logging

import streamlit as st

from core.errors import OrchardError
from core.ui import resources
from core.ui.text import plain

logger = logging.getLogger(__name__)

_FAILURE = "sign_in_failure"


def is_admitted() -> bool:
    """Whether this visitor may see the pages; one who may not is shown how to sign in.

    Where sign-in is asked for but not set up, nobody is admitted.
    """
    try:
        if not resources.get_settings().sign_in:
            return True
    except OrchardError:
        return True  # without settings there is nothing to see; the page says what is wrong
    # Streamlit leaves the attribute out where its secrets have no [auth] section.
    known = getattr(st.user, "is_logged_in", None)
    if known is None:
        st.error(
            "ORCHARD_SIGN_IN is set, but no provider is set up. Write the [auth] section of "
            ".streamlit/secrets.toml as docs/deployment.md shows, then start again.",
            icon=":material/lock:",
        )
        return False
    if not known:
        st.subheader("Orchard")
        st.markdown("Sign in to see this collection.")
        st.button("Sign in", icon=":material/login:", type="primary", on_click=_sign_in)
        if failure := st.session_state.pop(_FAILURE, ""):
            st.error(plain(failure), icon=":material/error:")
        return False
    with st.sidebar:
        st.caption(f"Signed in as {plain(str(st.user.get('email') or st.user.get('name') or ''))}")
        st.button("Sign out", icon=":material/logout:", on_click=st.logout)
    return True


def _sign_in() -> None:
    try:
        st.login()
    except Exception:  # a package that is missing, a provider that is misspelt
        logger.exception("signing in failed")
        st.session_state[_FAILURE] = (
            "Signing in is not set up correctly; the log says why. Is Authlib installed?"
        )
