"""The configuration, section by section: frozen, a unit in each number's name, unknown keys refused.

What may differ between two scorers or two providers is a model of its own, chosen by `type`. Reading files, environment
and flags is `config/load`; this file only says what a valid configuration is.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from evalperf.config.batches import BatchingConfig
from evalperf.config.budget import BudgetConfig
from evalperf.config.cache import CacheConfig
from evalperf.config.providers import (
    AnswerProvider,
    AnthropicProvider,
    CommandProvider,
    EndpointConfig,
    FunctionProvider,
    OpenAIProvider,
    ProviderConfig,
    ReplayProvider,
    SimulatorProvider,
    Timeouts,
)
from evalperf.config.resilience import (
    BalancingConfig,
    CircuitBreakerConfig,
    HedgingConfig,
    RateLimitingConfig,
    RetryBudgetSize,
)
from evalperf.config.resource_limits import ResourceLimits
from evalperf.config.scorers import ScorerConfig
from evalperf.config.section import Name, PositiveS, Section
from evalperf.config.semantic import PrecedentsConfig
from evalperf.config.statistics import StatisticsConfig

__all__ = [
    "AnswerProvider",
    "AnthropicProvider",
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
    rotate_choices: bool = False
    """Turn the choices of a case, and with them a target that is a letter, by one place from epoch to epoch."""
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


class ConcurrencyConfig(BatchingConfig):
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
    """A case that keeps its worker longer fails as a timeout; waits for rate limits are not counted."""
    adaptive: bool = True
    """Whether `auto` looks for the number of calls in flight that gives most, and 429s for the pace that gives none."""
    rate_limiting: RateLimitingConfig = RateLimitingConfig()
    resource_limits: ResourceLimits = ResourceLimits()

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
    budget: RetryBudgetSize = 500
    """What all retries of the run may spend: one costs 5, after a timeout 10; each first answer gives 1 back."""


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
    in_doubt: Literal["retry", "skip", "ask"] = "retry"
    """What a resumed run does with calls that were under way when an earlier session died: make them again, though they
    may be billed twice; give their cases up; or stop before the first call, for you to decide."""


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
    precedents: PrecedentsConfig | None = None
    """The most similar earlier cases, for templates and judges; none where absent."""
    provider: ProviderConfig
    concurrency: ConcurrencyConfig = ConcurrencyConfig()
    retry: RetryConfig = RetryConfig()
    circuit_breaker: CircuitBreakerConfig = CircuitBreakerConfig()
    balancing: BalancingConfig = BalancingConfig()
    cache: CacheConfig = CacheConfig()
    hedging: HedgingConfig | None = None
    """Copies of the last calls; needs a second endpoint."""
    fallback: ProviderConfig | None = None
    """Answers while no endpoint of `provider` does; its results are marked."""
    budget: BudgetConfig = BudgetConfig()
    scorers: list[ScorerConfig] = []
    statistics: StatisticsConfig = StatisticsConfig()
    output: OutputConfig = OutputConfig()
    gates: list[Gate] = []

    @model_validator(mode="after")
    def _hedges_elsewhere(self) -> RunConfig:
        if self.hedging is not None and len(getattr(self.provider, "endpoints", ())) < 2:
            raise ValueError('"hedging" copies calls to another endpoint, and there is only one')
        return self

    @model_validator(mode="after")
    def _distinct_scorers(self) -> RunConfig:
        names = [scorer.name or scorer.type for scorer in self.scorers]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f'two scorers are called "{twice[0]}": give one of them a "name"')
        return self
