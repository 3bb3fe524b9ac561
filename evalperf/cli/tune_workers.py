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
    from rich.table import Table

    from evalperf.config.load import LoadedConfig
    from evalperf.tuning import Bound, Level, Machine, Measure, Recommendation, Workers

__all__ = ["machine_document", "machine_screen", "probe_document", "probe_screen", "run_probe", "tune_workers"]

SCHEMA_VERSION = 1
_BUSY = 0.2  # of the time some process waited for a CPU: what is measured now is too low

Config = Annotated[
    Path | None,
    typer.Argument(
        metavar="[CONFIG]",
        help="Probe the endpoint of this configuration with its cases.",
        autocompletion=complete_config,
    ),
]
MaxWorkers = Annotated[int | None, typer.Option(metavar="N", min=1, help="Recommend and try no more than that.")]
MaxLatency = Annotated[
    float | None, typer.Option(metavar="S", min=0, help="Stay below this 95th percentile of latency (needs CONFIG).")
]
Yes = Annotated[bool, typer.Option("--yes", help="Probe without asking first.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def tune_workers(
    ctx: typer.Context,
    config: Config = None,
    *,
    max_workers: MaxWorkers = None,
    max_latency: MaxLatency = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Recommends a number of workers, and says what bounds it.

    Without a configuration it looks at this machine only: CPUs, quota, memory, file descriptors. With one it asks the
    endpoint real cases at a few levels and takes the smallest with 97 % of the best throughput.

    Examples:
      evalperf tune-workers
      evalperf tune-workers configs/quickstart.json --yes
    """
    from evalperf.errors import ConfigError
    from evalperf.tuning import read_machine, recommend

    machine = read_machine()
    if config is None and max_latency is not None:
        raise ConfigError("--max-latency bounds what is measured", hint="name a configuration to measure with")
    if config is None:
        workers = recommend(machine, max_workers=512 if max_workers is None else max_workers)
        _print(json, machine_document(machine, workers), machine_screen(machine, workers))
        return
    loaded = load(session_of(ctx), config)
    most = loaded.config.concurrency.max_workers if max_workers is None else max_workers
    workers = recommend(machine, max_workers=most)
    most = min(bound.workers for bound in workers.endpoint_bounds if bound.name != "cpu")
    if not yes and sys.stdin.isatty():
        typer.confirm(f"This asks up to {_most_requests(most):,} real cases. Go on?", abort=True, err=True)
    found = run_probe(loaded, max_workers=most, max_latency_s=max_latency)
    document = machine_document(machine, workers) | probe_document(found)
    _print(json, document, probe_screen(machine, found))


def run_probe(loaded: LoadedConfig, *, max_workers: int, max_latency_s: float | None) -> Recommendation:
    """Probes on an event loop of its own, and tells each level on stderr."""
    import asyncio

    from evalperf.clock import new_event_loop
    from evalperf.tune import open_measure
    from evalperf.tuning import probe

    async def measured() -> Recommendation:
        async with open_measure(loaded, max_workers=max_workers) as measure:
            return await probe(_told(measure), max_workers=max_workers, max_latency_s=max_latency_s)

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(measured())


def _told(measure: Measure) -> Measure:
    async def measure_and_tell(workers: int) -> Level:
        level = await measure(workers)
        typer.echo(f"{workers:>5} workers: {level.cases_per_s:.1f} cases/s", err=True)
        return level

    return measure_and_tell


def _most_requests(max_workers: int) -> int:
    """Were every level from 1 by two measured: a generation to settle and four to measure."""
    levels = [1 << power for power in range(max_workers.bit_length())]
    return sum(max(24, 4 * workers) + workers for workers in [*levels, max_workers])


def machine_document(machine: Machine, workers: Workers) -> dict[str, Any]:
    """What `--json` prints without a configuration."""
    return {
        "schema_version": SCHEMA_VERSION,
        "machine": {
            **{name: getattr(machine, name) for name in machine.__struct_fields__},
            "usable_cpus": machine.usable_cpus,
            "usable_cores": machine.usable_cores,
            "usable_memory_bytes": machine.usable_memory_bytes,
            "free_memory_bytes": machine.free_memory_bytes,
        },
        "in_process": _choice(workers.in_process, workers.in_process_bounds, workers.in_process_binding),
        "endpoint": _choice(workers.endpoint, workers.endpoint_bounds, workers.endpoint_binding),
        "config": {"concurrency": {"workers": workers.endpoint}},
    }


def probe_document(found: Recommendation) -> dict[str, Any]:
    """What `--json` prints besides, after a probe."""
    return {
        "probe": {
            "workers": found.workers,
            "limited_by": found.limited_by,
            "why": found.why,
            "levels": [{name: getattr(level, name) for name in level.__struct_fields__} for level in found.levels],
        },
        "config": {"concurrency": {"workers": found.workers}},
    }


def machine_screen(machine: Machine, workers: Workers) -> RenderableType:
    """What is printed without a configuration."""
    from rich.console import Group

    return Group(
        *_machine_lines(machine),
        "",
        *_choice_lines("In-process work (a function of yours)", workers.in_process, workers.in_process_binding),
        _bounds_table(workers.in_process_bounds, workers.in_process_binding),
        "",
        *_choice_lines("Endpoint work (waiting for a server)", workers.endpoint, workers.endpoint_binding),
        _bounds_table(workers.endpoint_bounds, workers.endpoint_binding),
        "",
        "To measure an endpoint:        evalperf tune-workers CONFIG",
        f'To paste in a configuration:   "concurrency": {{"workers": {workers.endpoint}}}',
    )


def probe_screen(machine: Machine, found: Recommendation) -> RenderableType:
    """What is printed after a probe."""
    from rich.console import Group

    return Group(
        *_machine_lines(machine),
        "",
        _levels_table(found),
        "",
        f"Use {_workers(found.workers)}. {found.why}",
        f'To paste in a configuration:   "concurrency": {{"workers": {found.workers}}}',
    )


def _print(json: bool, document: dict[str, Any], screen: RenderableType) -> None:
    if json:
        import orjson

        write(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    else:
        from rich.console import Console

        Console(markup=False, highlight=False, emoji=False).print(screen)


def _choice(number: int, bounds: tuple[Bound, ...], binding: Bound) -> dict[str, Any]:
    return {
        "workers": number,
        "limited_by": binding.name,
        "bounds": [{"name": bound.name, "workers": bound.workers, "why": bound.why} for bound in bounds],
    }


def _machine_lines(machine: Machine) -> list[str]:
    usable, free = machine.usable_memory_bytes / (1 << 30), machine.free_memory_bytes / (1 << 30)
    quota = "no quota" if machine.cgroup_cpus is None else f"quota {machine.cgroup_cpus:g}"
    limit = "no cgroup limit" if machine.cgroup_memory_bytes is None else "the cgroup's limit"
    files = "any number of" if machine.nofile_soft is None else f"{machine.nofile_soft:,}"
    cores = f"{machine.usable_cores} physical cores usable"
    lines = [
        f"CPUs     {machine.cpus}, {machine.affinity_cpus} allowed, {quota}, {cores}",
        f"memory   {usable:.1f} GiB ({limit}), {free:.1f} GiB free",
        f"files    {files} open at once",
    ]
    if machine.cpu_pressure is not None and machine.cpu_pressure >= _BUSY:
        share = f"{machine.cpu_pressure:.0%} of the time something waits for a CPU"
        lines.append(f"warning  the machine is busy: {share}; measure again when it is quiet")
    return lines


def _choice_lines(what: str, number: int, binding: Bound) -> list[str]:
    lines = [f"{what}: {_workers(number)}, limited by {binding.name}"]
    if binding.name == "min_workers":
        lines.append(f"  {binding.why}")
    return lines


def _bounds_table(bounds: tuple[Bound, ...], binding: Bound) -> Table:
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for justify in ("left", "left", "right", "left"):
        table.add_column(justify=justify)
    for bound in sorted(bounds, key=lambda bound: bound.workers):
        mark = "▸" if bound is binding else ""
        table.add_row(mark, bound.name, f"{bound.workers:,}", bound.why, style="bold" if mark else "")
    return table


def _levels_table(found: Recommendation) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("", "workers", "cases/s", "", "p50 ms", "p95 ms", "429", "errors", "cpu"):
        table.add_column(heading, justify="left" if heading == "" else "right")
    best = max(level.cases_per_s for level in found.levels)
    for level in sorted(found.levels, key=lambda level: level.workers):
        chosen = level.workers == found.workers
        table.add_row(
            "▸" if chosen else "",
            str(level.workers),
            f"{level.cases_per_s:.1f}",
            "█" * round(14 * level.cases_per_s / best),
            _ms(level.latency_p50_s),
            _ms(level.latency_p95_s),
            f"{level.share_429:.1%}",
            f"{level.error_share:.1%}",
            f"{level.cpu_share:.0%}",
            style="bold" if chosen else "",
        )
    return table


def _ms(seconds: float | None) -> str:
    return "—" if seconds is None else f"{seconds * 1000:,.0f}"


def _workers(number: int) -> str:
    return "1 worker" if number == 1 else f"{number} workers"
