"""POST /runs: a task of the Collection page, begun by a program; everybody sees the one run."""

from dataclasses import asdict
from typing import Any, Self

from fastapi import APIRouter, Request
from pydantic import ModelWrapValidatorHandler, RootModel, model_validator

from core.api.problems import (
    LONGEST_VALUE,
    SEE,
    NotFoundError,
    ParameterError,
    TokenNeededError,
)
from core.api.services import (
    CHANGES,
    SHOWS_PATHS,
    Answer,
    Services,
    Shared,
    at_work,
    closest_first,
    family_of,
)
from core.config import require_name
from core.dataset.allowed_folders import allowed_roots, folder_inside
from core.dataset_root import RemoteFolder, parse_root
from core.errors import CollectionNotFoundError, QueryError, SettingsError
from core.evaluation.figures import as_plain
from core.read_only import require_writable
from core.runs.run_record import RunState, load_states
from core.runs.task import AnyTask, Build, Export, Import, Reduce, Rename, Task, TaskKind

router = APIRouter()


class TaskRequest(RootModel[AnyTask]):
    """What to do, by its `kind`."""

    @model_validator(mode="wrap")
    @classmethod
    def _read(cls, given: object, read: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(given, dict) and given.get("kind") not in list(TaskKind):
            kind = str(given.get("kind", ""))[:LONGEST_VALUE]
            said = f"kind is {kind!r}" if kind else "kind is missing"
            allowed = ", ".join(closest_first(kind, list(TaskKind)))
            raise ParameterError(f"{said}: allowed are {allowed}. {SEE}")
        try:
            return read(given)
        except SettingsError as error:  # of an index: a value of the request, and no setting
            raise ParameterError(str(error)) from error


@router.post("/runs", status_code=202, summary="Begin a run", dependencies=CHANGES)
async def post_run(services: Shared, request: Request, asked: TaskRequest) -> Answer:
    """Begin a task of the Collection page; its `name` leads to its progress."""
    task = asked.root
    is_of_this_user = request.app.state.access().has_key(request.headers)

    def work() -> RunState:
        _require_allowed(services, task, is_of_this_user=is_of_this_user)
        if task.kind.changes:
            require_writable(read_only=services.get_settings().read_only)
        return services.get_runner().start(task)

    return Answer(_plain(await at_work(work)), 202)


@router.get("/runs/{name}", summary="How far a run is", dependencies=SHOWS_PATHS)
async def get_run(services: Shared, name: str) -> Answer:
    """Return status, stage, counts, notes, and in the end what it did."""
    return Answer(_plain(await at_work(lambda: _find(services, name))))


@router.delete("/runs/{name}", summary="Stop a run", dependencies=CHANGES)
async def delete_run(services: Shared, name: str) -> Answer:
    """Ask it to stop; what it has written stays, and the same task goes on from there."""

    def work() -> RunState:
        services.get_runner().cancel(name)
        return _find(services, name)

    return Answer(_plain(await at_work(work)))


def _require_allowed(services: Services, task: Task, *, is_of_this_user: bool) -> None:
    """Check a task as the pages check theirs."""
    settings = services.get_settings()
    if not isinstance(task, Build | Import):
        family_of(services, task.family)
    # What it makes may be the first under its name.
    try:
        require_name(task.name if isinstance(task, Reduce | Rename) else task.family)
    except SettingsError as error:
        raise QueryError(str(error)) from error
    if isinstance(task, Export | Import) and not is_of_this_user:
        raise TokenNeededError(
            "files and databases are written and read so for programs of the same user on this "
            "machine alone. Run python -m scripts.transfer there."
        )
    if isinstance(task, Build) and task.archive:
        raise QueryError("an archive cannot be sent so. Unpack it, or upload it on the page.")
    # One who may read the key may read the folder too, as this process could.
    if isinstance(task, Build) and not is_of_this_user:
        try:
            indexed = next(iter(services.get_collections(task.family).values())).dataset
        except CollectionNotFoundError:
            indexed = ""
        folder_inside(task.folder, allowed_roots(settings, indexed=indexed))
    if isinstance(task, Build) and not _is_whole(task.folder):
        raise QueryError(f"the folder {task.folder!r} is relative. Give the whole path.")


def _is_whole(folder: str) -> bool:
    root = parse_root(folder)
    return isinstance(root, RemoteFolder) or root.is_absolute()


def _find(services: Services, name: str) -> RunState:
    state = services.get_runner().state()
    if state and state.name == name:
        return state
    for saved in load_states(services.get_settings().data.runs):
        if saved.name == name:
            return saved
    raise NotFoundError(f"there is no run {name!r}. The Collection page lists what there was.")


def _plain(state: RunState) -> dict[str, Any]:
    plain: dict[str, Any] = as_plain(asdict(state))
    return plain
