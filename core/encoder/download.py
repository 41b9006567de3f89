"""A file over the network: continued where it broke off, verified, never half under its name."""

import contextlib
import logging
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from filelock import FileLock, Timeout

from core.encoder.checkpoint import sha256_prefix
from core.errors import WeightsDownloadError, WeightsError
from core.files import unwritable
from core.progress import Progress, Stage, silent

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
_WAIT_SECONDS = 1.0

_HASH = re.compile(r"-([0-9a-f]{8,64})\.\w+$")


def download(
    url: str,
    path: Path,
    *,
    on_progress: Progress = silent,
    seconds: float = CONNECT_SECONDS,
) -> Path:
    """Fetch `url` to `path`, continuing what an earlier try left, and verify its hash.

    The hash is the hexadecimal prefix in the file's name, as torch hub writes it. Proxy variables
    are honoured. A dropped connection is taken up again as long as each try brings more. The file
    appears under its own name only when it is whole and verified. While another process fetches the
    same file, this one waits, and takes what that one brought.

    Args:
        path: Its name ends in a dash, at least eight digits of the SHA-256, and a suffix.
        on_progress: Stage `DOWNLOAD`, in bytes.
        seconds: Time to wait for a connection, and for each next piece.

    Raises:
        WeightsDownloadError: No network, no such file, a web page instead of a file (networks that
            want a sign-in answer so), or the connection broke for good.
        WeightsError: The hash differs; what was fetched is removed.
        FileError: `path` cannot be written; what has arrived is kept for the next try.
    """
    match = _HASH.search(path.name)
    if not match:
        raise WeightsError(f"{path.name!r} carries no hash to verify a download by. Fetch by hand.")
    lock = FileLock(f"{path}.lock")
    with _told_of_the_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Two processes that append to one partial file would spoil it for both.
        _wait_for(lock, on_progress)
    try:
        if not path.exists():
            _fetch_verified(url, path, match[1], seconds, on_progress)
    # URLError and time-outs are OSErrors; a proxy variable that is no address is a ValueError.
    except (OSError, HTTPException, ValueError) as error:
        raise WeightsDownloadError(
            f"{url} could not be fetched ({_reason(error)}). Check the network or the proxy "
            f"variables, or put the file at {str(path)!r} by hand."
        ) from error
    finally:
        lock.release()
    return path


def _wait_for(lock: FileLock, on_progress: Progress) -> None:
    while True:
        try:
            lock.acquire(timeout=_WAIT_SECONDS)
        except Timeout:
            # A run that waits may have been cancelled.
            on_progress(Stage.DOWNLOAD, 0, 0)
        else:
            return


def _fetch_verified(
    url: str, path: Path, wanted: str, seconds: float, on_progress: Progress
) -> None:
    partial = path.with_name(path.name + ".partial")
    resumed = partial.exists()
    _fetch(url, partial, seconds, on_progress)
    if resumed and sha256_prefix(partial, digits=len(wanted)) != wanted:
        logger.warning("%s was the start of something else; starting over", partial)
        partial.unlink()
        _fetch(url, partial, seconds, on_progress)
    found = sha256_prefix(partial, digits=len(wanted))
    if found != wanted:
        partial.unlink()
        raise WeightsError(
            f"{url} arrived with SHA-256 {found}..., its name says {wanted}. Something on the way "
            "changed it; the file was removed. Try another network, or fetch it by hand."
        )
    with _told_of_the_disk(path):
        partial.replace(path)


def _fetch(url: str, partial: Path, seconds: float, on_progress: Progress) -> None:
    while True:
        before = _size(partial)
        try:
            return _fetch_rest(url, partial, seconds, on_progress)
        except (OSError, HTTPException) as error:
            if _size(partial) <= before:
                raise
            logger.warning("%s broke off (%s); going on", url, _reason(error))


def _fetch_rest(url: str, partial: Path, seconds: float, on_progress: Progress) -> None:
    have = _size(partial)
    request = urllib.request.Request(url, headers={"User-Agent": "orchard"})  # noqa: S310
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        # urlopen would keep the proxies of its first call for good.
        answer = urllib.request.build_opener().open(request, timeout=seconds)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and have:  # all of it was there already, or it has changed
            return
        raise
    with answer:
        _refuse_page(answer)
        have = have if answer.status == 206 else 0
        expected = have + int(answer.headers.get("Content-Length") or 0)
        with _told_of_the_disk(partial), partial.open("ab" if have else "wb") as file:
            for piece in _pieces(answer):
                file.write(piece)
                have += len(piece)
                on_progress(Stage.DOWNLOAD, have, max(have, expected))
        if have < expected:
            raise OSError(f"the connection ended after {have:,} of {expected:,} bytes")


def _pieces(answer: HTTPResponse) -> Iterator[bytes]:
    try:
        while piece := answer.read(1 << 18):
            yield piece
    # Told apart from an OSError of the disk that the pieces are written to.
    except OSError as error:
        raise HTTPException(_reason(error)) from error


@contextlib.contextmanager
def _told_of_the_disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unwritable(path, error) from error


def _refuse_page(answer: HTTPResponse) -> None:
    if (answer.headers.get("Content-Type") or "").startswith("text/html"):
        raise OSError("a web page came instead of the file; this network may want a sign-in first")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code} {error.reason}"
    return str(getattr(error, "reason", None) or "") or str(error) or type(error).__name__
