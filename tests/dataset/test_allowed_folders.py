"""A visitor chooses among allowed folders; nothing else of the machine is looked at or told."""

import os
from pathlib import Path

import pytest

from core.config import load_settings
from core.dataset.allowed_folders import allowed_roots, folder_inside, suggested_folders
from core.errors import DatasetError, SettingsError
from tests.conftest import draw_dataset

pytestmark = pytest.mark.usefixtures("no_settings")


def test_folder_below_a_root_is_taken_and_links_are_followed_first(tmp_path: Path) -> None:
    inside = tmp_path / "roots" / "fruit"
    inside.mkdir(parents=True)
    assert folder_inside(str(inside), [tmp_path / "roots"]) == inside
    assert folder_inside(f"{inside}/../fruit", [tmp_path / "roots"]) == inside


@pytest.mark.parametrize("name", ["/etc", "", "  ", "roots/../secret", "\0", "~nobody-here/x"])
def test_folder_outside_is_refused_with_the_roots_and_a_next_step(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret").mkdir()
    with pytest.raises(DatasetError, match="ORCHARD_ROOTS") as caught:
        folder_inside(name, [tmp_path / "roots"])
    assert str(tmp_path / "roots") in str(caught.value)


def test_link_that_leads_outside_is_refused(tmp_path: Path) -> None:
    (tmp_path / "roots").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "roots" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(DatasetError, match="does not lie below"):
        folder_inside(str(tmp_path / "roots" / "link"), [tmp_path / "roots"])


def test_whether_a_folder_outside_exists_is_not_told(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    said = []
    for name in ("there", "nowhere"):
        with pytest.raises(DatasetError) as caught:
            folder_inside(str(tmp_path / name), [tmp_path / "roots"])
        said.append(str(caught.value).replace(name, "NAME"))
    assert said[0] == said[1]


def test_missing_folder_below_a_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="there is no folder"):
        folder_inside(str(tmp_path / "gone"), [tmp_path])


def test_home_and_data_folder_itself_are_not_among_the_roots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHARD_ROOTS", os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")]))
    data = load_settings().data_dir
    roots = allowed_roots(load_settings(), indexed=str(tmp_path / "photos"))
    names = ("a", "b", "photos")
    assert roots == (*(tmp_path / n for n in names), data / "sample", data / "uploads")


def test_relative_roots_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHARD_ROOTS", "pictures")
    with pytest.raises(SettingsError, match=r"ORCHARD_ROOTS.*absolute"):
        load_settings()


def test_suggestions_are_folders_with_folders_in_them(tmp_path: Path) -> None:
    draw_dataset(tmp_path / "r" / "fruit", ["apple/1.png", "pear/1.png"])
    (tmp_path / "r" / ".hidden" / "x").mkdir(parents=True)
    found = suggested_folders([tmp_path / "r", tmp_path / "missing"])
    assert found == [tmp_path / "r", tmp_path / "r" / "fruit"]


def test_suggestions_reach_two_levels_down_and_no_deeper(tmp_path: Path) -> None:
    root = tmp_path / "data"
    draw_dataset(root / "grocery" / "fruit", ["apple/gala/1.png", "pear/1.png"])
    draw_dataset(root / "deep" / "deeper" / "deepest", ["apple/1.png"])
    fruit = [root, root / "deep", root / "deep" / "deeper", root / "grocery"]
    # `apple` has folders as well, but lies three levels down, as does `deepest`.
    assert suggested_folders([root]) == [*fruit, root / "grocery" / "fruit"]
