"""Which tests share a worker, and which are started first, where several workers run the tests."""

import re

from xdist.scheduler import LoadScopeScheduling

# Those that need a server of their own, which they kill, freeze or load.
MORTAL = ("store/test_server_faults", "whole/test_load", "runs/test_workshop_server")
SHARED_SERVER = re.compile(r"[\[-]server[\]-]|::test_a_server_is_measured_as_well")
# Those that start dashboards of their own, beside which the other pages share one.
OWN_DASHBOARD = (
    "browser/test_collection",
    "browser/test_collections",
    "browser/test_newcomer",
    "browser/test_sign_in",
)
# Those that lay out maps by umap-learn, which compiles for half a minute on a fresh machine: once,
# if one worker does so before the others need it.
COMPILING = (
    "pages/embedding_map/test_page",
    "projection/test_jobs",
    "projection/test_projection",
    "scripts/test_project_embeddings",
)

SERVER_STORE, SERVER = "server: store", "server"
BROWSER_OWN, BROWSER = "browser: own dashboards", "browser"
LAYOUTS = "layouts"

# What takes longest starts first, so that no worker is left with it at the end. What waits for a
# server costs the processor little, so such groups stand among those that compute: of the first
# five, as many as there are workers, three wait.
FIRST = (
    *MORTAL[:2],
    SERVER_STORE,
    BROWSER,
    LAYOUTS,
    SERVER,
    BROWSER_OWN,
    "indexing/test_cluster",
    MORTAL[2],
    "whole/test_fuzz",
    "encoder/test_encoder",
    "whole/test_kill",
)


def group_of(nodeid: str) -> str:
    """The group of a test: one of those with a server, a browser or layouts, or its file.

    What a file makes for its tests is made once then. A server that is only read from and written
    to starts in two workers, as does the browser.
    """
    file = nodeid.partition("::")[0].removeprefix("tests/").removesuffix(".py")
    if file in MORTAL:
        return file
    if file.startswith("browser/"):
        return BROWSER_OWN if file in OWN_DASHBOARD else BROWSER
    if file in COMPILING:
        return LAYOUTS
    if SHARED_SERVER.search(nodeid):
        return SERVER_STORE if file.startswith("store/") else SERVER
    return file


def place_of(nodeid: str) -> int:
    """Where the group of a test stands in the order of starting."""
    group = group_of(nodeid)
    return FIRST.index(group) if group in FIRST else len(FIRST)


class Scheduling(LoadScopeScheduling):
    """Hands out whole groups.

    xdist has this too, by marks (`--dist loadgroup`); with pytest 9.2 it ignores them silently.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
