"""`evalperf simulate`: the bundled OpenAI-compatible server, for curl and for other programs."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated

import typer

from evalperf.cli.console import write

if TYPE_CHECKING:
    from evalperf.simulator import SimulatorOptions

__all__ = ["simulate"]

_ADDRESS = "Where it listens"
_BEHAVIOUR = "How it answers"

Host = Annotated[str, typer.Option(metavar="HOST", help="Listen on this address.", rich_help_panel=_ADDRESS)]
Port = Annotated[
    int,
    typer.Option(metavar="N", min=0, max=65_535, help="Listen on this port; 0 = a free one.", rich_help_panel=_ADDRESS),
]
Seed = Annotated[int, typer.Option(metavar="N", help="Decides latencies and faults.", rich_help_panel=_BEHAVIOUR)]
Latency = Annotated[
    float, typer.Option(metavar="S", min=0, help="Median seconds to an answer.", rich_help_panel=_BEHAVIOUR)
]
Spread = Annotated[
    float,
    typer.Option(metavar="X", min=0, max=3, help="Sigma of the log-normal latency.", rich_help_panel=_BEHAVIOUR),
]
Rate429 = Annotated[
    float,
    typer.Option("--rate-429", metavar="P", min=0, max=1, help="Share of 429s.", rich_help_panel=_BEHAVIOUR),
]
Rate500 = Annotated[
    float,
    typer.Option("--rate-500", metavar="P", min=0, max=1, help="Share of 500s.", rich_help_panel=_BEHAVIOUR),
]
RateDropped = Annotated[
    float,
    typer.Option(
        metavar="P", min=0, max=1, help="Share of connections cut before the answer.", rich_help_panel=_BEHAVIOUR
    ),
]
RetryAfter = Annotated[
    float, typer.Option(metavar="S", min=0, help="Seconds that a 429 asks to wait.", rich_help_panel=_BEHAVIOUR)
]


def simulate(
    *,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    seed: Seed = 0,
    latency: Latency = 0.15,
    spread: Spread = 0.4,
    rate_429: Rate429 = 0.0,
    rate_500: Rate500 = 0.0,
    rate_dropped: RateDropped = 0.0,
    retry_after: RetryAfter = 0.2,
) -> None:
    """Serves simulated models over OpenAI's protocol until Ctrl-C.

    The models `small` and `large` solve arithmetic problems, as in sample_data/, and really fail at what they do not
    understand. Latency and faults are synthetic, and the same for the same seed and requests. Prints the base URL.

    Examples:
      evalperf simulate
      evalperf simulate --port 0 --latency 0.5 --rate-429 0.05
    """
    from evalperf.clock import new_event_loop
    from evalperf.errors import ConfigError
    from evalperf.simulator import SimulatorOptions

    try:
        options = SimulatorOptions(
            seed=seed,
            latency_s=latency,
            latency_spread=spread,
            rate_429=rate_429,
            rate_500=rate_500,
            rate_dropped=rate_dropped,
            retry_after_s=retry_after,
        )
    except ValueError as error:
        raise ConfigError(str(error)) from None
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        try:
            exit_code = runner.run(_serve(options, host, port, _announce))
        except OSError as error:
            raise ConfigError(
                f"can't listen on {host} port {port}: {error.strerror or error}",
                hint="another program may use the port: --port 0 takes a free one",
            ) from None
    raise typer.Exit(exit_code)


async def _serve(options: SimulatorOptions, host: str, port: int, announce: Callable[[str], None]) -> int:
    """The exit code, once a signal has come."""
    from evalperf.simulator import serve

    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()

    def stop(exit_code: int) -> None:
        if not stopped.done():
            stopped.set_result(exit_code)

    async with serve(options, host=host, port=port) as url:
        loop.add_signal_handler(signal.SIGINT, stop, 130)
        loop.add_signal_handler(signal.SIGTERM, stop, 143)
        if not _is_loopback(host):
            typer.echo(f"warning: {host} can be reached from other machines, and there is no key", err=True)
        announce(url)
        return await stopped


def _announce(url: str) -> None:
    typer.echo(
        "models small and large; answers are computed, latency and faults are synthetic; Ctrl-C ends it", err=True
    )
    typer.echo(
        f"try:\n  curl -s {url}/chat/completions -H 'Content-Type: application/json' \\\n"
        """    -d '{"model": "large", "messages": [{"role": "user", "content": "What is 12 + 4 × 3?"}]}'\n"""
        f"what it has seen: {url.removesuffix('/v1')}/stats",
        err=True,
    )
    write(url)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
