"""How each vendor words its errors and lists its models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from evalperf.simulator.api.asked import Refused

__all__ = ["ANTHROPIC", "OPENAI", "Vendor"]

Body = dict[str, Any]

_ANTHROPIC_TYPES = {
    401: "authentication_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class Vendor(Struct, frozen=True):
    """Whose protocol it is."""

    request_id_header: str
    overloaded_status: int
    error: Callable[[Refused, str], Body]
    """The body of an error, from what is wrong and the request's id."""
    model: Callable[[str, int], Body]
    """A model of this name, made at this Unix time."""
    models: Callable[[Sequence[Body]], Body]
    """A list of them."""


def _openai_error(refused: Refused, _: str) -> Body:
    usual = "server_error" if refused.status >= 500 else "invalid_request_error"
    kind = refused.type if refused.type is not None else usual
    return {"error": {"message": refused.message, "type": kind, "param": refused.param, "code": refused.code}}


def _openai_model(name: str, created: int) -> Body:
    return {"id": name, "object": "model", "created": created, "owned_by": "evalperf-simulator"}


def _openai_models(models: Sequence[Body]) -> Body:
    return {"object": "list", "data": list(models)}


def _anthropic_error(refused: Refused, request_id: str) -> Body:
    kind = _ANTHROPIC_TYPES.get(refused.status, "api_error" if refused.status >= 500 else "invalid_request_error")
    return {"type": "error", "error": {"type": kind, "message": refused.message}, "request_id": request_id}


def _anthropic_model(name: str, created: int) -> Body:
    made_at = datetime.fromtimestamp(created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"type": "model", "id": name, "display_name": name, "created_at": made_at}


def _anthropic_models(models: Sequence[Body]) -> Body:
    ids = [model["id"] for model in models]
    return {"data": list(models), "has_more": False, "first_id": ids[0], "last_id": ids[-1]}


OPENAI = Vendor("x-request-id", 503, _openai_error, _openai_model, _openai_models)
ANTHROPIC = Vendor("request-id", 529, _anthropic_error, _anthropic_model, _anthropic_models)
