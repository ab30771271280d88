"""The app in a browser: textual-serve, behind a token when others can reach the port."""

import hmac
import ipaddress
import secrets
import shlex
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from icereco.errors import IcerecoError
from icereco.runs.commands import program

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["is_loopback", "serve_app"]

COOKIE = "icereco_token"

Handler = Callable[["web.Request"], Awaitable[Any]]


def serve_app(arguments: Sequence[str], host: str, port: int) -> None:
    """Serve `icereco tui` with these arguments until Ctrl-C; each visitor gets their own app.

    As the app starts and stops trainings, access is limited: on the loopback address to users of this machine, on any
    other address to those who have the token that is printed.

    Raises:
        IcerecoError: textual-serve is not installed.
    """
    try:
        from textual_serve.server import Server
    except ImportError as error:
        raise IcerecoError("a browser needs textual-serve: pip install 'icereco[serve]'") from error
    command = shlex.join(program("tui", *arguments))
    token = None if is_loopback(host) else secrets.token_urlsafe(24)
    server = _guarded(Server, token)(command, host=host, port=port, title="icereco")
    shown = socket.gethostname() if host in ("0.0.0.0", "::") else host
    query = f"/?token={token}" if token else "/"
    click.echo(f"icereco: http://{shown}:{port}{query}   (Ctrl-C ends it; trainings continue)")
    server.serve()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address.

    >>> [is_loopback(host) for host in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "example.org")]
    [True, True, True, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _guarded(server: type[Any], token: str | None) -> type[Any]:
    """The server with an access check on every path, the websocket included."""

    class Guarded(server):  # type: ignore[misc]  # the base class is known only where it is installed
        async def _make_app(self) -> "web.Application":
            app: web.Application = await super()._make_app()
            app.middlewares.append(_check(token, self.host))
            return app

        async def on_startup(self, app: "web.Application") -> None:
            """Print nothing: the address has been printed already."""

        async def handle_index(self, request: "web.Request") -> Any:
            """Return the page with links to the host under which it was opened, which may differ from the server's."""
            self.public_url = f"{request.scheme}://{request.host}"
            return await super().handle_index(request)

    return Guarded


def _check(token: str | None, host: str) -> Any:
    """A check that refuses requests without the token, and those that pages of other sites send (CSRF)."""
    from aiohttp import web

    @web.middleware
    async def check(request: "web.Request", handler: Handler) -> Any:
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != request.host:
            raise web.HTTPForbidden(text="this page may be used only from its own address")
        if token is None:
            # Another host name that resolves to this machine must not give access (DNS rebinding).
            if request.url.host not in {"localhost", "127.0.0.1", "::1", host}:
                raise web.HTTPForbidden(text="this page may be used only from its own address")
            return await handler(request)
        received = request.query.get("token") or request.cookies.get(COOKIE, "")
        if not hmac.compare_digest(received.encode(), token.encode()):
            raise web.HTTPForbidden(text="open the address with the token that icereco printed")
        response = await handler(request)
        if request.query.get("token") and not response.prepared:
            response.set_cookie(COOKIE, token, httponly=True, samesite="Strict")
        return response

    return check
