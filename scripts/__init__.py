"""What is run at the terminal: `python -m scripts.build_index` and so on, each with `--help`.

Python loads for a second before a script can look after itself; Ctrl-C ends that without a
traceback.
"""

import sys
from types import TracebackType


def _without_traceback(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print("\nstopped", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, traceback)


sys.excepthook = _without_traceback
