"""`evalperf tune-workers`: how many workers this machine allows, and how many an endpoint pays for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evalperf.cli.console import load, session_of, write
from evalperf.cli.grammar import complete_config

if TYPE_CHECKING:
    from rich.console import RenderableType

    from evalperf.config.load import LoadedConfig
    from evalperf.tune import Tuned
    from evalperf.tune_plan import TuneLimits, TunePlan
    from evalperf.tuning import Machine

__all__ = ["tune_workers"]

UNASKED_REQUESTS = 1_000
UNASKED_USD = 0.10
"""What may be spent without a question."""

Config = Annotated[
    Path | None,
    typer.Argument(
        metavar="[CONFIG]",
        help="Measure the endpoint of this configuration with its cases.",
        autocompletion=complete_config,
    ),
]
MaxWorkers = Annotated[int | None, typer.Option(metavar="N", min=1, help="Recommend and try no more than that.")]
MaxLatency = Annotated[
    float | None, typer.Option(metavar="S", min=0.0, help="Stay below this 95th percentile of latency.")
]
MaxRequests = Annotated[int | None, typer.Option(metavar="N", min=1, help="Ask no more cases than that.")]
MaxTime = Annotated[float | None, typer.Option(metavar="S", min=1.0, help="Measure for no more seconds than that.")]
Budget = Annotated[
    float | None, typer.Option(metavar="USD", min=0.0, help="Spend no more dollars than that on answers.")
]
Quick = Annotated[bool, typer.Option("--quick", help="Half the time for each level, and figures less exact.")]
Write = Annotated[bool, typer.Option("--write", help="Put what was found into the configuration file.")]
Yes = Annotated[bool, typer.Option("--yes", help="Ask no question first, whatever it may cost.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def tune_workers(
    ctx: typer.Context,
    config: Config = None,
    *,
    max_workers: MaxWorkers = None,
    max_latency: MaxLatency = None,
    max_requests: MaxRequests = None,
    max_time: MaxTime = None,
    budget: Budget = None,
    quick: Quick = False,
    write_: Write = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Recommends a number of workers, and says what bounds it.

    Without a configuration it looks at this machine only: CPUs, quota, memory, file descriptors. With one it asks the
    endpoint real cases with more and more workers and takes the fewest that bring 97 % of the best throughput; where
    the endpoint refuses with 429s, it looks for the pace that it grants. The answers are kept in the cache, and what
    was found is where the next run begins.

    Examples:
      evalperf tune-workers
      evalperf tune-workers configs/quickstart.json
      evalperf tune-workers eval.json --budget 0.50 --write
    """
    from evalperf.tune_plan import TuneLimits
    from evalperf.tuning import read_machine

    machine = read_machine()
    limits = TuneLimits(
        max_workers=max_workers,
        max_latency_s=max_latency,
        max_requests=max_requests,
        max_cost_usd=budget,
        max_seconds=max_time,
        quick=quick,
    )
    if config is None:
        _show_machine(machine, limits, write_back=write_, as_json=json)
        return
    loaded = load(session_of(ctx), config)
    tuned = _measure(loaded, limits, machine, yes=yes)
    _show_tuned(machine, loaded, tuned, as_json=json)
    if write_:
        _write_back(loaded, tuned)


def _show_machine(machine: Machine, limits: TuneLimits, *, write_back: bool, as_json: bool) -> None:
    from msgspec import structs

    from evalperf.cli.tune_workers_text import machine_document, machine_screen
    from evalperf.errors import ConfigError
    from evalperf.tune_plan import TuneLimits
    from evalperf.tuning import recommend

    if write_back or structs.replace(limits, max_workers=None) != TuneLimits():
        raise ConfigError(
            "only --max-workers applies to the machine alone", hint="name a configuration to measure with"
        )
    workers = recommend(machine, max_workers=512 if limits.max_workers is None else limits.max_workers)
    _print(machine_document(machine, workers), machine_screen(machine, workers), as_json=as_json)


def _measure(loaded: LoadedConfig, limits: TuneLimits, machine: Machine, *, yes: bool) -> Tuned:
    """On an event loop of its own; what was found is kept for the next run."""
    import asyncio

    from evalperf.cli.tune_workers_text import asked_for, measured_line
    from evalperf.clock import new_event_loop
    from evalperf.config.load import cache_dir, state_dir
    from evalperf.learned import remember_tuned
    from evalperf.tune import tune
    from evalperf.tune_plan import plan_tuning

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        plan = runner.run(plan_tuning(loaded, limits, machine))
        _say(asked_for(plan))
        if not yes:
            _confirm(plan)
        tuned = runner.run(tune(loaded, plan, limits, cache_dir=cache_dir(), tell=lambda one: _say(measured_line(one))))
    for notice in tuned.notices:
        _say(f"note: {notice}")
    if remember_tuned(loaded.config, tuned.findings, state_dir(), _say):
        _say(f"the next runs begin with that: {state_dir() / 'tuned.json'}")
    return tuned


def _confirm(plan: TunePlan) -> None:
    """Asks where it may become dear; where there is nobody to ask, that is an error."""
    from evalperf.errors import ConfigError

    cost_usd = plan.expected_usd if plan.max_cost_usd is None else plan.max_cost_usd
    is_cheap = plan.max_requests <= UNASKED_REQUESTS and (cost_usd is None or cost_usd <= UNASKED_USD)
    if plan.is_free or is_cheap:
        return
    if not sys.stdin.isatty():
        raise ConfigError(
            f"more than {UNASKED_REQUESTS:,} requests or ${UNASKED_USD:.2f} need a yes, and there is no terminal",
            hint="give --yes, or lower it: --max-requests, --max-workers, --budget",
        )
    typer.confirm("Go on?", abort=True, err=True)


def _show_tuned(machine: Machine, loaded: LoadedConfig, tuned: Tuned, *, as_json: bool) -> None:
    from evalperf.cli.tune_workers_text import machine_document, tuned_document, tuned_screen
    from evalperf.tuning import recommend

    workers = recommend(machine, max_workers=loaded.config.concurrency.max_workers)
    blocks = (sys.stdout.encoding or "").lower().startswith("utf")
    document = machine_document(machine, workers) | tuned_document(tuned)
    _print(document, tuned_screen(machine, tuned, blocks=blocks), as_json=as_json)


def _write_back(loaded: LoadedConfig, tuned: Tuned) -> None:
    from evalperf.cli.tune_workers_text import settings
    from evalperf.config.edit import edit_file
    from evalperf.errors import StoppedError

    if tuned.findings.limited_by == "budget":
        raise StoppedError(
            f"{loaded.path} is left as it was: the budget ended before a limit was found",
            hint="give it more: --max-requests, --max-time or --budget",
        )
    concurrency = settings(tuned.findings)["concurrency"]
    values: dict[tuple[str, ...], float] = {("concurrency", "workers"): concurrency["workers"]}
    if "rate_limiting" in concurrency:
        rate_per_s = concurrency["rate_limiting"]["requests_per_second"]
        values[("concurrency", "rate_limiting", "requests_per_second")] = rate_per_s
    edit_file(loaded.path, values)
    _say(f"{loaded.path}: written")


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _print(document: dict[str, Any], screen: RenderableType, *, as_json: bool) -> None:
    if as_json:
        import orjson

        write(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    else:
        from rich.console import Console

        Console(markup=False, highlight=False, emoji=False).print(screen)
