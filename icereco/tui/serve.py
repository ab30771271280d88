"""The app in a browser: textual-serve, behind a token: other users of this machine reach the loopback address, too."""

import asyncio
import hmac
import secrets
import shlex
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from icereco.errors import IcerecoError
from icereco.runs.commands import program

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["LARGEST", "serve_app", "within_limits"]

COOKIE = "icereco_token"

LARGEST = (500, 200)
"""Columns and rows of a visitor's app: one of 100,000 × 100,000 would use up the memory."""

_QUIT_SECONDS = 5.0

_PAGE = Path(__file__).parent / "browser"

Handler = Callable[["web.Request"], Awaitable[Any]]


def serve_app(arguments: Sequence[str], host: str, port: int) -> None:
    """Serve `icereco tui` with these arguments until Ctrl-C; each visitor gets their own app.

    As the app starts and stops trainings with the rights of its user, only those who have the printed token have access,
    also on the loopback address: every user of a shared machine can reach that.

    Raises:
        IcerecoError: textual-serve is not installed.
    """
    try:
        from textual_serve.app_service import AppService
        from textual_serve.server import Server
    except ImportError as error:
        raise IcerecoError("a browser needs textual-serve: pip install 'icereco[serve]'") from error
    command = (
        f"exec {shlex.join(program('tui', *arguments))}"  # the shell becomes the app, which can then be ended
    )
    token = secrets.token_urlsafe(24)
    server = _guarded(Server, _limited(AppService), token)(
        command, host=host, port=port, title="icereco", templates_path=_PAGE
    )
    shown = socket.gethostname() if host in ("0.0.0.0", "::") else host
    click.echo(f"icereco: http://{shown}:{port}/?token={token}   (Ctrl-C ends it; trainings continue)")
    server.serve()


def within_limits(width: object, height: object) -> tuple[int, int]:
    """Columns and rows as a visitor asks for them, as far as they are allowed.

    >>> within_limits(120, "40"), within_limits(100000, -3), within_limits("wide", None)
    ((120, 40), (500, 1), (80, 24))
    """
    try:
        asked = int(str(width)), int(str(height))
    except ValueError:
        return 80, 24
    columns, rows = (min(max(size, 1), most) for size, most in zip(asked, LARGEST, strict=True))
    return columns, rows


def _limited(service: type[Any]) -> type[Any]:
    """A visitor's app of limited size, which ends with the visit."""

    class Limited(service):  # type: ignore[misc]  # as above
        async def start(self, width: int, height: int) -> None:
            await super().start(*within_limits(width, height))

        async def set_terminal_size(self, width: int, height: int) -> None:
            await super().set_terminal_size(*within_limits(width, height))

        async def stop(self) -> None:
            """Ask the app to end; one that does not is ended."""
            process = self._process
            ending = asyncio.create_task(super().stop())
            done, _ = await asyncio.wait({ending}, timeout=_QUIT_SECONDS)
            if not done and process is not None and process.returncode is None:
                process.kill()
            await ending

    return Limited


def _guarded(server: type[Any], service: type[Any], token: str) -> type[Any]:
    """The server with an access check on every path, the websocket included, and with limited apps."""

    class Guarded(server):  # type: ignore[misc]  # the base class is known only where it is installed
        async def _make_app(self) -> "web.Application":
            app: web.Application = await super()._make_app()
            app.middlewares.append(_check(token))
            return app

        async def on_startup(self, app: "web.Application") -> None:
            """Print nothing: the address has been printed already."""

        async def handle_index(self, request: "web.Request") -> Any:
            """Return the page with links to the host under which it was opened, which may differ from the server's."""
            self.public_url = f"{request.scheme}://{request.host}"
            return await super().handle_index(request)

        async def handle_websocket(self, request: "web.Request") -> "web.WebSocketResponse":
            """Run an app for as long as the visitor stays."""
            from aiohttp import web

            websocket = web.WebSocketResponse(heartbeat=15)
            await websocket.prepare(request)
            app = service(
                self.command,
                write_bytes=websocket.send_bytes,
                write_str=websocket.send_str,
                close=websocket.close,
                download_manager=self.download_manager,
            )
            try:
                await app.start(request.query.get("width", "80"), request.query.get("height", "24"))
                await self._process_messages(websocket, app)
            finally:
                await app.stop()
            return websocket

    return Guarded


def _check(token: str) -> Any:
    """A check that refuses requests without the token, and those that pages of other sites send (CSRF)."""
    from aiohttp import web

    @web.middleware
    async def check(request: "web.Request", handler: Handler) -> Any:
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != request.host:
            raise web.HTTPForbidden(text="this page may be used only from its own address")
        received = request.query.get("token") or request.cookies.get(COOKIE, "")
        if not hmac.compare_digest(received.encode(), token.encode()):
            raise web.HTTPForbidden(text="open the address with the token that icereco printed")
        response = await handler(request)
        if request.query.get("token") and not response.prepared:
            response.set_cookie(COOKIE, token, httponly=True, samesite="Strict")
        return response

    return check
