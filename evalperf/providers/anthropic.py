"""Anthropic's HTTP protocol: messages, whole or streamed."""

from __future__ import annotations

from pathlib import Path

from evalperf.config.model import AnthropicProvider
from evalperf.providers.endpoint import http_endpoints
from evalperf.providers.messages_wire import MessagesWire
from evalperf.providers.over_http import OverHttp, open_over_http

__all__ = ["open_anthropic"]


def open_anthropic(config: AnthropicProvider, base_dir: Path, *, connections: int) -> tuple[OverHttp, ...]:
    """One provider per endpoint, for `connections` calls at once each; needs a running loop.

    Raises ConfigError for a URL or a header that can't be sent, or certificates that can't be read.
    """
    endpoints = http_endpoints(
        config.endpoints, base_dir, auth="x-api-key", headers={"anthropic-version": config.version}
    )
    return open_over_http(
        config, endpoints, lambda endpoint: MessagesWire(config, endpoint.secrets), connections=connections
    )
