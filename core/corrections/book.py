"""The corrections of a collection in one file, with the steps that led there, to be undone.

A change reads the file, changes it and writes it whole, under a lock: of two people who change
something at the same moment one waits for the other, in this process or in another. Whoever only
reads waits for nobody.
"""

import contextlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import TypeAdapter

from core.corrections.correction import NONE, NOTHING, Correction, Corrections, Edit
from core.errors import BusyError, CorrectionError
from core.files import unwritable, write_whole
from core.read_only import require_writable
from core.wording import some

FORMAT = 1
# So many steps can be undone; what an older one has changed stays changed.
MOST_STEPS = 1_000
# A search names the pictures to the database: 100 bytes each make 2 MB a request, of which a
# server takes 64.
MOST_PICTURES = 20_000
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Step:
    """One change.

    Attributes:
        number: From 1, the newest highest.
        at: UTC, ISO 8601, to the second.
        said: In words, such as `3 pictures left out`.
        before: What was said of the pictures it changed, by path.
        after: What was said of them then.
    """

    number: int
    at: str
    said: str
    before: Mapping[str, Correction]
    after: Mapping[str, Correction]


@dataclass(frozen=True, slots=True)
class Page:
    """What the file of a collection holds.

    Attributes:
        pictures: What is said of each, by path.
        steps: Those that can be undone, the oldest first.
        counted: Steps there have been in all.
    """

    pictures: Mapping[str, Correction] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    counted: int = 0


_SAVED = TypeAdapter(Page)


class Book:
    """The corrections of all collections, a file each; safe between threads and processes."""

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        """Read nothing yet.

        Args:
            folder: Where the files lie; it is made with the first correction.
            read_only: Refuse every change.
        """
        self._folder, self._read_only = folder, read_only
        self._known: dict[str, tuple[tuple[int, int, int], Page, Corrections]] = {}
        self._guard = threading.Lock()

    def of(self, family: str) -> Corrections:
        """Return what is said of the pictures of a collection family, as it is on disk now.

        Raises:
            CorrectionError: The file is damaged.
        """
        return self._read(family)[1]

    def steps(self, family: str) -> tuple[Step, ...]:
        """Return the changes that can be undone, the newest first; raises as `of`."""
        return self._read(family)[0].steps[::-1]

    def change(self, family: str, paths: Iterable[str], edit: Edit) -> Step | None:
        """Change what is said of some pictures.

        Args:
            paths: Relative to the dataset folder.

        Returns:
            What was changed; None where all of it was so already.

        Raises:
            ReadOnlyError: Changes are not allowed.
            BusyError: Another change takes very long.
            CorrectionError: The file is damaged, or it would hold too much.
            FileError: It cannot be written; nothing has changed.
        """
        wanted = list(dict.fromkeys(paths))
        return self._write(
            family,
            lambda known: {path: edit.of(known.get(path, NOTHING)) for path in wanted},
            said=edit.said,
        )

    def put(
        self,
        family: str,
        corrections: Mapping[str, Correction],
        *,
        said: Callable[[int], str],
        before: Corrections | None = None,
    ) -> Step | None:
        """Say something of pictures in the place of what was said of them before.

        Args:
            corrections: By path; `NOTHING` takes back what was said.
            said: Returns the change in words, given how many pictures it is about.
            before: What was said when `corrections` were made up; None for whatever it was.

        Raises:
            CorrectionError: Somebody has said something else of them since; and as `change`.
            ReadOnlyError, BusyError, FileError: As `change`.
        """

        def make(known: Mapping[str, Correction]) -> Mapping[str, Correction]:
            if before is not None:
                _refuse_changed({path: known.get(path, NOTHING) for path in corrections}, before)
            return corrections

        return self._write(family, make, said=said)

    def undo(self, family: str, number: int | None = None) -> Step:
        """Take back a change; returns it.

        Args:
            number: Of the step; None takes the newest.

        Raises:
            CorrectionError: There is none such, or what it changed has been changed since.
            ReadOnlyError, BusyError, FileError: As `change`.
        """
        with self._changing(family) as page:
            step = next((s for s in page.steps[::-1] if number in (None, s.number)), None)
            if step is None:
                raise CorrectionError(
                    "there is no such change to undo"
                    + (": nothing has been corrected." if not page.steps else ".")
                    + " Look at the list of corrections again; somebody else may have undone it."
                )
            now = {path: page.pictures.get(path, NOTHING) for path in step.after}
            if now != dict(step.after):
                raise CorrectionError(
                    f"{step.said!r} cannot be undone, since a later change is about the same "
                    "pictures. Undo that one first."
                )
            self._save(
                family,
                replace(
                    page,
                    pictures=_merged(page.pictures, step.before),
                    steps=tuple(other for other in page.steps if other is not step),
                ),
            )
        return step

    @contextlib.contextmanager
    def moved(self, family: str, name: str) -> Iterator[None]:
        """Let what is said of a family hold for it under another name, while it is renamed.

        What is said is there under both names in between; in the end it stays under the new one,
        or, where the renaming fails, under the old one.

        Raises:
            CorrectionError: Something is said of a collection of the new name already, or a file is
                damaged.
            ReadOnlyError, BusyError, FileError: As `change`.
        """
        if family == name:
            yield
            return
        with self._changing(family) as page, self._changing(name) as there:
            if there.pictures and there != page:
                raise CorrectionError(
                    f"corrections of an earlier collection {name!r} lie in "
                    f"{str(self._file(name))!r}; those of {family!r} would be mixed with them. "
                    "Choose another name, or move that file away."
                )
            if page != Page():
                self._save(name, page)
            try:
                yield
            except BaseException:
                self._forget(name)
                raise
            self._forget(family)

    def _forget(self, family: str) -> None:
        try:
            self._file(family).unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(self._file(family), error) from error

    def _write(
        self,
        family: str,
        make: Callable[[Mapping[str, Correction]], Mapping[str, Correction]],
        *,
        said: Callable[[int], str],
    ) -> Step | None:
        with self._changing(family) as page:
            before, after = {}, {}
            for path, correction in make(page.pictures).items():
                known = page.pictures.get(path, NOTHING)
                if known != correction:
                    before[path], after[path] = known, correction
            if not after:
                return None
            pictures = _merged(page.pictures, after)
            if len(pictures) > MOST_PICTURES:
                raise CorrectionError(
                    f"{len(pictures):,} pictures would be corrected, {MOST_PICTURES:,} can be; "
                    "nothing was changed. Give so many their class by a labels file."
                )
            now = datetime.now(UTC).isoformat(timespec="seconds")
            step = Step(page.counted + 1, now, said(len(after)), before, after)
            steps = (*page.steps, step)[-MOST_STEPS:]
            self._save(family, Page(pictures, steps, page.counted + 1))
        return step

    @contextlib.contextmanager
    def _changing(self, family: str) -> Iterator[Page]:
        """Hold the lock of a family's file and give what it holds."""
        require_writable(read_only=self._read_only)
        lock = self._folder / f".{family}.lock"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            # One of its own for every change, so that two threads exclude each other too.
            with FileLock(lock, timeout=_SECONDS):
                yield self._read(family)[0]
        except Timeout as error:
            raise BusyError(
                "another correction is being written and does not come to an end. Try again; if "
                f"no other Orchard runs here, delete {str(lock)!r}."
            ) from error
        except OSError as error:
            raise unwritable(lock, error) from error

    def _read(self, family: str) -> tuple[Page, Corrections]:
        file = self._file(family)
        try:
            found = file.stat()
        except FileNotFoundError:
            return Page(), NONE
        except OSError as error:
            raise _unreadable(file, error.strerror or str(error)) from error
        # A file that is replaced is another one, however short a moment ago that was.
        mark = (found.st_ino, found.st_mtime_ns, found.st_size)
        with self._guard:
            known = self._known.get(family)
            if known is None or known[0] != mark:
                page = _parsed(file)
                known = self._known[family] = mark, page, Corrections(page.pictures)
        return known[1], known[2]

    def _save(self, family: str, page: Page) -> None:
        content: dict[str, Any] = {"format": FORMAT, **_SAVED.dump_python(page, mode="json")}
        text = json.dumps(content, ensure_ascii=False, indent=1)
        write_whole(self._file(family), text.encode())

    def _file(self, family: str) -> Path:
        return self._folder / f"{family}.json"


def _refuse_changed(now: Mapping[str, Correction], before: Corrections) -> None:
    changed = [path for path, correction in now.items() if correction != before.of(path)]
    if changed:
        raise CorrectionError(
            f"somebody else has corrected {some(changed[:3], total=len(changed))} meanwhile; "
            "nothing was changed. Look at what is said now, then do the same again."
        )


def _merged(
    pictures: Mapping[str, Correction], changes: Mapping[str, Correction]
) -> dict[str, Correction]:
    return {path: c for path, c in {**pictures, **changes}.items() if not c.is_nothing}


def _parsed(file: Path) -> Page:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        version = content.pop("format")
        if version <= FORMAT:
            return _SAVED.validate_python(content)
        reason = f"format {version}, a newer Orchard wrote it"
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
    raise _unreadable(file, reason)


def _unreadable(file: Path, reason: str) -> CorrectionError:
    # Not taken for no corrections: figures would change without a word.
    return CorrectionError(
        f"the corrections {str(file)!r} cannot be read ({reason}). Restore the file from a copy, "
        "or move it away to go on without corrections."
    )
