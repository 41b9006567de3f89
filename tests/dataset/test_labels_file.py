"""Classes from a table: what it may look like, what is refused, what is said."""

from pathlib import Path

import pandas as pd
import pytest

from core.dataset.labels_file import NoneNamedError, classes_by_file
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


def test_numbers_and_words_that_tables_take_for_nothing_are_classes(tmp_path: Path) -> None:
    file = write(tmp_path, "path,class,date\na/1.jpg,0100,x\na/2.jpg,None,\nb/1.jpg,NA,\n")
    found = classes_by_file(file, PATHS)
    assert [found.of(path) for path in PATHS[:3]] == ["0100", "None", "NA"]
    assert found.doubts == ("Not used: 1 further column of labels.csv.",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,class\na/1.jpg,kiwi\n", "has no column 'path'; it has name, class"),
        ("path,sort\na/1.jpg,kiwi\n", "has no column 'class'"),
        ("path,class\na/1.jpg,kiwi\na/1.jpg,lemon\n", "that it is 'kiwi' and that it is 'lemon'"),
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


def test_the_table_in_the_folder_decides_and_is_no_file_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("1.jpg", "2.jpg"):
        (photos / name).write_bytes(b"x")
    elsewhere = write(tmp_path, "path,class\n1.jpg,lemon\n", name="own.csv")
    monkeypatch.setenv("ORCHARD_LABELS", str(elsewhere))
    assert list_dataset(photos).classes.counts == {"": 1, "lemon": 1}
    write(photos, "path,class\n1.jpg,kiwi\n2.jpg,kiwi\n")
    listing = list_dataset(photos)
    assert listing.classes.counts == {"kiwi": 2}
    assert listing.left_out.count == 0
    # The setting is for one dataset; another one has its folders, and it is said.
    other = tmp_path / "other"
    (other / "plum").mkdir(parents=True)
    (other / "plum" / "9.jpg").write_bytes(b"x")
    found = list_dataset(other).classes
    assert found.counts == {"plum": 1}
    assert "own.csv is not used" in found.doubts[0]
