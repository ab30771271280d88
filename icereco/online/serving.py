"""Runs the service until a signal ends it, and then answers what it has accepted."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress

from aiohttp import web

from icereco.errors import IcerecoError
from icereco.online.access import Access, Address
from icereco.online.service import Limits, Service
from icereco.reconstruction.choice import Choice

__all__ = ["STOP_SECONDS", "serve"]

STOP_SECONDS = 60.0
"""So long a stop waits for requests that are not answered."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def serve(
    choice: Choice, address: Address, token: str | None, limits: Limits, ready: Callable[[Address], object]
) -> None:
    """Serve until SIGINT or SIGTERM; a second one ends it at once.

    Args:
        choice: the method.
        address: where to listen.
        token: who has it may use the service.
        limits: of memory and latency.
        ready: called with the address once requests are accepted; its port is that which was free.

    Raises:
        IcerecoError: the address is taken or not of this machine, or is open to others without a token.
    """
    access = Access(address, token)
    asyncio.run(_serve(Service(choice, access, limits), address, ready))


async def _serve(service: Service, address: Address, ready: Callable[[Address], object]) -> None:
    runner = web.AppRunner(service.app, access_log=None, shutdown_timeout=STOP_SECONDS)
    await runner.setup()
    computing = asyncio.create_task(service.run())
    try:
        site = web.TCPSite(runner, address.host, address.port)
        try:
            await site.start()
        except OSError as error:
            reason = error.strerror or str(error)
            raise IcerecoError(
                f"cannot listen on {address.label}: {reason}; choose another with --bind"
            ) from error
        ready(Address(address.host, runner.addresses[0][1]))
        await _signal()
    finally:
        service.ending = True
        await runner.cleanup()  # answers what was accepted
        service.end()
        with suppress(asyncio.CancelledError):
            await computing


async def _signal() -> None:
    """Wait for the first signal; a second has its usual effect."""
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    for number in _SIGNALS:
        loop.add_signal_handler(number, came.set)
    await came.wait()
    for number in _SIGNALS:
        loop.remove_signal_handler(number)
