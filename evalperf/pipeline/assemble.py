"""The configuration becomes open parts: providers, prompt, scorers; all closed when the block ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from msgspec import Struct

from evalperf.cases import Prompt, build_prompt
from evalperf.config.model import AnswerProvider, EndpointConfig, OpenAIProvider, RunConfig, SimulatorProvider
from evalperf.providers import Provider, open_providers
from evalperf.scorers import Scorer, open_scorers

__all__ = ["Parts", "open_parts"]


class Parts(Struct, frozen=True, kw_only=True):
    """What a case meets on its way, ready to use."""

    prompt: Prompt
    providers: tuple[Provider, ...]
    scorers: tuple[Scorer, ...]
    synthetic: tuple[str, ...]
    """What of this run is simulated, in sentences for the summary."""

    @property
    def paid(self) -> bool:
        """Whether an answer costs enough to be kept in the journal until its result is written."""
        return any(provider.paid for provider in self.providers)


@asynccontextmanager
async def open_parts(config: RunConfig, base_dir: Path, *, connections: int) -> AsyncIterator[Parts]:
    """Opens the parts and tries the endpoints; raises ConfigError or StoppedError before any case is sent."""
    async with AsyncExitStack() as stack:
        prompt = build_prompt(config.prompt, base_dir, fields=config.cases.fields)
        scorers = await stack.enter_async_context(open_scorers(config.scorers, base_dir))
        provider, synthetic = await _real_provider(config.provider, stack)
        providers = await stack.enter_async_context(open_providers(provider, base_dir, connections=connections))
        for opened in providers:
            await opened.check()
        yield Parts(prompt=prompt, providers=providers, scorers=scorers, synthetic=synthetic)


async def _real_provider(config: AnswerProvider, stack: AsyncExitStack) -> tuple[AnswerProvider, tuple[str, ...]]:
    """The provider to open; a simulator is started first and then called over HTTP like any other server."""
    if not isinstance(config, SimulatorProvider):
        return config, ()
    from evalperf.simulator import SimulatorOptions, serve  # noqa: PLC0415 - a web server is loaded where one is asked for

    options = SimulatorOptions(
        seed=config.seed,
        latency_s=config.latency_s,
        latency_spread=config.latency_spread,
        rate_429=config.rate_429,
        rate_500=config.rate_500,
        rate_dropped=config.rate_dropped,
        retry_after_s=config.retry_after_s,
    )
    url = await stack.enter_async_context(serve(options))
    provider = OpenAIProvider(
        type="openai",
        model=config.model,
        api=config.api,
        stream=config.stream,
        params=config.params,
        endpoints=[EndpointConfig(name="simulator", url=url, auth="none")],
        timeouts=config.timeouts,
    )
    return provider, (
        f'answers: computed by the bundled rule-based solver "{config.model}", right or wrong by its own work',
        f"latency and faults: synthetic (seed {config.seed})",
    )
