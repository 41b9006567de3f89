"""Corrections as CSV: out, edited in a spreadsheet, and in again; what is odd is named."""

import pytest

from core.corrections.correction import NONE, NOTHING, Correction, Corrections
from core.corrections.table import export_table, import_table
from core.errors import CorrectionError

SAID = Corrections(
    {
        "kiwi/1.jpg": Correction("lime", tags=("small", "green")),
        "kiwi/2.jpg": Correction(excluded=True),
        # What a spreadsheet would run as a formula, wherever it stands.
        "=cmd/-1.jpg": Correction("+lime", tags=("@home",)),
        'odd "name", 100%/é.jpg': Correction("香蕉"),
    }
)


def test_what_is_exported_is_imported_as_it_was() -> None:
    table = export_table(SAID)
    assert "'=cmd/-1.jpg,'+lime,,'@home\r\n" in table
    read = import_table(table.encode(), known=SAID.by_path, before=NONE)
    assert read.corrections == SAID.by_path
    assert read.notices == ()


def test_a_spreadsheet_of_another_country_is_read() -> None:
    text = "Path;Excluded;Class\r\nkiwi\\1.jpg;x;Limón\r\n./kiwi/2.jpg;nO;\r\n"
    known = ["kiwi/1.jpg", "kiwi/2.jpg"]
    expected = {"kiwi/1.jpg": Correction("Limón", excluded=True), "kiwi/2.jpg": NOTHING}
    for encoding, said in [("utf-8-sig", ()), ("utf-16", ("Read as UTF-16.",))]:
        read = import_table(text.encode(encoding), known=known, before=SAID)
        # What the table has no column for stays as it is.
        tags = {"kiwi/1.jpg": Correction("Limón", excluded=True, tags=("small", "green"))}
        assert read.corrections == expected | tags
        assert read.notices == said


@pytest.mark.parametrize(
    ("label", "encoding", "said"),
    [
        ("Limón", "cp1252", "western European, Windows"),
        ("лимон, спелый", "cp1251", "Cyrillic, Windows"),
        ("レモンとバナナ", "cp932", "Shift-JIS, Japanese"),
    ],
)
def test_a_table_that_is_not_unicode_is_read_and_how_is_said(
    label: str, encoding: str, said: str
) -> None:
    content = f'path;class\r\nkiwi/1.jpg;"{label}"\r\n'.encode(encoding)
    read = import_table(content, known=["kiwi/1.jpg"], before=NONE)
    assert read.corrections == {"kiwi/1.jpg": Correction(label)}
    assert read.notices == (f"Read as {said}.",)


def test_a_name_in_the_other_form_of_unicode_is_the_same_picture() -> None:
    read = import_table(
        "path,class\ncafe\u0301.jpg,x\n".encode(), known=["caf\u00e9.jpg"], before=NONE
    )
    assert read.corrections == {"caf\u00e9.jpg": Correction("x")}


def test_of_two_names_that_look_the_same_each_is_its_own_picture() -> None:
    # One form of Unicode and the other; a slash, and a backslash that Linux lets a name have.
    twins = ("caf\u00e9.jpg", "cafe\u0301.jpg", "a/1.jpg", "a\\1.jpg")
    said = Corrections({path: Correction(tags=(str(n),)) for n, path in enumerate(twins)})
    read = import_table(export_table(said).encode(), known=twins, before=NONE)
    assert read.corrections == said.by_path


def test_rows_that_cannot_be_used_are_counted_and_named() -> None:
    text = (
        "path,class,excluded,why\n"
        "gone.jpg,lime,,\n"
        ",lime,,\n"
        "kiwi/1.jpg,lime,perhaps,\n"
        "kiwi/2.jpg,lime,,\n"
        "\n"
        "kiwi/2.jpg,pear,,\n"
        "kiwi/2.jpg,lime\n"
    )
    read = import_table(text.encode(), known=["kiwi/1.jpg", "kiwi/2.jpg"], before=NONE)
    assert read.corrections == {"kiwi/2.jpg": Correction("lime")}
    assert read.notices == (
        "Not used: the columns why.",
        "Left out: 2 rows about pictures that are not there (gone.jpg; line 3 without a path).",
        "Left out: 1 row cannot be understood (line 4, excluded is 'perhaps': write yes or "
        "nothing).",
        "Left out: 1 row about a picture that an earlier row says something else of "
        "(line 7, kiwi/2.jpg).",
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has the columns nothing"),
        (b"file,class\na,b\n", "has the columns file, class"),
        (b"path\na\n", "one at least of class, excluded"),
        (b"\x89PNG\r\n\x1a\n\0\0", "bytes that no text has"),
        (b"\xff\xfe\x00\xd8\x00", "UTF-16"),
        (b"path,class\n" + b'"' + b"x" * 200_000, "cannot be read as a table"),
    ],
)
def test_what_is_no_table_of_corrections_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(CorrectionError, match=said):
        import_table(content, known=["a"], before=NONE)
