"""Settings: where each value comes from, and what a person is told about a wrong one."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from core.config import ARCHITECTURES, CollectionSettings, Settings, load_settings
from core.errors import SettingsError

SECRET = "root:Milvus-secret-1234"


@pytest.fixture(autouse=True)
def _empty_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No `.env` of the working folder, and nothing set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ORCHARD_DATA_DIR", raising=False)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    file = tmp_path / "mine.pth"
    file.touch()
    return file


def refused(**values: object) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(**values)
    return str(caught.value)


def test_defaults_need_no_environment_at_all() -> None:
    settings = load_settings()
    assert settings.data_dir == Path("data")
    assert settings.milvus_uri == ""
    assert settings.milvus_token.get_secret_value() == ""
    assert settings.milvus_database == "image_vector_db"
    assert settings.milvus_timeout == 10.0
    assert settings.collection == "fruit_vector"
    assert settings.dataset is None
    assert settings.architecture == "resnet50"
    assert settings.weights is None


def test_the_default_database_is_a_lite_file_below_the_data_folder() -> None:
    settings = load_settings(data_dir=Path("/somewhere"))
    assert settings.uri == "/somewhere/orchard.db"
    assert settings.is_lite
    assert not load_settings(milvus_uri="http://localhost:19530").is_lite
    assert load_settings(milvus_uri="other.db").uri == "other.db"


def test_every_setting_is_read_from_its_variable(
    monkeypatch: pytest.MonkeyPatch, checkpoint: Path
) -> None:
    values = {
        "data_dir": "/data/orchard",
        "milvus_uri": "https://milvus.example:443",
        "milvus_token": SECRET,
        "milvus_database": "other_db",
        "milvus_timeout": "2.5",
        "collection": "roses",
        "dataset": "/photos",
        "architecture": "resnet18",
        "weights": str(checkpoint),
        "weight_set": "IMAGENET1K_V2",
        "precision": "float16",
        "map_limit": "500",
        "query_paths": "*/test_*",
        "gallery_paths": "*/train_*",
        "path_prefix": "/data/fruit",
        "assumed_encoder": "resnet50/0676ba61/resize256-crop224-imagenet/2048",
        "roots": "/photos",
        "follow_links": "/mnt/annex",
        "labels": "/mnt/labels.csv",
        "collections": '{"veg": {"dataset": "/veg"}}',
        "read_only": "True",
        "sign_in": "True",
        "api_token": SECRET,
    }
    assert set(values) == set(Settings.model_fields)  # a new setting belongs into this test
    for name, value in values.items():
        monkeypatch.setenv(f"ORCHARD_{name.upper()}", value)
    settings = load_settings()
    assert settings.milvus_token.get_secret_value() == values.pop("milvus_token")
    assert settings.api_token.get_secret_value() == values.pop("api_token")
    assert settings.collections["veg"].dataset == Path("/veg")
    values.pop("collections")
    for name, value in values.items():
        assert str(getattr(settings, name)) == value


def test_the_env_file_is_read_the_environment_wins_and_an_argument_wins_over_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text(
        "ORCHARD_COLLECTION=from_file\nORCHARD_ARCHITECTURE=resnet34\nORCHARD_MILVUS_TIMEOUT=7\n"
        "SOMETHING_ELSE=1\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("ORCHARD_ARCHITECTURE", "resnet18")
    monkeypatch.setenv("ORCHARD_MILVUS_TIMEOUT", "8")
    settings = load_settings(milvus_timeout=9.0, collection=None)
    assert settings.collection == "from_file"
    assert settings.architecture == "resnet18"
    assert settings.milvus_timeout == 9.0


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"ORCHARD_{name.upper()}", "")
    assert getattr(load_settings(), name) == getattr(Settings(_env_file=None), name)
    assert load_settings() == load_settings(**{name: None})


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("architecture", "resnet51", ARCHITECTURES[-1]),
        ("milvus_timeout", "0", "greater than 0"),
        ("milvus_timeout", "601", "less than or equal to 600"),
        ("milvus_timeout", "nan", "less than or equal to 600"),
        ("milvus_timeout", "soon", "number"),
        ("collection", "my-fruit", "letters, digits and underscores"),
        ("collection", "1fruit", "not starting with a digit"),
        ("collection", "a" * 201, "at most 200"),
        ("collection", "fruit\n", "letters, digits and underscores"),
        ("milvus_database", "a b", "letters, digits and underscores"),
        ("milvus_uri", "localhost:19530", "http://localhost:19530"),
        ("milvus_uri", "orchard.sqlite", ".db"),
        ("weights", "/no/such/file.pth", "path of a checkpoint"),
        ("weights", "x" * 5000, "path of a checkpoint"),
        ("precision", "half", "'bfloat16'"),
        ("data_dir", "~nobody-of-that-name/x", "home folder"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(f"ORCHARD_{name.upper()}", value)
    message = refused()
    assert f"ORCHARD_{name.upper()}" in message
    assert repr(value) in message
    assert allowed in message


def test_every_wrong_value_is_told_at_once() -> None:
    message = refused(architecture="vgg16", milvus_timeout=-1.0)
    assert "ORCHARD_ARCHITECTURE" in message
    assert "ORCHARD_MILVUS_TIMEOUT" in message


def test_the_token_is_in_no_message_and_no_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHARD_MILVUS_TOKEN", SECRET)
    settings = load_settings()
    for text in (repr(settings), str(settings), f"{settings.milvus_token}"):
        assert SECRET not in text
    assert SECRET not in settings.model_dump_json()
    assert SECRET not in refused(architecture="vgg16")
    # A token of a wrong type is the one case in which the token itself is at fault.
    assert SECRET not in refused(milvus_token=[SECRET])


def test_an_env_file_that_is_not_utf8_is_an_error_to_mend_and_never_quoted() -> None:
    Path(".env").write_bytes(b"ORCHARD_MILVUS_TOKEN=caf\xe9-secret\n")
    with pytest.raises(SettingsError, match=r"\.env is not valid UTF-8") as caught:
        load_settings()
    assert caught.value.__cause__ is None
    assert "secret" not in str(caught.value)


def test_a_tilde_means_the_home_folder(monkeypatch: pytest.MonkeyPatch, checkpoint: Path) -> None:
    monkeypatch.setenv("HOME", str(checkpoint.parent))
    Path(".env").write_text(
        "ORCHARD_DATA_DIR=~/d\nORCHARD_DATASET=~/p\nORCHARD_WEIGHTS=~/mine.pth\n", encoding="utf-8"
    )
    settings = load_settings()
    assert settings.data_dir == checkpoint.parent / "d"
    assert settings.dataset == checkpoint.parent / "p"
    assert settings.weights == checkpoint


def test_what_is_said_of_a_collection_is_never_said_of_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ORCHARD_COLLECTION", "fruit")
    monkeypatch.setenv("ORCHARD_DATASET", "/fruit")
    monkeypatch.setenv("ORCHARD_LABELS", "/fruit.csv")
    said = {"veg": {"dataset": str(tmp_path), "labels": "/veg.csv", "path_prefix": "/old"}}
    monkeypatch.setenv("ORCHARD_COLLECTIONS", json.dumps(said))
    settings = load_settings()
    assert settings.of("fruit").dataset == Path("/fruit")
    assert settings.of("veg").path_prefix == "/old" and settings.of("veg").dataset == tmp_path
    assert settings.of("other") == CollectionSettings()
    assert settings.datasets == (Path("/fruit"), tmp_path)
    # A table of classes holds for its folder.
    assert settings.labels_of(tmp_path) == Path("/veg.csv")
    assert settings.labels_of(tmp_path / "elsewhere") == Path("/fruit.csv")


def test_an_option_that_names_another_collection_leaves_the_settings_of_the_first_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ORCHARD_DATASET", "/fruit")
    # Without ORCHARD_COLLECTION it is the option that says what the dataset is of.
    assert load_settings(collection="veg").of("veg").dataset == Path("/fruit")
    monkeypatch.setenv("ORCHARD_COLLECTION", "fruit")
    monkeypatch.setenv("ORCHARD_COLLECTIONS", '{"veg": {"path_prefix": "/old"}}')
    veg = load_settings(collection="veg").of("veg")
    assert (veg.dataset, veg.path_prefix) == (None, "/old")
    given = load_settings(collection="veg", dataset=Path("/veg"))
    assert given.of("veg").dataset == Path("/veg")
    assert load_settings(collection="fruit").of("fruit").dataset == Path("/fruit")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("veg", "ORCHARD_COLLECTIONS: the value is not allowed: it is no JSON"),
        ('{"my-veg": {}}', "'my-veg' names no collection"),
        ('{"veg": {"datset": "/x"}}', "ORCHARD_COLLECTIONS (veg.datset)"),
        ('{"veg": {"assumed_encoder": "mine"}}', "ORCHARD_COLLECTIONS (veg.assumed_encoder)"),
    ],
)
def test_what_is_said_of_collections_is_checked(
    monkeypatch: pytest.MonkeyPatch, value: str, said: str
) -> None:
    monkeypatch.setenv("ORCHARD_COLLECTIONS", value)
    assert said in refused()


def test_a_variable_that_is_called_almost_as_a_setting_is_refused_wherever_it_stands(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ORCHARD_REQUIRE_BROWSER", "1")  # of somebody else, and like none of ours
    load_settings()
    monkeypatch.setenv("ORCHARD_PRECISON", "float32")
    with pytest.raises(SettingsError, match=r"ORCHARD_PRECISON is no .* ORCHARD_PRECISION"):
        load_settings()
    monkeypatch.delenv("ORCHARD_PRECISON")
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")
    (tmp_path / ".env").write_text("ORCHARD_DATASETS=/photos\n")
    with pytest.raises(SettingsError, match=r"ORCHARD_DATASETS is no .* ORCHARD_DATASET,"):
        load_settings()
    # Names of settings count in any case, and so do those that are wrong.
    (tmp_path / ".env").write_text("orchard_precision=float32\n")
    assert load_settings().precision == "float32"
    (tmp_path / ".env").write_text("orchard_precison=float32\n")
    with pytest.raises(SettingsError, match=r"orchard_precison is no .* ORCHARD_PRECISION,"):
        load_settings()


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().collection = "other"  # type: ignore[misc]
