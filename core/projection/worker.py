"""The process that computes maps, so that the dashboard stays usable: `-m core.projection.worker`.

It reads one JSON object a line: a job, or the number of a job to be cancelled. It answers with one
JSON object a line: progress, and how the job ended. Results go to the files that the job names. It
ends when its input does.

A process, not a thread: umap-learn's compiled code holds the interpreter lock, and a process can be
stopped at any moment. It lives on between jobs, since importing umap-learn takes seconds.
"""

import json
import logging
import os
import queue
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from core.embeddings.neighbour_table import nearest
from core.errors import OrchardError, ProjectionError
from core.metric import Metric
from core.progress import Progress, Stage, silent
from core.projection.cache import (
    CacheDamagedError,
    CachePlace,
    load_neighbours,
    load_projection,
    save_neighbours,
    save_projection,
)
from core.projection.projection import Method, ProjectionSettings, project, transform
from core.projection.umap_layout import warm_up

logger = logging.getLogger(__name__)


class _CancelledError(Exception):
    """The job is no longer wanted."""


def compute(
    embeddings: NDArray[np.float32],
    *,
    neighbours: CachePlace,
    metric: Metric,
    projection: CachePlace | None = None,
    settings: ProjectionSettings | None = None,
    on_progress: Progress = silent,
) -> None:
    """Fill the places that are empty or damaged; what is there already is kept.

    Args:
        embeddings: (N, D) float32.
        neighbours: Where the neighbour table for `metric` belongs; computed first.
        projection: Where the map for `settings` belongs; None asks for no map.

    Raises:
        ProjectionError: The rows cannot be projected.
        FileError: A result cannot be written.
    """
    if not _is_there(load_neighbours, neighbours):
        table = nearest(embeddings, metric=metric, on_progress=on_progress)
        save_neighbours(neighbours, table)
    if projection and settings and not _is_there(load_projection, projection):
        save_projection(projection, project(embeddings, settings, on_progress=on_progress))


def main() -> None:
    """Serve jobs until the input ends."""
    # Whatever a library prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)
    jobs: queue.Queue[dict[str, Any]] = queue.Queue()
    cancelled: set[int] = set()
    threading.Thread(target=_listen, args=(jobs, cancelled), daemon=True).start()
    # Beside reading and comparing, which the compiling does not hold up.
    threading.Thread(target=warm_up, daemon=True).start()
    while True:
        _serve(jobs.get(), cancelled, answers)


def _listen(jobs: "queue.Queue[dict[str, Any]]", cancelled: set[int]) -> None:
    for line in sys.stdin:
        message = json.loads(line)
        if "cancel" in message:
            cancelled.add(message["cancel"])
        else:
            jobs.put(message)
    # The dashboard has ended; a computation that nobody waits for ends with it.
    os._exit(0)


def _serve(job: dict[str, Any], cancelled: set[int], answers: TextIO) -> None:
    def tell_progress(stage: Stage, done: int, total: int) -> None:
        if job["number"] in cancelled:
            raise _CancelledError
        answers.write(json.dumps({"stage": stage, "done": done, "total": total}) + "\n")

    try:
        tell_progress(Stage.READ, 0, 0)
        settings = job["settings"]
        embeddings = _read(job["embeddings"], job["rows"])
        cache_place = (
            CachePlace(Path(job["projection"]), len(job["rows"])) if job["projection"] else None
        )
        compute(
            embeddings,
            neighbours=CachePlace(Path(job["neighbours"]), len(job["rows"])),
            metric=Metric(job["metric"]),
            projection=cache_place,
            settings=_settings(settings) if settings else None,
            on_progress=tell_progress,
        )
        ending: dict[str, Any] = {"ended": "done"}
        if cache_place and job["query"]:
            ending["position"] = _placed(embeddings, cache_place, job["query"], tell_progress)
    except _CancelledError:
        ending = {"ended": "cancelled"}
    except (OrchardError, OSError) as error:
        ending = {"ended": "failed", "error": str(error)}
    except Exception as error:
        logger.exception("unexpected")
        ending = {"ended": "failed", "error": f"{type(error).__name__}: {error}"}
    answers.write(json.dumps(ending) + "\n")


def _placed(
    embeddings: NDArray[np.float32],
    cache_place: CachePlace,
    query: list[float],
    on_progress: Progress,
) -> list[float]:
    projection = load_projection(cache_place)
    if projection is None:
        raise ProjectionError(
            f"the map {str(cache_place.path)!r} is gone, so no picture can be placed on it. Open "
            "the map again, then place the picture."
        )
    numbers = np.array(query, dtype=np.float32)
    place = transform(embeddings, projection, numbers, on_progress=on_progress)
    return [float(number) for number in place]


def _read(source: dict[str, Any], rows: list[int]) -> NDArray[np.float32]:
    stored = np.memmap(
        source["file"],
        dtype=np.float32,
        mode="r",
        offset=source["offset"],
        shape=tuple(source["shape"]),
    )
    return np.asarray(stored[rows], dtype=np.float32)


def _settings(values: dict[str, Any]) -> ProjectionSettings:
    return ProjectionSettings(
        **values | {"method": Method(values["method"]), "metric": Metric(values["metric"])}
    )


def _is_there(load: Callable[[CachePlace], object], cache_place: CachePlace) -> bool:
    try:
        return load(cache_place) is not None
    except CacheDamagedError:
        return False


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr)
    main()
