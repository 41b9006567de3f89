"""Which tests share a worker, and which are started first, where several workers run the tests."""

import re

from xdist.scheduler import LoadScopeScheduling

# Those that need a server of their own, which they kill, freeze or load.
MORTAL = ("runs/test_workshop_server", "store/test_server_faults", "whole/test_load")
SHARED_SERVER = re.compile(r"[\[-]server[\]-]|::test_two_processes_fill_one_server")

# What takes longest starts first, so that no worker is left with it at the end.
FIRST = ("mortal", "browser", "server", "whole/test_kill", "whole/test_fuzz")


def group_of(nodeid: str) -> str:
    """The group of a test: "mortal", "browser", "server", or its file.

    What a file makes for its tests is made once then. The server that is only read from and written
    to starts in one worker, as does the browser.
    """
    file = nodeid.partition("::")[0].removeprefix("tests/").removesuffix(".py")
    if file in MORTAL:
        return "mortal"
    if file.startswith("browser/"):
        return "browser"
    return "server" if SHARED_SERVER.search(nodeid) else file


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
