"""Runs the service until a signal ends it, and then answers what it has accepted."""

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from aiohttp import web

from icereco.errors import IcerecoError
from icereco.online.access import Access, Address
from icereco.online.service import Limits, Service
from icereco.reconstruction.choice import Choice
from icereco.system.log import get_logger

__all__ = ["serve"]

logger = get_logger(__name__)

_GRACE_SECONDS = 0.3
"""So long connections that are kept open can still learn that the service ends, rather than be cut."""
_WRITING_SECONDS = 10.0
"""So long a client may take to receive its answer."""
_LOOK_SECONDS = 0.02

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
    runner = web.AppRunner(service.app, access_log=None, shutdown_timeout=_WRITING_SECONDS)
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
        await _answered(service)
    finally:
        await runner.cleanup()
        service.end()
        with suppress(asyncio.CancelledError):
            await computing


async def _answered(service: Service) -> None:
    """Accept no more, and wait until everything is answered that was accepted."""
    service.ending = True
    if service.at_work:
        logger.info("ends when %d requests are answered; once more to end at once", service.at_work)
    end = time.monotonic() + _GRACE_SECONDS
    while service.at_work or time.monotonic() < end:
        await asyncio.sleep(_LOOK_SECONDS)


async def _signal() -> None:
    """Wait for the first signal; a second kills this process, which has nothing on the disk to clear away."""
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    for number in _SIGNALS:
        loop.add_signal_handler(number, came.set)
    await came.wait()
    for number in _SIGNALS:
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)
