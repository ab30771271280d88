"""What the service understands, in the words of OpenAPI 3.1."""

from typing import Any

from icereco import __version__
from icereco.online.request_events import ARROW, JSON
from icereco.tables.schema import PULSE_COLUMNS

__all__ = ["description"]

_NUMBERS = {"type": "array", "items": {"type": "number"}}
_LISTS: dict[str, Any] = {
    "sensor_id": {"type": "array", "items": {"type": "integer"}},
    "time": _NUMBERS | {"description": "ns"},
    "charge": _NUMBERS | {"description": "p.e."},
    "auxiliary": {"type": "array", "items": {"type": "boolean"}},
}
_EVENT = {
    "type": "object",
    "required": ["event_id", *PULSE_COLUMNS],
    "properties": {"event_id": {"type": "integer"}, **_LISTS},
}
_PROBLEMS = {
    400: "an event is wrong: which, and why",
    401: "the token is missing or wrong",
    406: "another format is asked for",
    413: "more than one request may have",
    415: "of another format",
    429: "too much is waiting; come again after as many seconds as Retry-After says",
    503: "the service is being stopped",
}


def description(detector: str, model: str) -> dict[str, Any]:
    """The document, for a service that reconstructs events of this detector with this model."""
    events = {
        "type": "object",
        "required": ["events"],
        "properties": {"events": {"type": "array", "items": _EVENT}},
    }
    rows = {"type": "array", "items": {"type": "object"}}
    answer = {"type": "object", "properties": {"reconstructions": rows}}
    error = {JSON: {"schema": {"type": "object", "properties": {"error": {"type": "string"}}}}}
    responses: dict[str, Any] = {
        "200": {
            "description": "a row for each event, in order",
            "content": {JSON: {"schema": answer}, ARROW: {}},
        },
        **{str(status): {"description": meaning, "content": error} for status, meaning in _PROBLEMS.items()},
    }
    reconstruct = {
        "summary": "Reconstruct events: one row each, as icereco reconstruct writes it.",
        "requestBody": {"required": True, "content": {JSON: {"schema": events}, ARROW: {}}},
        "responses": responses,
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "icereco",
            "version": __version__,
            "description": f"Reconstructs events of {detector} with {model}.",
        },
        "paths": {
            "/reconstruct": {"post": reconstruct},
            "/health": {"get": _page("Whether requests are accepted.", JSON)},
            "/metrics": {"get": _page("Counts and latencies, for Prometheus.", "text/plain")},
        },
    }


def _page(summary: str, content: str) -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": {"description": summary, "content": {content: {}}}}}
