"""Errors as JSON: what happened, the value at fault, what to do next; never a traceback."""

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from core.errors import (
    BusyError,
    CollectionNotFoundError,
    EncoderMismatchError,
    FileError,
    ImageError,
    OrchardError,
    ReadOnlyError,
    ReductionError,
    SettingsError,
    StoreError,
    StoreUnavailableError,
)
from core.runs.task import TaskKind
from core.search.instruments import ERRORS

logger = logging.getLogger(__name__)


class NotFoundError(OrchardError):
    """Nothing is held under this address."""


class TokenNeededError(OrchardError):
    """It takes the token, and came without."""


class ParameterError(OrchardError):
    """A parameter has a name or a value that the route does not take."""


class NotReadyError(OrchardError):
    """It is being prepared; the same request succeeds later."""


# The more particular first.
_STATUS: tuple[tuple[type[OrchardError], int], ...] = (
    (NotFoundError, 404),
    (TokenNeededError, 401),
    (ParameterError, 422),
    (NotReadyError, 503),
    (CollectionNotFoundError, 404),
    (StoreUnavailableError, 503),
    (StoreError, 502),
    (EncoderMismatchError, 409),
    (ReductionError, 409),
    (BusyError, 409),
    (ReadOnlyError, 403),
    (ImageError, 422),
    (SettingsError, 503),
    (FileError, 507),
    (OrchardError, 400),
)
LONGEST_VALUE = 60
_KINDS = frozenset(TaskKind)
SEE = "See docs/api.md, or openapi.json beside here."
# With every 401, as HTTP wants it.
ASK = {"WWW-Authenticate": "Bearer"}


def problem(
    kind: str, message: str, status: int, *, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return an answer that says what went wrong, and count it.

    Args:
        kind: For programs, such as `QueryError`.
        message: For a person.
    """
    ERRORS.labels(kind).inc()
    content = {"error": {"kind": kind, "message": message}}
    return JSONResponse(content, status, headers={"Cache-Control": "no-store", **(headers or {})})


def handle_problems(app: FastAPI) -> None:
    """Let every error of the routes end as JSON."""
    app.add_exception_handler(OrchardError, _expected)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _unexpected)


def refusal(error: OrchardError) -> JSONResponse:
    """Return an error of ours as an answer; its kind is the nearest one with a public name."""
    status = next(status for kind, status in _STATUS if isinstance(error, kind))
    names = [kind.__name__ for kind in type(error).__mro__]
    kind = next(name for name in names if not name.startswith("_"))
    return problem(kind, str(error), status, headers=ASK if status == 401 else None)


async def _expected(_: Request, error: Exception) -> Response:
    assert isinstance(error, OrchardError)
    logger.info("refused: %s", error)
    return refusal(error)


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    said = "; ".join(_sentence(one) for one in error.errors())
    return refusal(ParameterError(f"{said}. {SEE}"))


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 413:
        return problem("TooLarge", str(error.detail), 413)
    said = f"{request.method} {request.url.path!r}: {error.detail}. See openapi.json for what is."
    return problem("HTTPError", said, error.status_code, headers=error.headers)


async def _unexpected(request: Request, error: Exception) -> Response:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    kind = type(error).__name__
    said = f"an internal error ({kind}); the log in the data folder has the details. Report it."
    return problem("InternalError", said, 500)


def _sentence(error: dict[str, Any]) -> str:
    # The kind of a task is told on the way to its fields, which are not called so.
    name = ".".join(str(part) for part in error["loc"][1:] if part not in _KINDS) or "the body"
    match error["type"]:
        case "missing":
            return f"{name} is missing"
        case "unexpected_keyword_argument" | "extra_forbidden":
            return f"there is no field {name[:LONGEST_VALUE]!r}"
        case "json_invalid":
            return f"the body is no JSON: {error['ctx']['error']}, at character {name}"
    value = repr(error.get("input"))[:LONGEST_VALUE]
    if error["type"] == "model_attributes_type":
        return f"{name} is {value}: send an object of JSON as Content-Type application/json"
    return f"{name} is {value}: {error['msg'].removeprefix('Value error, ')}"
