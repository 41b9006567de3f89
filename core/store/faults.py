"""What Milvus and gRPC raise -> the exceptions of Orchard, with words a person can act on."""

import re
from collections.abc import Iterable

import grpc

from core.errors import (
    CollectionNotFoundError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
)
from core.wording import BUILD_IT

_DOWN = ("fail connecting", "unavailable", "deadline", "timeout", "open local", "create connection")
# What a server says that was killed and started again, until the sessions of the processes it had
# before have run out (half a minute); and one that has not loaded everything yet.
_RECOVERING = (
    *("node not found", "node not match", "session not found", "node offline"),
    *("no available shard", "channel not available", "not ready", "shard leader"),
    *("connection is closing", "unrecoverable error"),
)
_FULL = ("no space left", "disk quota")
_NO_COLLECTION = 100
_USER_INFO = re.compile(r"//[^/@\s]*@")


def store_error(
    error: Exception, action: str, uri: str, *, secrets: Iterable[str] = ()
) -> StoreError:
    """Return the exception to raise for one that Milvus or gRPC raised.

    Args:
        action: What was being done, to follow "could not".
        uri: Of the database; a user name and password in it are not repeated.
        secrets: Never repeated either.
    """
    code = getattr(error, "code", None)
    message = str(getattr(error, "message", "") or error) or type(error).__name__
    for secret in filter(None, secrets):
        message = message.replace(secret, "***")
    message, where = _USER_INFO.sub("//", message), _USER_INFO.sub("//", uri)
    if any(words in message.lower() for words in _FULL):
        return StoreFullError(
            f"the disk of the database at {where} is full (could not {action}: {message}). What "
            "was written before is kept. Make room, then do the same again."
        )
    if isinstance(error, grpc.RpcError) or any(words in message.lower() for words in _DOWN):
        return StoreUnavailableError(
            f"the database at {where} does not answer (could not {action}: {message}). Check that "
            "it runs and that ORCHARD_MILVUS_URI is right, then try again."
        )
    if any(words in message.lower() for words in _RECOVERING):
        return StoreUnavailableError(
            f"the database at {where} is still starting (could not {action}: {_brief(message)}). "
            "Wait a minute, then try again."
        )
    if code == _NO_COLLECTION:
        return CollectionNotFoundError(
            f"the database at {where} could not {action}: {message}. If it is to be there, "
            f"{BUILD_IT}."
        )
    return StoreError(
        f"the database at {where} could not {action}: {message}. Try again; if it stays so, look "
        "into the database's own log."
    )


def missing_database(database: str, uri: str) -> StoreError:
    """Return the exception to raise where a database is to be read that does not exist."""
    where = _USER_INFO.sub("//", uri)
    return StoreError(
        f"there is no database {database!r} at {where}, and where nothing may be "
        "changed none is created. Check the address and the name of the database."
    )


def _brief(message: str) -> str:
    """Return the last line of a server's message, without the places of its own stack trace."""
    line = (message.splitlines() or [""])[-1].strip()
    return line.partition(": ")[2] or line if line.startswith("/") else line
