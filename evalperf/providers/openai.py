"""OpenAI's HTTP protocol: chat and text completions and responses, whole or streamed."""

from __future__ import annotations

from pathlib import Path

from evalperf.config.model import OpenAIProvider
from evalperf.providers.endpoint import HttpEndpoint, http_endpoints
from evalperf.providers.openai_wire import CompletionsWire
from evalperf.providers.over_http import OverHttp, open_over_http
from evalperf.providers.responses_wire import ResponsesWire
from evalperf.providers.wire import Wire

__all__ = ["open_openai"]


def open_openai(config: OpenAIProvider, base_dir: Path, *, connections: int) -> tuple[OverHttp, ...]:
    """One provider per endpoint, for `connections` calls at once each; needs a running loop.

    Raises ConfigError for a URL or a header that can't be sent, or certificates that can't be read.
    """

    def wire(endpoint: HttpEndpoint) -> Wire:
        if config.api == "responses":
            return ResponsesWire(config, endpoint.secrets)
        return CompletionsWire(config, endpoint.secrets)

    return open_over_http(config, http_endpoints(config.endpoints, base_dir), wire, connections=connections)
