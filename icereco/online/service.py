"""Reconstruction over HTTP: events in, reconstructions out."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from aiohttp import web

from icereco.errors import IcerecoError
from icereco.online.access import Access
from icereco.online.batcher import Batcher, FullError
from icereco.online.computing import Computing
from icereco.online.counters import TEXT, Counters
from icereco.online.openapi import description
from icereco.online.request_events import ARROW, JSON, Asked, TooManyEventsError, asked
from icereco.reconstruction.choice import Choice
from icereco.runs.provenance import provenance
from icereco.system.json_lines import plain
from icereco.system.log import get_logger
from icereco.tables.reconstructions import CONTENT, METADATA_KEY, TABLE_VERSION

__all__ = ["Limits", "Service"]

logger = get_logger(__name__)

_ARROW_TYPES = (ARROW, "application/vnd.apache.arrow.file", "application/octet-stream")
_ANY = ("", "*/*", "application/*")
_BODIES = 4
"""So many bodies of the largest size are held at once."""
_UPLOAD_SECONDS = 60.0

Handler = Callable[[web.Request], Any]


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds memory and latency.

    Attributes:
        body_bytes: of one request.
        held_pulses: of all requests that are accepted and not answered yet; an event counts as a pulse, too.
        wait_seconds: how long a request waits for company.
    """

    body_bytes: int = 32 << 20
    held_pulses: int = 2_000_000
    wait_seconds: float = 0.01


class Service:
    """The handlers, and what they share.

    Attributes:
        app: the application; `run` has to run beside it.
        ending: whether no more requests are accepted.
        at_work: how many have been accepted, and are not answered.
    """

    def __init__(self, choice: Choice, access: Access, limits: Limits) -> None:
        self.ending, self.at_work = False, 0
        self._choice, self._method, self._limits = choice, choice.method, limits
        self._counters, self._body_bytes = Counters(), 0
        computing = Computing(choice.method)
        per_call = choice.method.pulses_per_call
        self._batcher = Batcher(computing, per_call, limits.held_pulses, limits.wait_seconds)
        self._reading = ThreadPoolExecutor(1, "icereco-read")
        self._provenance = _provenance(choice)
        self.app = web.Application(
            middlewares=[self._closing, _answering_errors, access.middleware()],
            client_max_size=limits.body_bytes,
        )
        self.app.add_routes(
            [
                web.post("/reconstruct", self._reconstruct),
                web.get("/health", self._health),
                web.get("/metrics", self._metrics),
                *(web.get(path, self._description) for path in ("/", "/openapi.json")),
            ]
        )

    async def run(self) -> None:
        """Compute until `end` was called and every accepted request is answered."""
        try:
            await self._batcher.run()
        finally:
            self._reading.shutdown(wait=False)

    def end(self) -> None:
        """Let `run` end; call it when no handler is at work."""
        self._batcher.end()

    @web.middleware
    async def _closing(self, request: web.Request, handler: Handler) -> Any:
        """Say with the last answers that the connection ends."""
        response = await handler(request)
        if self.ending:
            response.force_close()
        return response

    async def _reconstruct(self, request: web.Request) -> web.Response:
        begun = time.monotonic()
        status = 500
        self.at_work += 1
        try:
            response = await self._answer(request, begun)
            status = response.status
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            self._counters.requests[status] += 1
            self.at_work -= 1
        return response

    async def _answer(self, request: web.Request, begun: float) -> web.Response:
        if self.ending:
            raise web.HTTPServiceUnavailable(text="the service is being stopped")
        sent, wanted = _formats(request)
        with _explained():
            self._batcher.require_room()
            events = await self._asked(request, sent)
            answer = await self._batcher.answer(events.rows, events.weight)
        loop = asyncio.get_running_loop()
        body = await loop.run_in_executor(self._reading, self._encoded, answer, wanted)
        self._counters.answered(events.rows.num_rows, events.pulses, time.monotonic() - begun)
        return web.Response(body=body, content_type=wanted)

    async def _asked(self, request: web.Request, sent: str) -> Asked:
        """The checked events of a request; read in a thread of their own, one request after the other."""
        size = request.content_length
        limit = self._limits.body_bytes
        if size is not None and size > limit:
            raise web.HTTPRequestEntityTooLarge(limit, size)
        held = limit if size is None or "Content-Encoding" in request.headers else size
        if self._body_bytes + held > _BODIES * limit:
            raise FullError(1)
        self._body_bytes += held
        try:
            async with asyncio.timeout(_UPLOAD_SECONDS):
                body = await request.read()
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._reading, asked, body, sent, self._method.detector)
        except TimeoutError:
            raise web.HTTPRequestTimeout(text=f"the body did not come within {_UPLOAD_SECONDS:g} s") from None
        finally:
            self._body_bytes -= held

    def _encoded(self, rows: pa.RecordBatch, wanted: str) -> bytes:
        if wanted == JSON:
            return json.dumps(plain({"reconstructions": rows.to_pylist()})).encode()
        sink = pa.BufferOutputStream()
        schema = rows.schema.with_metadata({METADATA_KEY: self._provenance})
        with pa.ipc.new_stream(sink, schema) as writer:
            writer.write_batch(rows.replace_schema_metadata(schema.metadata))
        encoded: bytes = sink.getvalue().to_pybytes()
        return encoded

    async def _health(self, _: web.Request) -> web.Response:
        state = "stopping" if self.ending else "ok"
        facts = {
            "status": state,
            "model": self._choice.words,
            "detector": self._method.detector.name,
        }
        return web.json_response(facts, status=503 if self.ending else 200)

    async def _metrics(self, _: web.Request) -> web.Response:
        gauges = {
            "held_pulses": (
                "Pulses, and events, of requests that are accepted and not answered.",
                float(self._batcher.held),
            ),
            "waiting_requests": ("Requests that wait for their call.", float(self._batcher.waiting)),
            "body_bytes": ("Of bodies that are being read.", float(self._body_bytes)),
        }
        text = self._counters.text(self._batcher.batches, gauges)
        return web.Response(body=text.encode(), headers={"Content-Type": TEXT})

    async def _description(self, _: web.Request) -> web.Response:
        return web.json_response(description(self._method.detector.name, self._choice.words))


@contextmanager
def _explained() -> Iterator[None]:
    """Turn errors into answers."""
    try:
        yield
    except FullError as error:
        raise web.HTTPTooManyRequests(
            text=f"too much is waiting; come again in {error.retry_seconds} s",
            headers={"Retry-After": str(error.retry_seconds)},
        ) from None
    except TooManyEventsError as error:
        raise web.HTTPRequestEntityTooLarge(0, text=str(error)) from error
    except IcerecoError as error:
        raise web.HTTPBadRequest(text=str(error)) from error


@web.middleware
async def _answering_errors(request: web.Request, handler: Handler) -> Any:
    """Answer every error as JSON, and one that is ours without its traceback."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        kept = {
            name: error.headers[name]
            for name in ("Retry-After", "WWW-Authenticate", "Allow")
            if name in error.headers
        }
        return web.json_response({"error": error.text or error.reason}, status=error.status, headers=kept)
    except Exception:
        logger.exception("a request failed")
        return web.json_response({"error": "the service failed; its log says why"}, status=500)


def _formats(request: web.Request) -> tuple[str, str]:
    """The format of the body, and that of the answer: the same, unless the request accepts only the other."""
    sent = ARROW if request.content_type in _ARROW_TYPES else request.content_type
    if sent not in (ARROW, JSON):
        raise web.HTTPUnsupportedMediaType(
            text=f"the Content-Type is {request.content_type}; send {JSON} or {ARROW}"
        )
    accepted = [part.partition(";")[0].strip() for part in request.headers.get("Accept", "").split(",")]
    if any(one in _ANY or one == sent for one in accepted):
        return sent, sent
    wanted = next((one for one in accepted if one in (ARROW, JSON)), None)
    if wanted is None:
        raise web.HTTPNotAcceptable(text=f"answers are {JSON} or {ARROW}")
    return sent, wanted


def _provenance(choice: Choice) -> bytes:
    method = choice.method
    detector = {"name": method.detector.name, "fingerprint": method.detector.fingerprint}
    facts = provenance(method=method.name, **method.provenance, detector=detector)
    return json.dumps({"content": CONTENT, "table": TABLE_VERSION, **facts}).encode()
