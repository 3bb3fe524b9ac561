"""Where answers come from: one section per way to get them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from evalperf.config.section import Name, PositiveS, Section

__all__ = [
    "AnswerProvider",
    "CommandProvider",
    "EndpointConfig",
    "FunctionProvider",
    "OpenAIProvider",
    "ProviderConfig",
    "ReplayProvider",
    "SimulatorProvider",
    "Timeouts",
]


OWN_HEADERS = frozenset({"host", "content-type", "content-length", "transfer-encoding"})
"""Another value would break the framing of a request, or name another server."""


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
    """The base, as in http://127.0.0.1:8000/v1."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the key."""
    api_key: str | None = Field(default=None, repr=False)
    """The key, written as "${NAME}"; never stored with the run."""
    auth: Literal["bearer", "api-key", "x-api-key", "none"] = "bearer"
    """Which header carries the key: Authorization: Bearer, api-key, x-api-key, or none at all."""
    headers: dict[str, str] = Field(default={}, repr=False)
    """More headers; their values are treated as secrets."""

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
        return url.rstrip("/")


class OpenAIProvider(Section):
    """Servers that speak OpenAI's HTTP protocol: OpenAI, vLLM, Ollama, llama.cpp, LM Studio, TGI, gateways."""

    type: Literal["openai"]
    model: str
    api: Literal["chat", "completions"] = "chat"
    """`/chat/completions` or `/completions`."""
    stream: bool = False
    """Read the answer as it is made, and measure the time to the first token."""
    params: dict[str, Any] = {}
    """Sent as they are: temperature, max_tokens, seed, stop, n, response_format, …"""
    endpoints: Annotated[list[EndpointConfig], Field(min_length=1)]
    timeouts: Timeouts = Timeouts()
    max_reply_bytes: Annotated[int, Field(ge=1_000)] = 8 * 1024 * 1024
    """A longer reply is a failure, so that no server can fill the memory."""
    verify_tls: bool = True
    """Whether the server's certificate is checked."""

    @field_validator("params")
    @classmethod
    def _not_ours(cls, params: dict[str, Any]) -> dict[str, Any]:
        taken = sorted({"model", "messages", "prompt", "stream"} & params.keys())
        if taken:
            raise ValueError(f"{', '.join(taken)} is set elsewhere in the configuration, not in params")
        return params

    @model_validator(mode="after")
    def _distinct_names(self) -> OpenAIProvider:
        names = [endpoint.name for endpoint in self.endpoints if endpoint.name is not None]
        if len(names) != len(set(names)):
            raise ValueError("two endpoints have the same name")
        return self


class ReplayProvider(Section):
    """Recorded answers; nothing is called."""

    type: Literal["replay"]
    path: str | None = None
    """A file of answers, joined by id; absent, the answer stands in the case's own line."""
    fields: dict[Literal["id", "output", "target"], str] = {}
    """Which field of an answer's line plays which part, where the usual names do not fit."""
    model: str | None = None
    """What made the answers, for the report."""


class FunctionProvider(Section):
    """A Python function that answers; it may be async."""

    type: Literal["function"]
    call: str
    """"package.module:name"; it gets the request's text or messages and returns a text or a Completion."""
    model: str | None = None
    options: dict[str, Any] = {}
    """Passed on as keyword arguments."""
    timeout_s: PositiveS = 60


class CommandProvider(Section):
    """A program that reads one JSON line and writes one, for case after case."""

    type: Literal["command"]
    argv: Annotated[list[str], Field(min_length=1)]
    """The program and its arguments; no shell is in between."""
    model: str | None = None
    env: dict[str, str] = Field(default={}, repr=False)
    """Added to the environment of the program; values are treated as secrets."""
    timeout_s: PositiveS = 60
    """For one answer; a program that takes longer is killed and started again."""


class SimulatorProvider(Section):
    """The bundled server with real solvers, started for the run on a free loopback port."""

    type: Literal["simulator"]
    model: Literal["small", "large"] = "small"
    """Which solver answers."""
    api: Literal["chat", "completions"] = "chat"
    stream: bool = False
    params: dict[str, Any] = {}
    seed: int = 0
    """Decides latencies and faults."""
    latency_s: Annotated[float, Field(ge=0)] = 0.15
    """Median time to an answer."""
    latency_spread: Annotated[float, Field(ge=0, le=3)] = 0.4
    """Sigma of the log-normal latency; 0 = always the median."""
    rate_429: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of requests refused with 429 and Retry-After."""
    rate_500: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of requests answered with 500."""
    rate_dropped: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of connections cut before the answer."""
    retry_after_s: Annotated[float, Field(ge=0)] = 0.2
    """What a 429 asks to wait."""
    timeouts: Timeouts = Timeouts()


AnswerProvider = OpenAIProvider | ReplayProvider | FunctionProvider | CommandProvider | SimulatorProvider
ProviderConfig = Annotated[AnswerProvider, Field(discriminator="type")]
