"""Where answers come from: one section per way to get them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from evalperf.config.budget import PricesConfig
from evalperf.config.providers_http import (
    OWN_HEADERS,
    AnthropicProvider,
    EndpointConfig,
    OpenAIProvider,
    Timeouts,
)
from evalperf.config.section import PositiveS, Section

__all__ = [
    "OWN_HEADERS",
    "AnswerProvider",
    "AnthropicProvider",
    "CommandProvider",
    "EndpointConfig",
    "FunctionProvider",
    "OpenAIProvider",
    "ProviderConfig",
    "ReplayProvider",
    "SimulatorProvider",
    "Timeouts",
]


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
    prices: PricesConfig | None = None
    """What tokens cost, for a function that states its usage; unknown where absent."""
    batch: bool = False
    """Whether it gets a list of what `call` says and returns a list of as many answers; `concurrency` says how batches
    come about."""
    min_batch_size: Annotated[int, Field(ge=1, le=100_000)] = 1
    """Batches are not made smaller than this because they are slow."""
    max_batch_size: Annotated[int, Field(ge=1, le=100_000)] = 256
    """Most cases in one call."""

    @model_validator(mode="after")
    def _possible_batches(self) -> FunctionProvider:
        if self.min_batch_size > self.max_batch_size:
            raise ValueError(f"min_batch_size {self.min_batch_size} is more than max_batch_size {self.max_batch_size}")
        if not self.batch and self.model_fields_set & {"min_batch_size", "max_batch_size"}:
            raise ValueError('"min_batch_size" and "max_batch_size" need "batch": true')
        return self


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
    prices: PricesConfig | None = None
    """What tokens cost, for a program that states its usage; unknown where absent."""


ServerProfile = Literal[
    "plain",
    "hard-cap",
    "batch",
    "cache-pressure",
    "rate-limit",
    "rate-limit-anthropic",
    "rate-limit-azure",
    "rate-limit-retry-after",
    "rate-limit-bare",
    "drift",
    "black-hole",
    "never-answers",
    "slow-headers",
    "endless-stream",
    "truncated-json",
    "html-error",
    "wrong-content-length",
    "overloaded",
    "judge",
]
"""Those of `evalperf simulate --list-models`, without TLS."""


class SimulatorProvider(Section):
    """The bundled server with real solvers, started for the run on a free loopback port."""

    type: Literal["simulator"]
    model: Literal["small", "large", "judge"] = "small"
    """Which solver answers; `judge` judges answers, for scorers that ask a model."""
    profile: ServerProfile = "plain"
    """Which kind of server it is like; what is set below changes it."""
    api: Literal["chat", "completions", "responses"] = "chat"
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
    prices: PricesConfig | None = None
    """What its tokens are to cost, to try budgets out; unknown where absent."""
    timeouts: Timeouts = Timeouts()


AnswerProvider = (
    OpenAIProvider | AnthropicProvider | ReplayProvider | FunctionProvider | CommandProvider | SimulatorProvider
)
ProviderConfig = Annotated[AnswerProvider, Field(discriminator="type")]
