"""What every script shares at the terminal: messages instead of tracebacks, Ctrl-C, bars."""

import argparse
import contextlib
import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, TextIO

from tqdm import tqdm

from core.config import Settings, load_settings
from core.dataset_root import Root, parse_root
from core.errors import OrchardError
from core.logs import FILE_NAME, start_logging
from core.metric import Metric
from core.progress import Stage
from core.wording import visible

logger = logging.getLogger(__name__)


def guarded(work: Callable[[], int], settings: Settings | None, *, on_interrupt: str) -> int:
    """Run `work` and turn what goes wrong into a message and an exit status.

    Args:
        on_interrupt: What to say after Ctrl-C: what is kept, and how to go on.

    Returns:
        The status of `work`; 2 for an error a person can mend, 130 after Ctrl-C, 1 for a fault of
        ours, whose traceback goes to the log file.
    """
    if settings:
        start_logging(settings.data_dir)
    # Names of files come from anywhere; what they hold is shown and not carried out.
    with (
        contextlib.redirect_stdout(_Visible(sys.stdout, keep="\n\t")),
        contextlib.redirect_stderr(_Visible(sys.stderr, keep="\n\t\r")),
    ):
        return _guarded(work, settings, on_interrupt=on_interrupt)


def _guarded(work: Callable[[], int], settings: Settings | None, *, on_interrupt: str) -> int:
    try:
        status = work()
        # A reader that has gone away (`| head`) shows when the buffer is written.
        sys.stdout.flush()
        return status
    except OrchardError as error:
        logger.info("stopped: %s", error, exc_info=True)
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\n{on_interrupt}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _discard_output()
        return 1
    except Exception as error:
        print(
            f"error: something went wrong that should not ({type(error).__name__}: {error}). "
            f"{_log_traceback(settings)}",
            file=sys.stderr,
        )
        return 1


def configured(
    work: Callable[[Settings], int],
    *,
    on_interrupt: str,
    **overrides: Any,  # noqa: ANN401 - as `load_settings` takes them
) -> int:
    """Read the settings, then run `work` with them, `guarded`.

    Args:
        overrides: What the command line says instead, None where it says nothing.
    """
    try:
        settings = load_settings(**overrides)
    except OrchardError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return guarded(lambda: work(settings), settings, on_interrupt=on_interrupt)


class Interrupt:
    """Whether Ctrl-C was pressed; no event of `threading`, whose lock a handler may meet taken."""

    pressed = False


@contextlib.contextmanager
def interrupt_held() -> Iterator[Interrupt]:
    """Have Ctrl-C noted and cut nothing off, so that what goes on can be stopped in order.

    A second one ends the script as ever. What is started to ignore Ctrl-C goes on to ignore it, and
    a thread beside the first never hears of it.
    """
    interrupt, before = Interrupt(), signal.getsignal(signal.SIGINT)

    def note(*_: object) -> None:
        interrupt.pressed = True
        signal.signal(signal.SIGINT, before)

    is_first = threading.current_thread() is threading.main_thread()
    if before is not signal.default_int_handler or not is_first:
        yield interrupt
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)


def tell(sentence: str) -> None:
    """Say beside the output what a person should know, such as that a server is waited for.

    A bar that is drawn moves down a line.
    """
    tqdm.write(sentence, file=sys.stderr)


def add_collection(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the collection, where the settings are not to."""
    parser.add_argument(
        "--collection",
        help="name of the collection (default: ORCHARD_COLLECTION, and without it fruit_vector)",
    )


def parse_metric(text: str) -> Metric:
    """Read a metric's name in any case, for argparse."""
    try:
        return Metric(text.upper())
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no metric; allowed are {', '.join(Metric)}"
        ) from None


def parse_dataset(text: str) -> Root:
    """Read where a dataset lies, for argparse: a folder, or an address such as `s3://photos`."""
    try:
        return parse_root(text)
    except OrchardError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _log_traceback(settings: Settings | None) -> str:
    # Without any handler Python would print the traceback at the terminal.
    if logger.hasHandlers():
        logger.exception("unexpected")
    log = settings.data.log if settings else Path(FILE_NAME)
    if log.is_file():
        return f"The details are in {log}; please report them."
    return f"There is no log, since {log} could not be written; please report this line."


def _discard_output() -> None:
    # Else Python would complain once more, when it flushes standard output at its end.
    try:
        descriptor = sys.stdout.fileno()
    except OSError:  # not a file, in a test
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


class _Visible(io.TextIOBase):
    """A stream that writes control characters out instead of sending them."""

    def __init__(self, stream: TextIO, *, keep: str) -> None:
        self._stream, self._keep = stream, keep

    def write(self, text: str) -> int:
        self._stream.write(visible(text, keep=self._keep))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        """Leave it open: it is not ours."""

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding


class ProgressBar:
    """Bars with count, rate and time left, one for each stage in turn, on standard error.

    The object is a `Progress`; used as a context manager it leaves the terminal clean.
    """

    def __init__(self, subject: str = "") -> None:
        """Show nothing yet.

        Args:
            subject: What the work is about, shown before the stage.
        """
        self._subject = subject
        self._stage: Stage | None = None
        self._bar: tqdm[NoReturn] | None = None

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def __call__(self, stage: Stage, done: int, total: int) -> None:
        """Show that `done` of `total` are through; a stage that cannot be counted has no bar."""
        if stage is not self._stage:
            self._close()
            self._stage = stage
        if self._bar is None and total:
            self._bar = tqdm(
                total=total,
                desc=f"{self._subject}: {stage.text}" if self._subject else stage.text,
                unit=stage.unit if stage is Stage.DOWNLOAD else f" {stage.unit}",
                unit_scale=stage is Stage.DOWNLOAD,
                dynamic_ncols=True,
                # A log file gets a line now and then, not ten a second.
                mininterval=0.2 if sys.stderr.isatty() else 10,
            )
        if self._bar is not None:
            self._bar.update(done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = None
