"""One log file below the data folder: what a person is not shown is kept there."""

import logging
import logging.handlers
from pathlib import Path

from core.wording import visible

FILE_NAME = "orchard.log"
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _Formatter(logging.Formatter):
    """Writes control characters out: whoever shows the log at a terminal does not run them."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record), keep="\n\t")


def start_logging(data_dir: Path) -> None:
    """Send the records of Orchard's modules, and warnings of others, to `data_dir`/orchard.log.

    Safe to call again; a folder or file that cannot be written is passed over, since the first
    thing that needs it reports it better.
    """
    root = logging.getLogger()
    path = (data_dir / FILE_NAME).absolute()
    for handler in root.handlers:
        if isinstance(handler, logging.FileHandler) and handler.baseFilename == str(path):
            return
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(
            path, maxBytes=2_000_000, backupCount=2, encoding="utf-8"
        )
    except OSError:
        return
    handler.setFormatter(_Formatter(_FORMAT))
    handler.setLevel(logging.INFO)
    root.addHandler(handler)
    for package in ("core", "pages", "scripts"):
        logging.getLogger(package).setLevel(logging.INFO)
