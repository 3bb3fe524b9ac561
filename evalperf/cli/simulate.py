"""`evalperf simulate`: the bundled server, for curl and for other programs."""

from __future__ import annotations

import asyncio
import signal
from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from evalperf.cli.console import write

if TYPE_CHECKING:
    from evalperf.simulator import SimulatorOptions

__all__ = ["simulate"]

_ADDRESS = "Where it listens"
_BEHAVIOUR = "How it answers"
_FAULTS = "What goes wrong"
_LIMITS = "What it allows"

Headers = Literal["openai", "anthropic", "azure", "retry-after", "none"]

Host = Annotated[str, typer.Option(metavar="HOST", help="Listen on this address.", rich_help_panel=_ADDRESS)]
Port = Annotated[
    int,
    typer.Option(metavar="N", min=0, max=65_535, help="Listen on this port; 0 = a free one.", rich_help_panel=_ADDRESS),
]
Tls = Annotated[bool, typer.Option("--tls", help="Speak HTTPS, with a certificate made now.", rich_help_panel=_ADDRESS)]
ApiKey = Annotated[
    str | None, typer.Option(metavar="KEY", help="Refuse requests without this key.", rich_help_panel=_ADDRESS)
]
Model = Annotated[
    str,
    typer.Option("--model", "-m", metavar="PROFILE", help="Which server it is like.", rich_help_panel=_BEHAVIOUR),
]
ListModels = Annotated[
    bool, typer.Option("--list-models", help="List the profiles and exit.", rich_help_panel=_BEHAVIOUR)
]
Seed = Annotated[int, typer.Option(metavar="N", help="Decides latencies and faults.", rich_help_panel=_BEHAVIOUR)]
Latency = Annotated[
    float | None, typer.Option(metavar="S", min=0, help="Median seconds to an answer.", rich_help_panel=_BEHAVIOUR)
]
Spread = Annotated[
    float | None,
    typer.Option(metavar="X", min=0, max=3, help="Sigma of the log-normal latency.", rich_help_panel=_BEHAVIOUR),
]
Slots = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Requests worked on at once; others wait.", rich_help_panel=_LIMITS),
]
Queue = Annotated[
    int | None,
    typer.Option(metavar="N", min=0, help="Requests that may wait for a slot.", rich_help_panel=_LIMITS),
]
Limit = Annotated[
    float | None,
    typer.Option(metavar="R", min=1e-3, help="Requests per second; more get 429.", rich_help_panel=_LIMITS),
]
Burst = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Requests that may come together.", rich_help_panel=_LIMITS),
]
TokensPerMinute = Annotated[
    float | None, typer.Option(metavar="R", min=1, help="Tokens per minute; more get 429.", rich_help_panel=_LIMITS)
]
HeaderDialect = Annotated[Headers | None, typer.Option(help="How it tells about its limits.", rich_help_panel=_LIMITS)]
Rate429 = Annotated[
    float | None,
    typer.Option("--rate-429", metavar="P", min=0, max=1, help="Share of 429s.", rich_help_panel=_FAULTS),
]
Rate500 = Annotated[
    float | None,
    typer.Option("--rate-500", metavar="P", min=0, max=1, help="Share of 500s.", rich_help_panel=_FAULTS),
]
RateOverloaded = Annotated[
    float | None,
    typer.Option(metavar="P", min=0, max=1, help="Share of 529s (OpenAI's protocol: 503).", rich_help_panel=_FAULTS),
]
RateDropped = Annotated[
    float | None,
    typer.Option(
        metavar="P", min=0, max=1, help="Share of connections cut before the answer.", rich_help_panel=_FAULTS
    ),
]
RateMalformed = Annotated[
    float | None,
    typer.Option(metavar="P", min=0, max=1, help="Share of the profile's malformed replies.", rich_help_panel=_FAULTS),
]
RetryAfter = Annotated[
    float | None,
    typer.Option(metavar="S", min=0, help="Seconds that a 429 of --rate-429 asks to wait.", rich_help_panel=_FAULTS),
]


def simulate(
    *,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    tls: Tls = False,
    api_key: ApiKey = None,
    model: Model = "plain",
    list_models: ListModels = False,
    seed: Seed = 0,
    latency: Latency = None,
    spread: Spread = None,
    slots: Slots = None,
    queue: Queue = None,
    limit: Limit = None,
    burst: Burst = None,
    tokens_per_minute: TokensPerMinute = None,
    headers: HeaderDialect = None,
    rate_429: Rate429 = None,
    rate_500: Rate500 = None,
    rate_overloaded: RateOverloaded = None,
    rate_dropped: RateDropped = None,
    rate_malformed: RateMalformed = None,
    retry_after: RetryAfter = None,
) -> None:
    """Serves simulated models over OpenAI's and Anthropic's protocols until Ctrl-C.

    The models `small` and `large` solve arithmetic problems, as in sample_data/, and really fail at what they do not
    understand; `judge` judges answers; `embedding` makes vectors. Latency, limits and faults are synthetic. --model
    takes a whole kind of server, other options change it. Prints the base URL.

    Examples:
      evalperf simulate
      evalperf simulate --list-models
      evalperf simulate --model rate-limit --limit 50 --port 0
    """
    from evalperf.cli.simulate_options import chosen_options, chosen_profile, listed_profiles

    if list_models:
        write(listed_profiles())
        return
    profile = chosen_profile(model)
    answers = {"seed": seed, "api_key": api_key, "latency_s": latency, "latency_spread": spread}
    faults = {"rate_429": rate_429, "rate_500": rate_500, "rate_overloaded": rate_overloaded}
    faults |= {"rate_dropped": rate_dropped, "rate_malformed": rate_malformed, "retry_after_s": retry_after}
    capacity = {"slots": slots, "queue_size": queue}
    rates = {"requests_per_s": limit, "burst": burst, "tokens_per_minute": tokens_per_minute, "dialect": headers}
    options = chosen_options(profile.options, {**answers, **faults}, capacity, rates)
    raise typer.Exit(_run(f"{model}: {profile.about}", options, host, port, tls=tls or profile.tls))


def _run(about: str, options: SimulatorOptions, host: str, port: int, *, tls: bool) -> int:
    """The exit code, once a signal has come."""
    from evalperf.clock import new_event_loop
    from evalperf.errors import ConfigError

    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="evalperf-simulate-"))) if tls else None
        runner = stack.enter_context(asyncio.Runner(loop_factory=new_event_loop))
        try:
            return runner.run(_serve(about, options, host, port, folder))
        except OSError as error:
            raise ConfigError(
                f"can't listen on {host} port {port}: {error.strerror or error}",
                hint="another program may use the port: --port 0 takes a free one",
            ) from None


async def _serve(about: str, options: SimulatorOptions, host: str, port: int, tls_folder: Path | None) -> int:
    from evalperf.simulator import serve

    loop = asyncio.get_running_loop()
    stopped: asyncio.Future[int] = loop.create_future()

    def stop(exit_code: int) -> None:
        if not stopped.done():
            stopped.set_result(exit_code)

    async with serve(options, host=host, port=port, tls_folder=tls_folder) as url:
        loop.add_signal_handler(signal.SIGINT, stop, 130)
        loop.add_signal_handler(signal.SIGTERM, stop, 143)
        if not _is_loopback(host) and options.api_key is None:
            typer.echo(f"warning: {host} can be reached from other machines, and there is no key", err=True)
        _announce(about, url, tls_folder, with_key=options.api_key is not None)
        return await stopped


def _announce(about: str, url: str, tls_folder: Path | None, *, with_key: bool) -> None:
    """All there is to know goes to stderr, the URL alone to stdout."""
    from evalperf.simulator import CERTIFICATE

    trust = "" if tls_folder is None else f" --cacert {tls_folder / CERTIFICATE}"
    key = " -H 'Authorization: Bearer KEY'" if with_key else ""
    typer.echo(f"{about}\nanswers are computed, all else is synthetic; Ctrl-C ends it", err=True)
    if tls_folder is not None:
        typer.echo(f"its certificate: {tls_folder / CERTIFICATE}", err=True)
    typer.echo(
        f"try:\n  curl -s{trust} {url}/chat/completions{key} -H 'Content-Type: application/json' \\\n"
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
