"""Classes from a table: what it may look like, what is refused, what is said."""

import datetime
from pathlib import Path

import pandas as pd
import pytest

from core.collection.schema import Schema
from core.dataset.labels_file import MOST_COLUMNS, TAKEN, NoneNamedError, classes_by_file
from core.dataset.listing import list_dataset
from core.errors import DatasetError

PATHS = ("a/1.jpg", "a/2.jpg", "b/1.jpg", "K\u0131\u0301wi/3.jpg")


def write(folder: Path, text: str, *, name: str = "labels.csv", encoding: str = "utf-8") -> Path:
    file = folder / name
    file.write_text(text, encoding=encoding)
    return file


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("path,class\na/1.jpg,kiwi\nb/1.jpg,lemon\n", "utf-8"),
        # Excel: a mark of the byte order, semicolons, its own slashes; other names for columns.
        ("Image;Label\na\\1.jpg;kiwi\nb\\1.jpg;lemon\n", "utf-8-sig"),
        ("filename\tcategory\n./a/1.jpg\tkiwi\n./b/1.jpg\tlemon\n", "utf-8"),
    ],
)
def test_tables_as_people_have_them_are_read(tmp_path: Path, text: str, encoding: str) -> None:
    found = classes_by_file(write(tmp_path, text, encoding=encoding), PATHS)
    assert dict(found.by_path) == {PATHS[0]: "kiwi", PATHS[1]: "", PATHS[2]: "lemon", PATHS[3]: ""}
    assert found.found_by == "labels.csv"
    assert found.doubts == ()


def test_a_parquet_file_is_read_too(tmp_path: Path) -> None:
    file = tmp_path / "labels.parquet"
    pd.DataFrame({"path": ["a/1.jpg"], "class": ["kiwi"]}).to_parquet(file)
    assert classes_by_file(file, PATHS).of("a/1.jpg") == "kiwi"


def test_a_name_alone_means_the_only_picture_that_is_called_so(tmp_path: Path) -> None:
    file = write(tmp_path, "path,class\n2.jpg,kiwi\n1.jpg,lemon\n")
    found = classes_by_file(file, PATHS)
    assert found.of("a/2.jpg") == "kiwi"
    # Two are called 1.jpg.
    assert (found.of("a/1.jpg"), found.of("b/1.jpg")) == ("", "")
    assert found.doubts == ("1 row of labels.csv about pictures that are not there: 1.jpg.",)


def test_of_two_names_that_look_the_same_each_has_its_own_class(tmp_path: Path) -> None:
    twins = ("caf\u00e9.jpg", "cafe\u0301.jpg", "a/1.jpg", "a\\1.jpg")
    text = "".join(f"{path},{n}\n" for n, path in enumerate(twins))
    found = classes_by_file(write(tmp_path, f"path,class\n{text}"), twins)
    assert dict(found.by_path) == {path: str(n) for n, path in enumerate(twins)}


def test_numbers_and_words_that_tables_take_for_nothing_are_classes(tmp_path: Path) -> None:
    file = write(tmp_path, "path,class,date\na/1.jpg,0100,x\na/2.jpg,None,\nb/1.jpg,NA,\n")
    found = classes_by_file(file, PATHS)
    assert [found.of(path) for path in PATHS[:3]] == ["0100", "None", "NA"]
    assert found.doubts == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,class\na/1.jpg,kiwi\n", "has no column 'path'; it has name, class"),
        ("path,sort\na/1.jpg,kiwi\n", "has no column 'class'"),
        ("path,class\na/1.jpg,kiwi\na/1.jpg,lemon\n", "that it is 'kiwi' and that it is 'lemon'"),
        (
            "path,class,date\na/1.jpg,kiwi,May\na/1.jpg,kiwi,\n",
            "its date is 'May' and that it is ''",
        ),
        ("", "cannot be read"),
    ],
)
def test_a_table_that_does_not_say_it_is_refused_in_words(
    tmp_path: Path, text: str, said: str
) -> None:
    with pytest.raises(DatasetError, match=r"labels\.csv") as error:
        classes_by_file(write(tmp_path, text), PATHS)
    assert said in str(error.value)


def test_a_table_about_other_pictures_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(NoneNamedError, match=r"none of the 4 pictures; .* 'x\.jpg'"):
        classes_by_file(write(tmp_path, "path,class\nx.jpg,kiwi\n"), PATHS)


def test_a_link_that_leads_out_of_the_folder_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "photos" / "plum").mkdir(parents=True)
    (tmp_path / "photos" / "plum" / "9.jpg").write_bytes(b"x")
    elsewhere = write(tmp_path, "path,class\n9.jpg,kiwi\n", name="own.csv")
    (tmp_path / "photos" / "labels.csv").symlink_to(elsewhere)
    assert list_dataset(tmp_path / "photos").classes.counts == {"plum": 1}


def test_a_table_that_the_settings_name_goes_before_that_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("1.jpg", "2.jpg"):
        (photos / name).write_bytes(b"x")
    own = write(photos, "path,class\n1.jpg,kiwi\n2.jpg,kiwi\n")
    listing = list_dataset(photos)
    assert (listing.classes.counts, listing.left_out.count) == ({"kiwi": 2}, 0)
    elsewhere = write(tmp_path, "path,class\n1.jpg,lemon\n", name="own.csv")
    monkeypatch.setenv("ORCHARD_LABELS", str(elsewhere))
    listing = list_dataset(photos)
    assert listing.classes.counts == {"": 1, "lemon": 1}
    assert listing.classes.found_by == "own.csv"
    # The folder's is a file like any other then, which nobody should expect to count.
    assert listing.left_out.count == 1
    assert listing.classes.doubts == (
        "labels.csv of the folder is not used: the settings name own.csv.",
    )
    # To name the very table of the folder changes nothing.
    monkeypatch.setenv("ORCHARD_LABELS", str(own))
    listing = list_dataset(photos)
    assert (listing.classes.counts, listing.left_out.count) == ({"kiwi": 2}, 0)
    assert listing.classes.doubts == ()
    # One in a folder further down may name the pictures from there, as the folder's own may.
    for folder in ("less/a", "more/a"):
        (photos / folder).mkdir(parents=True)
        (photos / folder / "3.jpg").write_bytes(b"x")
    below = write(photos / "more", "path,class\na/3.jpg,plum\n", name="own.csv")
    monkeypatch.setenv("ORCHARD_LABELS", str(below))
    assert list_dataset(photos).classes.counts == {"": 3, "plum": 1}
    # One that cannot be read is refused, whatever the folder has.
    monkeypatch.setenv("ORCHARD_LABELS", str(tmp_path / "misspelt.csv"))
    with pytest.raises(DatasetError, match=r"misspelt\.csv' cannot be read"):
        list_dataset(photos)


def test_a_table_of_the_settings_about_other_pictures_leaves_the_folder_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = write(tmp_path, "path,class\n1.jpg,lemon\n", name="own.csv")
    monkeypatch.setenv("ORCHARD_LABELS", str(elsewhere))
    # The setting is for one dataset; another one has its folders, and it is said.
    other = tmp_path / "other"
    (other / "plum").mkdir(parents=True)
    (other / "plum" / "9.jpg").write_bytes(b"x")
    found = list_dataset(other).classes
    assert found.counts == {"plum": 1}
    assert "own.csv is not used" in found.doubts[0]
    write(other, "path,class\nplum/9.jpg,kiwi\n")
    found = list_dataset(other).classes
    assert (found.counts, found.found_by) == ({"kiwi": 1}, "labels.csv")
    assert found.doubts == (
        "The labels file own.csv is not used: it names none of these pictures.",
    )


def test_further_columns_are_kept_as_the_texts_they_are(tmp_path: Path) -> None:
    text = (
        'path,class,variety,bar code,note\na/1.jpg,kiwi,Ho\u0308rnchen,007,"a, ""b"""\n'
        "a/2.jpg,kiwi,,1e5, 2024-01-02 \nb/1.jpg,lemon,,,\n"
    )
    found = classes_by_file(write(tmp_path, text), PATHS)
    assert found.further_of(PATHS[0]) == (
        ("bar code", "007"),
        ("note", 'a, "b"'),
        # One sign for the letter with its dots, as in the names of classes.
        ("variety", "H\u00f6rnchen"),
    )
    assert found.further_of(PATHS[1]) == (("bar code", "1e5"), ("note", "2024-01-02"))
    # Nothing is told of it, or it is not named.
    assert found.further_of(PATHS[2]) == found.further_of(PATHS[3]) == ()
    assert found.described().endswith("; by labels.csv; further columns: bar code, note, variety")


def test_cells_of_a_parquet_file_are_told_as_people_write_them(tmp_path: Path) -> None:
    file = tmp_path / "labels.parquet"
    table = {
        "path": list(PATHS[:2]),
        "class": ["kiwi", None],
        "day": [datetime.date(2024, 1, 2), None],
        # Beside a cell without one, pandas would make it 5.0.
        "article": pd.array([5, None], dtype="Int64"),
        "weight": [0.5, None],
    }
    pd.DataFrame(table).to_parquet(file)
    found = classes_by_file(file, PATHS)
    assert found.further_of(PATHS[0]) == (
        ("article", "5"),
        ("day", "2024-01-02"),
        ("weight", "0.5"),
    )
    assert (found.of(PATHS[1]), found.further_of(PATHS[1])) == ("", ())


def test_columns_that_cannot_be_kept_are_named(tmp_path: Path) -> None:
    columns = ["path", "class", "digest", "$meta", "variety", "variety ", "", "x" * 101]
    more = [f"c{n:02d}" for n in range(MOST_COLUMNS + 2)]
    text = f"{','.join(columns + more)}\na/1.jpg,kiwi{',y' * (len(columns + more) - 2)}\n"
    found = classes_by_file(write(tmp_path, text), PATHS)
    # `variety` and fifty in all; three of those behind it are too many.
    assert len(found.further_of(PATHS[0])) == MOST_COLUMNS == 50
    assert found.doubts[0] == "Not kept: 1 column of labels.csv without a name."
    assert found.doubts[1].startswith(
        f"Not kept: digest, $meta, variety, {'x' * 100} of labels.csv."
    )
    assert found.doubts[2] == "Not kept: 3 columns of labels.csv beyond 50."


def test_a_cell_that_is_a_page_long_is_left_out_and_counted(tmp_path: Path) -> None:
    text = f"path,class,note\na/1.jpg,kiwi,{'x' * 301}\na/2.jpg,kiwi,{'x' * 300}\n"
    found = classes_by_file(write(tmp_path, text), PATHS)
    assert found.further_of(PATHS[0]) == ()
    assert found.further_of(PATHS[1]) == (("note", "x" * 300),)
    assert found.doubts == ("Not kept: 1 cell of labels.csv with more than 300 letters.",)


def test_no_column_is_called_like_a_field_of_a_collection() -> None:
    assert Schema().named - {"$meta"} <= TAKEN


def test_a_reader_that_fails_without_a_word_is_named_by_its_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise ValueError

    monkeypatch.setattr(pd, "read_csv", fail)
    with pytest.raises(DatasetError, match=r"cannot be read \(ValueError\)"):
        classes_by_file(write(tmp_path, "path,class\n"), PATHS)


@pytest.mark.parametrize("named", ["apple/1.jpg", "fruit/apple/1.jpg"])
def test_a_table_in_the_only_folder_decides(tmp_path: Path, named: str) -> None:
    photos = tmp_path / "photos"
    (photos / "fruit" / "apple").mkdir(parents=True)
    for name in ("1.jpg", "2.jpg"):
        (photos / "fruit" / "apple" / name).write_bytes(b"x")
    write(photos / "fruit", f"path,class,variety\n{named},kiwi,Gala\n")
    listing = list_dataset(photos)
    assert listing.classes.counts == {"": 1, "kiwi": 1}
    assert listing.classes.further_of("fruit/apple/1.jpg") == (("variety", "Gala"),)
    assert listing.left_out.count == 0


def test_a_table_beside_one_of_several_classes_is_none(tmp_path: Path) -> None:
    for name in ("apple", "pear"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").write_bytes(b"x")
    write(tmp_path / "apple", "path,class\n1.jpg,kiwi\n")
    listing = list_dataset(tmp_path)
    assert listing.classes.counts == {"apple": 1, "pear": 1}
    assert listing.left_out.count == 1


def test_a_file_in_the_only_folder_that_is_no_such_table_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "plum").mkdir()
    (tmp_path / "plum" / "1.jpg").write_bytes(b"x")
    write(tmp_path / "plum", "a,b\n")
    listing = list_dataset(tmp_path)
    assert listing.classes.counts == {"plum": 1}
    assert listing.left_out.count == 1
    assert "has no column 'path'" in listing.classes.doubts[0]
