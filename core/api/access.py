"""Who may ask: this machine without a token, others with one; some things take it always."""

import ipaddress
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers

_LOCAL_NAMES = {"localhost", "127.0.0.1", "::1"}
# Whoever comes through a proxy is not of this machine, whatever address the proxy has.
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


@dataclass(frozen=True, slots=True)
class Access:
    """What has to be shown to be let in.

    Attributes:
        token: That admits from anywhere; empty for none, then nothing outside this machine asks.
        is_local: Whether a request of this machine is let in without the token. It is not where
            the dashboard is bound to another address, or where people have to sign in.
        key: What admits like the token for as long as this process lives, known to whoever may
            read the files of its user; empty for none.
    """

    token: str
    is_local: bool
    key: str = ""

    def refused(self, headers: Headers, client: str, *, because: str = "") -> str:
        """Return why a request is not let in, for a person; empty if it is.

        Args:
            client: The address it comes from.
            because: What is asked for that takes the token in any case, such as "this changes
                something"; empty where this machine may ask without.
        """
        if self.has_token(headers):
            return ""
        if because:
            return f"{because}, which takes the token. {self._what_to_do}"
        if not self.is_local or not is_loopback(client) or any(n in headers for n in _FORWARDED):
            return f"a token is needed here. {self._what_to_do}"
        host = headers.get("host", "")
        if _name_of(host) not in _LOCAL_NAMES:
            # A page elsewhere may give its own name to 127.0.0.1 after it was loaded.
            return (
                f"the request is for the host {host!r}, not for this machine. Ask "
                f"127.0.0.1 or localhost. {self._what_to_do}"
            )
        origin = headers.get("origin")
        is_from_elsewhere = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        if is_from_elsewhere or (origin is not None and urlsplit(origin).netloc != host):
            return f"a web page elsewhere ({origin or 'unnamed'}) asks. {self._what_to_do}"
        return ""

    def has_token(self, headers: Headers) -> bool:
        """Whether a request carries the token, or the key."""
        return _carries(headers, self.token) or self.has_key(headers)

    def has_key(self, headers: Headers) -> bool:
        """Whether a request comes from a program of the same user."""
        return _carries(headers, self.key)

    @property
    def _what_to_do(self) -> str:
        if self.token:
            return "Send the header 'Authorization: Bearer TOKEN' with the token of this Orchard."
        return "Set ORCHARD_API_TOKEN, start again, and send it as 'Authorization: Bearer TOKEN'."


def _carries(headers: Headers, secret: str) -> bool:
    kind, _, given = headers.get("authorization", "").partition(" ")
    return bool(
        secret
        and kind.lower() == "bearer"
        and secrets.compare_digest(given.strip().encode(), secret.encode())
    )


def is_loopback(address: str) -> bool:
    """Whether an address or `localhost` means this machine."""
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return address == "localhost"


def _name_of(host: str) -> str:
    """Return the name in a Host header without its port; empty for what is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
