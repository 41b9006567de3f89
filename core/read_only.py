"""Who may change what: the one guard that every change of a collection passes."""

from core.errors import ReadOnlyError


def require_writable(*, read_only: bool) -> None:
    """Refuse a change where the settings allow none.

    Raises:
        ReadOnlyError: `read_only` is set.
    """
    if read_only:
        raise ReadOnlyError(
            "this Orchard is read-only (ORCHARD_READ_ONLY=true), so nothing was changed. To "
            "change the collection, set ORCHARD_READ_ONLY=false and start again."
        )
