"""Everything that the app writes lies in one folder, each thing under a name of its own."""

from pathlib import Path

from core.config import load_settings
from core.data_folder import DataFolder

NAMES = [name for name, value in vars(DataFolder).items() if isinstance(value, property)]


def test_everything_lies_directly_below_the_data_folder_and_nothing_twice(tmp_path: Path) -> None:
    data = DataFolder(tmp_path)
    places = [getattr(data, name) for name in NAMES]
    assert {place.parent for place in places} == {tmp_path}
    assert len(set(places)) == len(places)


def test_the_settings_say_where_it_is(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path)
    assert settings.data == DataFolder(tmp_path)
    assert settings.uri == str(settings.data.database)


def test_the_document_names_all_of_it() -> None:
    document = Path(__file__).parents[2] / "docs/architecture.md"
    data = DataFolder(Path("data"))
    lacking = [name for name in NAMES if f"`{getattr(data, name).name}" not in document.read_text()]
    assert lacking == []
