"""The configuration, section by section: frozen, a unit in each number's name, unknown keys refused.

What may differ between two scorers or two providers is a model of its own, chosen by `type`. Reading files, environment
and flags is `config/load`; this file only says what a valid configuration is.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from evalperf.config.scorers import ScorerConfig

__all__ = [
    "AnswerProvider",
    "CasesConfig",
    "CommandProvider",
    "ConcurrencyConfig",
    "EndpointConfig",
    "FewShotConfig",
    "FunctionProvider",
    "Gate",
    "OpenAIProvider",
    "OutputConfig",
    "PromptConfig",
    "PromptMessage",
    "ProviderConfig",
    "ReplayProvider",
    "RetryConfig",
    "RunConfig",
    "SimulatorProvider",
    "Timeouts",
]

Name = Annotated[str, StringConstraints(pattern=r"^[\w][\w .:@+-]*$", max_length=100)]
PositiveS = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Section(BaseModel):
    """Frozen, strict about keys, and documented in the JSON Schema by its field descriptions."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


class CasesConfig(Section):
    """Where the cases come from and which of them are taken."""

    path: str | list[str]
    """A file, a glob, `-` for stdin, or a list of these; relative paths start at the configuration's folder."""
    format: Literal["auto", "jsonl", "json", "csv"] = "auto"
    """How the files are written; `auto` goes by the name's ending (and is JSONL for stdin)."""
    fields: dict[Literal["id", "input", "target", "output", "choices", "tags", "metadata"], str] = {}
    """Which field of a line plays which part, where the usual names do not fit; dots reach inside."""
    limit: Annotated[int, Field(ge=1)] | None = None
    """Take only the first cases that pass `where`."""
    sample: Annotated[int, Field(ge=1)] | None = None
    """Take that many at random (after `where`), by `seed`."""
    seed: int = 0
    """Decides the random sample."""
    where: str | None = None
    """An expression on the fields of a line; only lines for which it holds are taken."""
    epochs: Annotated[int, Field(ge=1, le=10_000)] = 1
    """How often each case is asked."""
    on_duplicate: Literal["error", "rename", "keep_first"] = "error"
    """What to do with a second case of the same id."""
    on_bad_line: Literal["stop", "skip"] = "stop"
    """Whether a line that can't be read ends the run or is listed in rejected.jsonl."""
    max_line_bytes: Annotated[int, Field(ge=1_000)] = 32 * 1024 * 1024
    """A longer line is a bad line."""

    @field_validator("path")
    @classmethod
    def _not_empty(cls, path: str | list[str]) -> str | list[str]:
        if not path or (isinstance(path, list) and not all(path)):
            raise ValueError("names no file")
        return path


class PromptMessage(Section):
    """One message of the prompt."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str
    """A Jinja2 template over the fields of the case."""


class FewShotConfig(Section):
    """Worked examples that go before the question."""

    path: str
    """A file of cases with input and target."""
    count: Annotated[int, Field(ge=1)] | None = None
    """How many of them, from the top; all where absent."""


class PromptConfig(Section):
    """How a case becomes the messages that are sent; absent, the input itself is the user's message."""

    system: str | None = None
    """A template for the system message."""
    template: str | None = None
    """A template for the user's message; `{{ input }}` where absent."""
    messages: list[PromptMessage] | None = None
    """A whole conversation instead of `system` and `template`."""
    few_shot: FewShotConfig | None = None
    """Examples, each a user message (by `template`) and an assistant message (its target)."""

    @model_validator(mode="after")
    def _one_form(self) -> PromptConfig:
        if self.messages is not None and (self.system is not None or self.template is not None):
            raise ValueError('"messages" already is the whole prompt: leave out "system" and "template"')
        return self


class Timeouts(Section):
    """Limits on one call, in seconds."""

    connect_s: PositiveS = 10
    """To reach the server."""
    attempt_s: PositiveS = 60
    """For one attempt from sending to the last byte."""
    idle_s: PositiveS = 30
    """Between two pieces of an answer."""
    total_s: PositiveS = 300
    """For all attempts of one case with the waits between them."""


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


class ConcurrencyConfig(Section):
    """How many cases are worked on at once."""

    workers: Literal["auto"] | Annotated[int, Field(ge=1, le=100_000)] = "auto"
    """Cases in flight; `auto` sizes it from CPU, memory and file descriptors."""
    min_workers: Annotated[int, Field(ge=1)] = 1
    """The least that `auto` may choose."""
    max_workers: Annotated[int, Field(ge=1)] = 512
    """The most that `auto` may choose."""
    batch_size: Literal["auto"] | Annotated[int, Field(ge=1, le=100_000)] = "auto"
    """Most cases that are read and parsed at once; never a barrier."""
    queue_size: Annotated[int, Field(ge=1)] = 100
    """Cases read ahead of the workers, and results that may wait for the writer: at least a batch of each."""
    worker_timeout_s: PositiveS = 300
    """A case that keeps its worker longer fails as a timeout."""

    @model_validator(mode="after")
    def _ordered(self) -> ConcurrencyConfig:
        if self.min_workers > self.max_workers:
            raise ValueError(f"min_workers {self.min_workers} is more than max_workers {self.max_workers}")
        return self


class RetryConfig(Section):
    """When a failed attempt is tried again: full jitter over base_s · 2ⁿ, or the server's own Retry-After."""

    attempts: Annotated[int, Field(ge=1, le=100)] = 5
    """Attempts in all; 1 = no retries."""
    base_s: PositiveS = 0.5
    max_s: PositiveS = 30
    """Longest wait of our own choosing."""
    retry_after_max_s: Annotated[float, Field(ge=0)] = 120
    """A server that asks for a longer wait is not asked again."""


class OutputConfig(Section):
    """Where results go."""

    dir: str = "results"
    """Each run gets a directory of its own in here; relative to the configuration's folder."""
    compression: Literal["gzip"] = "gzip"
    level: Annotated[int, Field(ge=0, le=3)] = 1
    """Compression level of the ISA-L library; zlib takes its place where that is not installed."""
    include_input: bool = True
    """Whether result lines repeat the input."""
    durability: Literal["power", "process"] = "power"
    """What an answer that was paid for survives: a power cut, or only the death of the process."""


class Gate(Section):
    """A bound that the run must hold; a run that breaks one exits with 1."""

    metric: str
    """A path in the summary: answer.mean, failed.share, latency_s.p95, …"""
    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Gate:
        if self.min is None and self.max is None:
            raise ValueError('needs "min" or "max"')
        return self


class RunConfig(Section):
    """A whole run."""

    schema_url: str | None = Field(default=None, alias="$schema")
    name: Name | None = None
    """Part of the run's id; the configuration file's name where absent."""
    cases: CasesConfig
    prompt: PromptConfig = PromptConfig()
    provider: ProviderConfig
    concurrency: ConcurrencyConfig = ConcurrencyConfig()
    retry: RetryConfig = RetryConfig()
    scorers: list[ScorerConfig] = []
    output: OutputConfig = OutputConfig()
    gates: list[Gate] = []

    @model_validator(mode="after")
    def _distinct_scorers(self) -> RunConfig:
        names = [scorer.name or scorer.type for scorer in self.scorers]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f'two scorers are called "{twice[0]}": give one of them a "name"')
        return self
