"""Files are written whole or not at all, and whatever fails is said with what to do."""

import csv
import errno
import io
import os
from pathlib import Path
from typing import BinaryIO

import pytest

from core.csv_table import csv_text
from core.errors import FileError
from core.files import fingerprint_of, write_whole


def test_content_is_written_and_replaces_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "new" / "a.bin"
    write_whole(file, b"one")
    write_whole(file, lambda out: out.write(b"two") and None)
    assert file.read_bytes() == b"two"
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "the disk is full. Make room there, then try again."),
        (errno.EROFS, "the disk is read-only. Choose a folder on another disk, then try again."),
        (errno.EACCES, "permission denied. Correct the permissions of the folder, then try again."),
        (errno.EIO, f"{os.strerror(errno.EIO)}. Correct that or choose another folder, then try"),
    ],
)
def test_failure_is_said_and_leaves_the_old_file_alone(
    tmp_path: Path, number: int, said: str
) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(b"old")

    def fail(out: BinaryIO) -> None:
        out.write(b"half")
        raise OSError(number, os.strerror(number))

    with pytest.raises(FileError) as caught:
        write_whole(file, fail)
    assert str(caught.value).startswith(f"{str(file)!r} cannot be written: {said}")
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_interruption_leaves_nothing_behind(tmp_path: Path) -> None:
    def stop(out: BinaryIO) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "a.bin", stop)
    assert list(tmp_path.iterdir()) == []


def test_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match=r"file/a\.bin' cannot be written: File exists"):
        write_whole(tmp_path / "file" / "a.bin", b"")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_what_a_spreadsheet_would_compute_is_made_harmless(start: str) -> None:
    text = csv_text(["class", "x"], [[f'{start}HYPERLINK("x")', -1.5]])
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    # A number stays one, below nought too.
    assert rows == [["class", "x"], [f'\'{start}HYPERLINK("x")', "-1.5"]]


def test_table_is_quoted_where_needed_and_marked_as_utf8() -> None:
    rows = [[1, 'x,"y"'], [float("nan"), "é"], [1 / 3, ""]]
    text = csv_text(["a", "b"], rows)
    assert text == '\ufeffa,b\r\n1,"x,""y"""\r\n,é\r\n0.333333333,\r\n'
    assert csv_text(["a"], []) == "\ufeffa\r\n"


def test_a_fingerprint_knows_where_its_parts_end() -> None:
    assert fingerprint_of("ab", "c") != fingerprint_of("a", "bc")
    assert fingerprint_of("ab") == fingerprint_of(b"ab")
    assert len(fingerprint_of()) == 32
