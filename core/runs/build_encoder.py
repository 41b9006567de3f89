"""Which encoder a build uses: that of the collection, the one asked for, that of the settings."""

from typing import TYPE_CHECKING

from core.config import DEFAULT_WEIGHT_SET, Settings
from core.encoder.weights import Checkpoint, checkpoint_for, find_checkpoint, reduced_as
from core.progress import Stage
from core.runs.runner import RunProgress
from core.runs.task import Build
from core.store.vector_store import VectorStore

if TYPE_CHECKING:
    from core.encoder.encoder import Encoder


def load_encoder(
    task: Build, *, store: VectorStore, settings: Settings, progress: RunProgress
) -> "Encoder":
    """Find and load the encoder of a build.

    Raises:
        WeightsError: As `find_checkpoint`.
        EncoderMismatchError, ReductionError: As `checkpoint_for`.
    """
    progress(Stage.LOAD, 0, 0)
    checkpoint = checkpoint_of(task, store=store, settings=settings, progress=progress)
    if checkpoint.notice:
        progress.note(checkpoint.notice)
    from core.encoder.encoder import Encoder

    progress(Stage.LOAD, 0, 0)
    return Encoder(checkpoint, precision=settings.precision)


def checkpoint_of(
    task: Build, *, store: VectorStore, settings: Settings, progress: RunProgress
) -> Checkpoint:
    """Find the weights of a build.

    Raises:
        WeightsError: As `find_checkpoint`.
        EncoderMismatchError, ReductionError: As `checkpoint_for`.
    """
    metrics = store.metrics(task.family)
    if metrics and not task.recreate and not task.architecture:
        wanted = store.info(task.family, metrics[0]).encoder
        return checkpoint_for(wanted, settings, on_progress=progress)
    if task.architecture and task.architecture != settings.architecture:
        # The weights of the settings are those of its own architecture.
        changed = {"architecture": task.architecture, "weights": None}
        settings = settings.model_copy(update=changed | {"weight_set": DEFAULT_WEIGHT_SET})
    found = find_checkpoint(settings, on_progress=progress)
    return found if task.recreate else as_small_as_stored(found, store, task.family, settings)


def as_small_as_stored(
    checkpoint: Checkpoint, store: VectorStore, family: str, settings: Settings
) -> Checkpoint:
    """Return a checkpoint that makes embeddings as small as those of a family are, if there is one.

    Raises:
        ReductionError: As `core.encoder.weights.reduced_as`.
    """
    metrics = store.metrics(family)
    if not metrics:
        return checkpoint
    return reduced_as(store.info(family, metrics[0]).encoder, checkpoint, settings)
