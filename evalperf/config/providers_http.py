"""Providers that are reached over HTTP: their endpoints, limits and protocols."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator, model_validator

from evalperf.config.budget import PricesConfig
from evalperf.config.metadata_hosts import is_metadata_host
from evalperf.config.resilience import PositiveRate
from evalperf.config.section import Name, PositiveS, Section

__all__ = ["OWN_HEADERS", "AnthropicProvider", "EndpointConfig", "HttpProvider", "OpenAIProvider", "Timeouts"]


OWN_HEADERS = frozenset({"host", "content-type", "content-length", "transfer-encoding"})
"""Another value would break the framing of a request, or name another server."""

_SET_ELSEWHERE: dict[str, frozenset[str]] = {
    "chat": frozenset({"model", "messages", "prompt", "stream"}),
    "completions": frozenset({"model", "messages", "prompt", "stream"}),
    "responses": frozenset({"model", "input", "instructions", "stream"}),
    "messages": frozenset({"model", "messages", "system", "stream"}),
}
"""Of each API, what a request takes from the cases and from other settings than `params`."""


class Timeouts(Section):
    """Limits on one call, in seconds."""

    connect_s: PositiveS = 10
    """To reach the server."""
    attempt_s: PositiveS = 60
    """For one attempt from sending to the last byte."""
    idle_s: PositiveS = 30
    """Between two pieces of an answer."""
    total_s: PositiveS = 300
    """No attempt of a case starts later than this after its first."""


class EndpointConfig(Section):
    """One address that speaks the provider's protocol."""

    name: Name | None = None
    """Shown in results and reports; made from the URL's host where absent."""
    url: str
    """The base, as in http://127.0.0.1:8000/v1; a query, as Azure's ?api-version=…, goes out with every request."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the key."""
    api_key: str | None = Field(default=None, repr=False)
    """The key, written as "${NAME}"; never stored with the run."""
    auth: Literal["bearer", "api-key", "x-api-key", "none"] | None = None
    """Which header carries the key: Authorization: Bearer, api-key, x-api-key, or none at all; where absent, the one
    of the protocol: bearer for OpenAI's, x-api-key for Anthropic's."""
    headers: dict[str, str] = Field(default={}, repr=False)
    """More headers; their values are treated as secrets."""
    weight: PositiveRate = 1
    """Its share of the requests beside the other endpoints, where `balancing.strategy` is `weighted`."""
    max_in_flight: Annotated[int, Field(ge=1)] | None = None
    """Most requests that may be on their way to it at once; no limit of its own where absent."""
    requests_per_minute: PositiveRate | None = None
    """Requests that may be sent to it per minute; no limit of its own where absent."""
    tokens_per_minute: PositiveRate | None = None
    """Input and output tokens that it may work on per minute; no limit of its own where absent."""
    ca_file: str | None = None
    """Certificates in PEM form that are trusted beside the system's; relative to the configuration's folder."""
    proxy: str | None = Field(default=None, repr=False)
    """The HTTP proxy on the way, as in http://name:password@host:port, or "none"; where absent, HTTPS_PROXY, HTTP_PROXY
    and NO_PROXY of the environment hold, but never for this machine itself."""

    @field_validator("headers")
    @classmethod
    def _free(cls, headers: dict[str, str]) -> dict[str, str]:
        taken = [name for name in headers if name.lower() in OWN_HEADERS]
        if taken:
            raise ValueError(f"{', '.join(taken)} is set by evalperf itself")
        return headers

    @field_validator("url")
    @classmethod
    def _http(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        _refuse_metadata(url)
        return url.rstrip("/")

    @field_validator("proxy")
    @classmethod
    def _http_proxy(cls, proxy: str | None) -> str | None:
        if proxy is None or proxy == "none":
            return proxy
        if not proxy.startswith("http://"):
            raise ValueError('expected the URL of an HTTP proxy, as in http://host:3128, or "none"')
        _refuse_metadata(proxy)
        return proxy.rstrip("/")

    @model_validator(mode="after")
    def _tls_for_ca_file(self) -> EndpointConfig:
        if self.ca_file is not None and not self.url.startswith("https://"):
            raise ValueError('"ca_file" has no effect on an http:// address')
        return self


class HttpProvider(Section):
    """What all protocols over HTTP have in common."""

    endpoints: Annotated[list[EndpointConfig], Field(min_length=1)]
    timeouts: Timeouts = Timeouts()
    max_reply_bytes: Annotated[int, Field(ge=1_000, le=32 * 1024 * 1024)] = 8 * 1024 * 1024
    """A longer reply is a failure, so that no server can fill the memory. What the journal and the results of a run can
    hold of one answer is twice the largest."""
    verify_tls: bool = True
    """Whether the server's certificate is checked."""
    prices: PricesConfig | None = None
    """What tokens cost; from a dated list where absent and the model is on it, else unknown."""

    @model_validator(mode="after")
    def _distinct_names(self) -> HttpProvider:
        names = [endpoint.name for endpoint in self.endpoints if endpoint.name is not None]
        if len(names) != len(set(names)):
            raise ValueError("two endpoints have the same name")
        return self

    @model_validator(mode="after")
    def _checked_by_ca_file(self) -> HttpProvider:
        if not self.verify_tls and any(endpoint.ca_file is not None for endpoint in self.endpoints):
            raise ValueError('"ca_file" has no effect while "verify_tls" is false')
        return self


class OpenAIProvider(HttpProvider):
    """Servers that speak OpenAI's HTTP protocol: OpenAI, Azure, vLLM, Ollama, llama.cpp, LM Studio, TGI, gateways."""

    type: Literal["openai"]
    model: str
    api: Literal["chat", "completions", "responses"] = "chat"
    """`/chat/completions`, `/completions` or `/responses`."""
    stream: bool = False
    """Read the answer as it is made, and measure the time to the first token."""
    params: dict[str, Any] = {}
    """Sent as they are: temperature, max_tokens, seed, stop, n, response_format, …"""

    @field_validator("params")
    @classmethod
    def _not_ours(cls, params: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        _refuse_taken(params, info.data.get("api", "chat"))
        return params


class AnthropicProvider(HttpProvider):
    """Servers that speak Anthropic's Messages API."""

    type: Literal["anthropic"]
    model: str
    version: str = "2023-06-01"
    """The version of the API, sent as the header anthropic-version."""
    stream: bool = False
    """Read the answer as it is made, and measure the time to the first token."""
    params: dict[str, Any] = Field(default={}, validate_default=True)
    """Sent as they are: max_tokens (the API wants one: 4096 where absent), temperature, stop_sequences, thinking, …"""

    @field_validator("params")
    @classmethod
    def _with_max_tokens(cls, params: dict[str, Any]) -> dict[str, Any]:
        _refuse_taken(params, "messages")
        return {"max_tokens": 4096, **params}


def _refuse_taken(params: dict[str, Any], api: str) -> None:
    taken = sorted(_SET_ELSEWHERE[api] & params.keys())
    if taken:
        raise ValueError(f"{', '.join(taken)} is set elsewhere in the configuration, not in params")


def _refuse_metadata(url: str) -> None:
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return  # what is wrong with it, the provider says
    if host is not None and is_metadata_host(host):
        raise ValueError("that is where a cloud hands out this machine's own credentials: nothing is sent there")
