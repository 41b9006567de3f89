"""What a build will do to the collections that are there already, in words, before it begins."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import replace

from core.collection.index_choice import IndexChoice
from core.collection.info import CollectionInfo
from core.dataset.files import image_id
from core.errors import EncoderMismatchError
from core.indexing.family import refuse_other_dataset
from core.metric import Metric
from core.wording import REPLACE_IT, listed


def index_to_build(
    choice: IndexChoice | None,
    infos: Sequence[CollectionInfo],
    *,
    metrics: Sequence[Metric],
    rows: int,
) -> IndexChoice:
    """Return what to ask of `build_index` for an index that a person chose.

    An IVF_FLAT index whose nlist is left open asks `build_index` for nothing in particular, so it
    would leave an HNSW index alone; chosen on purpose, it is written out.

    Args:
        choice: None leaves the indexes as they are, and gives new metrics the same.
        infos: The collections that stay; none where they are made or replaced.
        metrics: To build.
        rows: How many there will be.
    """
    if not infos:
        return choice or IndexChoice()
    if choice is None:
        # The lists of each follow its own rows.
        built = {replace(IndexChoice.of(info), nlist=None) for info in infos}
        is_added = bool(added_metrics(infos, metrics))
        return built.pop() if is_added and len(built) == 1 else IndexChoice()
    return choice.explicit(rows)


def refuse_to_add(
    infos: Sequence[CollectionInfo], *, folder: str, paths: Iterable[str], stored: Set[int]
) -> None:
    """Refuse what `build_index` would refuse too, as far as it can be known beforehand.

    Args:
        infos: The collections that stay, which hold the same rows.
        folder: That is to be indexed, absolute.
        paths: Of its pictures, relative to it.
        stored: The ids of the rows.

    Raises:
        EncoderMismatchError: The collections were made by different encoders.
        DatasetError: They hold other pictures than the folder.
    """
    if len({info.encoder for info in infos}) > 1:
        made = ", ".join(f"{info.name} by {info.encoder}" for info in infos)
        raise EncoderMismatchError(
            f"the metrics were made by different encoders ({made}), so no picture can be added to "
            f"all of them. To build them anew, {REPLACE_IT}."
        )
    if any(info.dataset != folder for info in infos):
        ids = {image_id(path) for path in paths}
        for info in infos:
            refuse_other_dataset(info, folder, ids, stored)


def added_metrics(infos: Sequence[CollectionInfo], metrics: Sequence[Metric]) -> list[Metric]:
    """Return the metrics to build that are not there yet."""
    return [metric for metric in metrics if metric not in {info.metric for info in infos}]


def index_sentences(
    index: IndexChoice, infos: Sequence[CollectionInfo], *, metrics: Sequence[Metric]
) -> str:
    """Say which indexes are built, built anew or left, and which metrics are new.

    Args:
        index: As `index_to_build` returned it.
        infos, metrics: As given to it.
    """
    said = []
    if rebuilt := [info for info in infos if not _stays(index, info)]:
        were = ", ".join(dict.fromkeys(str(IndexChoice.of(info)) for info in rebuilt))
        said.append(
            f"The index of {listed([i.metric for i in rebuilt])} is rebuilt as {index} "
            f"(it is {were}); meanwhile the rows take twice the space."
        )
    elif infos:
        are = ", ".join(dict.fromkeys(str(IndexChoice.of(info)) for info in infos))
        lists = any(info.nlist for info in infos) and index == IndexChoice()
        grows = ", unless the rows outgrow its lists" if lists else ""
        said.append(f"The index stays as it is ({are}){grows}.")
    if added := added_metrics(infos, metrics):
        verb = "is" if len(added) == 1 else "are"
        how = f"{verb} added, with" if infos else f"{verb} built, with"
        said.append(f"{listed(added)} {how} the index {index}.")
    if also := [info.metric for info in infos if info.metric not in metrics]:
        said.append(f"{listed(also)}, though not chosen, is kept up to date as well.")
    return " ".join(said)


def _stays(index: IndexChoice, info: CollectionInfo) -> bool:
    return index in (IndexChoice(), IndexChoice.of(info))
