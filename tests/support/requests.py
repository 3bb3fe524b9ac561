"""Requests for tests of providers, and providers on a scripted server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from evalperf.config.model import AnswerProvider, ProviderConfig
from evalperf.providers import Provider, open_providers
from evalperf.records import Case, Message, Request

__all__ = ["make_request", "openai_config", "opened"]

_configs: TypeAdapter[AnswerProvider] = TypeAdapter(ProviderConfig)


def make_request(text: str = "question", *messages: Message, **case: Any) -> Request:
    """A request of one user message, or of `messages`."""
    fields = {"seq": 1, "id": f"id-{text}", "input": text, **case}
    return Request(case=Case(**fields), messages=messages or ({"role": "user", "content": text},))


def openai_config(url: str, *, endpoint: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """The `provider` section for a server at `url`."""
    return {"type": "openai", "model": "m", "endpoints": [{"url": url, **(endpoint or {})}], **fields}


@asynccontextmanager
async def opened(config: dict[str, Any], base_dir: Path = Path(), *, connections: int = 8) -> AsyncIterator[Provider]:
    """The one provider of a `provider` section."""
    async with open_providers(_configs.validate_python(config), base_dir, connections=connections) as providers:
        (provider,) = providers
        yield provider
