"""Who may use the service: who has the token; without one, programs of this machine, but no pages of other sites."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from aiohttp import web

from icereco.errors import IcerecoError

__all__ = ["Access", "Address"]

_OPEN = ("/health",)
"""Needs no token, so that whoever restarts a service that hangs needs none."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen.

    Attributes:
        host: a name or an address.
        port: 0 for any that is free.
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read HOST:PORT.

        >>> Address.parse("[::1]:0")
        Address(host='::1', port=0)

        Raises:
            IcerecoError: it is something else.
        """
        host, colon, port = text.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not (colon and host and port.isascii() and port.isdigit() and int(port) < 1 << 16):
            raise IcerecoError(
                f"--bind {text}: must be HOST:PORT, such as 127.0.0.1:8765 or [::1]:8765; the port is 0 (any) to 65535"
            )
        return cls(host, int(port))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return _is_loopback(self.host)

    @property
    def label(self) -> str:
        """As in an address of the web."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Access:
    """Checks each request.

    Raises:
        IcerecoError: other machines would reach the service, and there is no token.
    """

    def __init__(self, address: Address, token: str | None) -> None:
        if token is not None and (not token.strip() or not token.isascii()):
            raise IcerecoError("--token must not be empty, and of ASCII; make one with: openssl rand -hex 24")
        if token is None and not address.is_loopback:
            raise IcerecoError(
                f"--bind {address.label} lets other machines in, which needs a token: set ICERECO_TOKEN, for instance to what "
                "openssl rand -hex 24 prints"
            )
        self._token = token

    def middleware(self) -> Any:
        """What aiohttp calls with each request."""

        @web.middleware
        async def check(request: web.Request, handler: Callable[[web.Request], Any]) -> Any:
            if request.path not in _OPEN:
                self._require(request)
            return await handler(request)

        return check

    def _require(self, request: web.Request) -> None:
        if self._token is None:
            _require_local(request)
            return
        given = request.headers.get("Authorization", "").encode(errors="replace")
        if not hmac.compare_digest(given, f"Bearer {self._token}".encode()):
            raise web.HTTPUnauthorized(
                text="the token is missing or wrong: Authorization: Bearer TOKEN",
                headers={"WWW-Authenticate": "Bearer"},
            )


def _require_local(request: web.Request) -> None:
    """Refuse what a page of another site makes a browser on this machine send, also under a name of its own (DNS rebinding)."""
    origin, host = request.headers.get("Origin"), request.url.host or ""
    if not _is_loopback(host) or (origin is not None and origin.partition("://")[2] != request.host):
        raise web.HTTPForbidden(text="without a token only programs of this machine are answered")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
