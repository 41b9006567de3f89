"""POST /evaluations: measure how often the hits are right; in the background, with progress."""

import logging
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from core.api.problems import NotFoundError
from core.api.services import (
    ABOUT_COLLECTION,
    CHANGES,
    Answer,
    Named,
    Services,
    Shared,
    at_work,
    collection_of,
    family_of,
)
from core.config import Settings
from core.dataset.classes import usual_paths
from core.embeddings.matrix import load_matrix
from core.errors import BusyError, OrchardError
from core.evaluation.files import save_report
from core.evaluation.queries import usual_nprobe
from core.evaluation.report import QuerySet
from core.evaluation.report import Request as Wanted
from core.evaluation.run import evaluate
from core.metric import Metric
from core.progress import Progress, Stage
from core.runs import turn as turns

logger = logging.getLogger(__name__)

# Whoever asks for an older one is told that it is gone; its report stays.
MOST_KEPT = 50


class Status(StrEnum):
    """How far an evaluation is."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One evaluation, as it is told.

    Attributes:
        stage: What it does, for a person.
        done: Steps of the stage.
        total: 0 where they cannot be counted.
        report: Name of the saved report; empty until it is done.
        error: Why it failed; empty if it did not.
    """

    id: str
    status: Status = Status.RUNNING
    stage: str = Stage.START.text
    done: int = 0
    total: int = 0
    report: str = ""
    error: str = ""


class _CancelledError(Exception):
    """Raised inside an evaluation that was asked to stop."""


class Evaluations:
    """The evaluations that programs have asked for since the start; safe between threads."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Evaluation] = OrderedDict()
        self._stopping: set[str] = set()

    def start(self, measure: Callable[[Progress], str]) -> Evaluation:
        """Measure in the background.

        Args:
            measure: Given how to tell its progress, makes a report and returns its name.

        Raises:
            BusyError: Somebody is measuring, a page or a program.
        """
        begun, refused = threading.Event(), []
        evaluation = Evaluation(uuid.uuid4().hex)

        def work() -> None:
            try:
                with turns.turn():
                    self._keep(evaluation)
                    begun.set()
                    end = self._measured(evaluation.id, measure)
                # Last: whoever sees the end may begin the next one.
                self._change(evaluation.id, **end)
            except BusyError as error:
                refused.append(error)
                begun.set()

        threading.Thread(target=work, name="evaluation", daemon=True).start()
        begun.wait()
        if refused:
            raise refused[0]
        return evaluation

    def find(self, name: str) -> Evaluation:
        """Return an evaluation by its id.

        Raises:
            NotFoundError: There is none, or it is long gone.
        """
        with self._lock:
            if name in self._known:
                return self._known[name]
        raise NotFoundError(
            f"there is no evaluation {name!r}; the last {MOST_KEPT} since the start are kept. "
            "GET /api/v1/reports lists what they have made."
        )

    def cancel(self, name: str) -> Evaluation:
        """Ask an evaluation to stop; one that has ended stays as it is. Raises as `find`."""
        found = self.find(name)
        if found.status is Status.RUNNING:
            self._stopping.add(name)
        return found

    def _measured(self, name: str, measure: Callable[[Progress], str]) -> dict[str, Any]:
        """Measure, and return how it ended as fields of an `Evaluation`."""

        def show(stage: Stage, done: int, total: int) -> None:
            if name in self._stopping:
                raise _CancelledError
            self._change(name, stage=stage.text, done=done, total=total)

        try:
            return {"report": measure(show), "status": Status.DONE}
        except _CancelledError:
            return {"status": Status.CANCELLED}
        except OrchardError as error:
            return {"status": Status.FAILED, "error": str(error)}
        except Exception as error:
            logger.exception("an evaluation failed")
            kind = type(error).__name__
            said = f"an internal error ({kind}); the log has the details. Report it."
            return {"status": Status.FAILED, "error": said}
        finally:
            self._stopping.discard(name)

    def _keep(self, evaluation: Evaluation) -> None:
        with self._lock:
            self._known[evaluation.id] = evaluation
            while len(self._known) > MOST_KEPT:
                self._known.popitem(last=False)

    def _change(self, name: str, **changed: Any) -> None:  # noqa: ANN401 - fields of an Evaluation
        with self._lock:
            self._known[name] = replace(self._known[name], **changed)


_K = Annotated[int, Field(ge=1, le=1000)]
_Nprobe = Annotated[int, Field(ge=1)]


class EvaluationRequest(BaseModel):
    """What to measure; the defaults are those of `scripts.evaluate`."""

    model_config = ConfigDict(extra="forbid")

    collection: Annotated[str | None, Field(max_length=255, description=ABOUT_COLLECTION)] = None
    metric: Metric = Metric.COSINE
    ks: Annotated[list[_K], Field(min_length=1, max_length=20)] = [1, 5, 10]
    nprobe: Annotated[
        _Nprobe | Literal["exact"] | None,
        Field(description="lists that are searched; exact leaves the index out"),
    ] = None
    sample: Annotated[int | None, Field(ge=1, description="about so many queries")] = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    queries: QuerySet = QuerySet.ALL
    query_paths: Annotated[
        str | None, Field(description="a pattern; null for those of the settings or of a split")
    ] = None
    gallery_paths: Annotated[str | None, Field(description="as query_paths")] = None

    def wanted(self, paths: Sequence[str], settings: Settings, *, nlist: int) -> Wanted:
        """Return the request of the evaluation.

        Args:
            paths: Of the collection's pictures.
            nlist: Lists of its index; 0 for none.
        """
        usual = usual_paths(
            paths, query_paths=settings.query_paths, gallery_paths=settings.gallery_paths
        )
        queries = usual[0] if self.query_paths is None else self.query_paths
        gallery = usual[1] if self.gallery_paths is None else self.gallery_paths
        nprobe = usual_nprobe(nlist, gallery) if self.nprobe is None else self.nprobe
        return Wanted(
            ks=tuple(self.ks),
            nprobe=None if nprobe == "exact" else nprobe,
            sample=self.sample,
            seed=self.seed,
            queries=self.queries,
            query_paths=queries,
            gallery_paths=gallery,
        )


router = APIRouter()


@router.post("/evaluations", status_code=202, summary="Measure accuracy", dependencies=CHANGES)
async def post_evaluation(
    services: Shared,
    request: Request,
    named: Named = None,
    asked: EvaluationRequest | None = None,
) -> Answer:
    """Start an evaluation; its `id` leads to its progress, and in the end to a report."""
    evaluations: Evaluations = request.app.state.evaluations
    wanted = asked or EvaluationRequest()
    evaluation = await at_work(lambda: evaluations.start(_measure(services, wanted, named)))
    return Answer(_plain(evaluation), 202)


@router.get("/evaluations/{id}", summary="How far an evaluation is")
async def get_evaluation(request: Request, id: str) -> Answer:
    """Return status, progress, and the name of the report once it is done."""
    return Answer(_plain(request.app.state.evaluations.find(id)))


@router.delete("/evaluations/{id}", summary="Stop an evaluation", dependencies=CHANGES)
async def delete_evaluation(request: Request, id: str) -> Answer:
    """Ask it to stop; nothing is saved of it."""
    return Answer(_plain(request.app.state.evaluations.cancel(id)))


def _measure(
    services: Services, asked: EvaluationRequest, named: str | None
) -> Callable[[Progress], str]:
    """Return what makes the report; raises what can be said at once."""
    settings, store = services.get_settings(), services.get_store()
    family = family_of(services, named, asked.collection)
    collection_of(services, family, asked.metric)

    def measure(show: Progress) -> str:
        info = store.info(family, asked.metric)
        matrix = load_matrix(
            store, family, asked.metric, settings.data.embeddings, on_progress=show
        )
        report = evaluate(
            matrix,
            store=store,
            info=info,
            collection=family,
            request=asked.wanted(matrix.paths, settings, nlist=info.nlist),
            on_progress=show,
        )
        return save_report(report, settings.data.reports).name

    return measure


def _plain(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "id": evaluation.id,
        "status": evaluation.status,
        "stage": evaluation.stage,
        "done": evaluation.done,
        "total": evaluation.total,
        "report": evaluation.report or None,
        "error": evaluation.error or None,
    }
