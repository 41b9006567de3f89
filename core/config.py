"""Settings: read once from the environment and `.env`, checked, frozen, passed on."""

import contextlib
import difflib
import os
import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import pydantic_settings
from dotenv import dotenv_values
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.data_folder import DataFolder
from core.dataset_root import Root, parse_root
from core.errors import DatasetError, SettingsError
from core.records import EncoderIdentity

ARCHITECTURES = (
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "resnext101_32x8d",
    "wide_resnet50_2",
    "wide_resnet101_2",
    "efficientnet_lite2",
    "resnet14",
)
DEFAULT_ARCHITECTURE = "resnet50"
# Comes with requirements-imagenet.txt, weights and all.
IMAGENET_ARCHITECTURE = "efficientnet_lite2"
# Ships with Orchard; torchvision has no such network.
OFFLINE_ARCHITECTURE = "resnet14"
DEFAULT_WEIGHT_SET = "IMAGENET1K_V1"


class Precision(StrEnum):
    """Numbers the encoder computes with; embeddings are float32 in any case."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


# Milvus allows letters, digits and underscores; 200 leaves room for the metric's suffix.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
# How alike two names are, 0 to 1, of which one is taken for the other misspelt: a letter or two.
_MISSPELT = 0.93
_NAMES_ALLOWED = (
    "allowed are letters, digits and underscores, not starting with a digit, at most 200 characters"
)


def require_name(name: str) -> str:
    """Return the name of a collection as it is.

    Raises:
        SettingsError: Milvus takes no such name.
    """
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"the name {name[:60]!r} is not allowed for a collection: {_NAMES_ALLOWED}."
        )
    return name


def _known_identity(value: str) -> str:
    try:
        known = not value or EncoderIdentity.parse(value).architecture in ARCHITECTURES
    except ValueError:
        known = False
    if not known:
        raise ValueError(
            "allowed is an encoder as scripts.build_index reports it, such as "
            "resnet50/0676ba61/resize256-crop224-imagenet/2048"
        )
    return value


def _root(value: str | Root) -> Root:
    try:
        return parse_root(value)
    except DatasetError as error:
        raise ValueError(str(error).rstrip(".")) from None


def _at_home(value: Root | None) -> Root | None:
    # Neither `.env` nor a service manager expands `~`.
    try:
        return value.expanduser() if isinstance(value, Path) else value
    except RuntimeError as error:
        raise ValueError("there is no such home folder; write the path out") from error


class CollectionSettings(BaseModel):
    """What is said of one collection; each as `Settings` has it for that of `collection`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: Annotated[Root | None, BeforeValidator(_root)] = None
    labels: Path | None = None
    path_prefix: str = ""
    assumed_encoder: str = ""

    _identity = field_validator("assumed_encoder")(_known_identity)
    _expanded = field_validator("dataset", "labels")(_at_home)

    @property
    def assumed_identity(self) -> EncoderIdentity | None:
        """`assumed_encoder`, read; None where it is not set."""
        return EncoderIdentity.parse(self.assumed_encoder) if self.assumed_encoder else None


# What of the settings is about one collection.
_OF_ONE = tuple(CollectionSettings.model_fields)


class Settings(BaseSettings):
    """What a user can set, each as `ORCHARD_` plus the name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix="ORCHARD_",
        env_file=".env",
        env_file_encoding="utf-8",
        # `.env` may hold variables of other programs.
        extra="ignore",
        # `ORCHARD_WEIGHTS=` means "not set".
        env_ignore_empty=True,
        frozen=True,
    )

    data_dir: Annotated[Path, Field(description="folder for everything the app writes")] = Path(
        "data"
    )
    milvus_uri: Annotated[
        str, Field(description="Milvus Lite file (*.db) or server address; default DATA_DIR")
    ] = ""
    milvus_token: Annotated[SecretStr, Field(description="user:password or API key")] = SecretStr(
        ""
    )
    milvus_database: str = "image_vector_db"
    milvus_timeout: Annotated[float, Field(gt=0, le=600, description="seconds")] = 10.0
    collection: Annotated[str, Field(description="name of the collection family")] = "fruit_vector"
    dataset: Annotated[
        Root | None,
        BeforeValidator(_root),
        Field(description="folder of class folders, or its address; default: as indexed"),
    ] = None
    labels: Annotated[
        Path | None,
        Field(description="a table with the columns path and class; default: in the dataset"),
    ] = None
    path_prefix: Annotated[
        str,
        Field(
            description="folder in the paths of a collection that others made; `dataset` is where "
            "it lies here"
        ),
    ] = ""
    assumed_encoder: Annotated[
        str, Field(description="what made a collection that does not name its encoder")
    ] = ""
    collections: Annotated[
        Mapping[str, CollectionSettings],
        Field(
            description="dataset, labels, path_prefix and assumed_encoder of other collections, as "
            "JSON by their names"
        ),
    ] = {}
    architecture: str = DEFAULT_ARCHITECTURE
    weights: Annotated[Path | None, Field(description="a checkpoint file")] = None
    query_paths: Annotated[
        str, Field(description="evaluation asks only with paths like this, such as */test_*")
    ] = ""
    gallery_paths: Annotated[
        str, Field(description="evaluation finds only paths like this, such as */train_*")
    ] = ""
    weight_set: Annotated[
        str, Field(description="enum name of torchvision weights, where no file is given")
    ] = DEFAULT_WEIGHT_SET
    precision: Precision = Precision.AUTO
    map_limit: Annotated[
        int, Field(ge=10, le=200_000, description="pictures on the map; more are sampled")
    ] = 20_000
    roots: Annotated[
        str,
        Field(description="folders that may be indexed from the browser, separated as in PATH"),
    ] = ""
    follow_links: Annotated[
        str,
        Field(
            description="folders outside the dataset that links in it may lead into, separated as "
            "in PATH"
        ),
    ] = ""
    read_only: Annotated[
        bool, Field(description="refuse whatever changes the collections or the dataset")
    ] = False
    api_token: Annotated[
        SecretStr, Field(description="admits programs to the HTTP API, 16 characters or more")
    ] = SecretStr("")
    sign_in: Annotated[
        bool, Field(description="show pages only to those whom the OIDC provider knows")
    ] = False

    @field_validator("architecture")
    @classmethod
    def _known_architecture(cls, value: str) -> str:
        if value not in ARCHITECTURES:
            raise ValueError(f"allowed are {', '.join(ARCHITECTURES)}")
        return value

    @field_validator("collection", "milvus_database")
    @classmethod
    def _milvus_name(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError(_NAMES_ALLOWED)
        return value

    @field_validator("collections")
    @classmethod
    def _milvus_names(
        cls, value: Mapping[str, CollectionSettings]
    ) -> Mapping[str, CollectionSettings]:
        for name in value:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} names no collection: {_NAMES_ALLOWED}")
        return value

    _identity = field_validator("assumed_encoder")(_known_identity)

    @field_validator("api_token")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        token = value.get_secret_value()
        if token and (len(token) < 16 or not token.isascii() or not token.isprintable()):
            raise ValueError("allowed are 16 or more letters, digits and signs")
        return value

    @field_validator("milvus_uri")
    @classmethod
    def _milvus_address(cls, value: str) -> str:
        if value and "://" not in value and not value.endswith(".db"):
            raise ValueError(
                "allowed are a file name ending in .db (Milvus Lite) or an address such as "
                "http://localhost:19530"
            )
        return value

    @field_validator("roots", "follow_links")
    @classmethod
    def _whole_folders(cls, value: str) -> str:
        folders = [Path(name).expanduser() for name in value.split(os.pathsep) if name.strip()]
        # A relative name would mean another folder for each way of starting.
        if not all(folder.is_absolute() for folder in folders):
            raise ValueError(f"give absolute folders, separated by {os.pathsep!r}")
        return os.pathsep.join(map(str, folders))

    _expanded = field_validator("data_dir", "dataset", "labels", "weights")(_at_home)

    @field_validator("weights")
    @classmethod
    def _existing_file(cls, value: Path | None) -> Path | None:
        try:
            exists = value is None or value.is_file()
        except OSError:  # a name that is too long
            exists = False
        if not exists:
            raise ValueError("no such file; give the path of a checkpoint")
        return value

    @cached_property
    def uri(self) -> str:
        """The address that is connected to: `milvus_uri`, or the Lite file below `data_dir`."""
        return self.milvus_uri or str(self.data.database)

    @property
    def data(self) -> DataFolder:
        """What lies where below `data_dir`."""
        return DataFolder(self.data_dir)

    def of(self, name: str) -> CollectionSettings:
        """Return what is said of a collection.

        That of `collection` has settings of its own; they go before what `collections` says of it.
        """
        beside = self.collections.get(name, CollectionSettings())
        if name != self.collection:
            return beside
        said = {one: getattr(self, one) or getattr(beside, one) for one in _OF_ONE}
        return CollectionSettings.model_construct(None, **said)

    def labels_of(self, root: Root) -> Path | None:
        """Return the labels file that is named for a dataset folder; None where none is."""
        there = root.resolve()
        for one in self.collections.values():
            if one.labels and one.dataset and one.dataset.resolve() == there:
                return one.labels
        return self.labels

    @property
    def datasets(self) -> tuple[Root, ...]:
        """The dataset folders that are named, of whichever collection."""
        named = [self.dataset, *(one.dataset for one in self.collections.values())]
        return tuple(folder for folder in named if folder)

    @property
    def reductions(self) -> Path:
        """Where lies what embeddings were made smaller with: beside a Milvus Lite file."""
        beside = DataFolder(Path(self.uri).expanduser().parent) if self.is_lite else self.data
        return beside.reductions

    @property
    def root_folders(self) -> tuple[Path, ...]:
        """The folders of `roots`."""
        return _folders(self.roots)

    @property
    def link_folders(self) -> tuple[Path, ...]:
        """The folders of `follow_links`."""
        return _folders(self.follow_links)

    @property
    def is_lite(self) -> bool:
        """Whether the database is an embedded Milvus Lite file."""
        return "://" not in self.uri


def load_settings(**overrides: Any) -> Settings:  # noqa: ANN401
    """Read the settings; `overrides` that are not None win over environment and `.env`.

    Where `collection` is among them and ORCHARD_COLLECTION names another one, the dataset, labels,
    prefix and encoder that are set beside it are those of the other one, and left out.

    Raises:
        SettingsError: A value is not allowed; the message names the variable, the value and
            what is allowed. Or a variable is called almost as a setting is, or `.env` is not UTF-8.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = Settings(**_of_others(given), **given)
        _refuse_misspelt()
        return settings
    except ValidationError as error:
        raise SettingsError("\n".join(_described(item) for item in error.errors())) from None
    except pydantic_settings.SettingsError:
        # From None: as below. Of all settings this one alone is read as JSON.
        raise SettingsError(
            "ORCHARD_COLLECTIONS: the value is not allowed: it is no JSON. Write it as in "
            '{"veg": {"dataset": "/data/veg"}}.'
        ) from None
    except UnicodeDecodeError:
        # From None: the exception holds the content of the file, which may be a token.
        raise SettingsError(
            "the file .env is not valid UTF-8. Save it as UTF-8, or remove it."
        ) from None


def _refuse_misspelt() -> None:
    """Refuse a variable that would do nothing though somebody meant it to do something."""
    prefix, file = Settings.model_config["env_prefix"], Settings.model_config["env_file"]
    lines = dotenv_values(file, interpolate=False) if isinstance(file, str | Path) else {}
    known = [f"{prefix}{name.upper()}" for name in Settings.model_fields]
    told = {*os.environ, *lines}
    for name in sorted(name for name in told if name.upper().startswith(prefix)):
        if name.upper() in known:
            continue
        if meant := difflib.get_close_matches(name.upper(), known, n=1, cutoff=_MISSPELT):
            raise SettingsError(
                f"{name} is no setting of Orchard and would do nothing. Call it {meant[0]}, which "
                "may be what is meant, or remove it."
            )


def _of_others(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what leaves out settings of the collection that is not the one that was asked for."""
    if "collection" not in given:
        return {}
    with contextlib.suppress(ValidationError):
        told = Settings(**{name: value for name, value in given.items() if name != "collection"})
        if "collection" in told.model_fields_set and told.collection != given["collection"]:
            defaults = CollectionSettings()
            return {name: getattr(defaults, name) for name in _OF_ONE if name not in given}
    return {}


def _folders(text: str) -> tuple[Path, ...]:
    return tuple(Path(name) for name in text.split(os.pathsep) if name)


def _described(item: Any) -> str:  # noqa: ANN401
    name = str(item["loc"][0]) if item["loc"] else "settings"
    within = "".join(f" ({place})" for place in [".".join(map(str, item["loc"][1:]))] if place)
    reason = str(item["msg"]).removeprefix("Value error, ")
    # A token is never echoed, nor an address, in which somebody may have written a password.
    is_secret = "token" in name or ("dataset" in item["loc"] and "://" in str(item["input"]))
    value = "the value" if is_secret else repr(str(item["input"]))
    return f"ORCHARD_{name.upper()}{within}: {value} is not allowed: {reason}."
