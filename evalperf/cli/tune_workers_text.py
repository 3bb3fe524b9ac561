"""What `tune-workers` prints: screens for people, documents for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evalperf.cli.tune_workers_curve import curve
from evalperf.tuning import advice

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from evalperf.tune import Tuned
    from evalperf.tune_plan import TunePlan
    from evalperf.tuning import Bound, Findings, Level, Machine, PaceTrial, Workers

__all__ = [
    "asked_for",
    "machine_document",
    "machine_screen",
    "measured_line",
    "settings",
    "tuned_document",
    "tuned_screen",
]

SCHEMA_VERSION = 1
_BUSY = 0.2
"""Of the time some process waited for a CPU: what is measured now is too low."""


def settings(found: Findings) -> dict[str, Any]:
    """What to set in the configuration."""
    concurrency: dict[str, Any] = {"workers": found.workers}
    if found.requests_per_s is not None:
        concurrency["rate_limiting"] = {"requests_per_second": float(f"{found.requests_per_s:.4g}")}
    return {"concurrency": concurrency}


def asked_for(plan: TunePlan) -> str:
    """What the measuring may take, in a sentence."""
    requests = f"This asks up to {plan.max_requests:,} real cases (usually less than half)"
    if plan.is_free:
        return f"{requests}, at no cost."
    if plan.max_cost_usd is not None:
        return f"{requests}, for at most {_usd(plan.max_cost_usd)} and what is under way then."
    if plan.expected_usd is None:
        return f"{requests}. What they cost is not known: {plan.why_unknown}."
    source = "" if plan.price is None else f" ({plan.price.source})"
    return f"{requests}, for up to {_usd(plan.expected_usd)}{source}."


def measured_line(one: Level | PaceTrial) -> str:
    """A level or a pace, as soon as it has been measured."""
    from evalperf.tuning import Level

    if isinstance(one, Level):
        p95 = "" if one.latency_p95_s is None else f", p95 {one.latency_p95_s:.2f} s"
        refused = "" if not one.refused else f", {one.share_429:.1%} refused"
        failed = "" if not one.failed else f", {one.error_share:.1%} failed"
        brought = f"{one.cases_per_s:.1f} cases/s" if one.answered else "given up"
        return f"{one.workers:>5} workers: {brought}{p95}{refused}{failed}"
    return f"{one.rate_per_s:>7.1f} requests/s: {'granted' if one.granted else 'refused'}"


# documents -----------------------------------------------------------------------------------------------------------


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


def tuned_document(tuned: Tuned) -> dict[str, Any]:
    """What `--json` prints besides, after an endpoint was measured."""
    found = tuned.findings
    return {
        "probe": {
            "workers": found.workers,
            "requests_per_s": found.requests_per_s,
            "limited_by": found.limited_by,
            "why": advice(found),
            "levels": [_level(level) for level in found.levels],
            "paces": [{name: getattr(pace, name) for name in pace.__struct_fields__} for pace in found.paces],
            "probes": found.probes,
            "requests": tuned.requests,
            "cost_usd": tuned.cost_usd,
            "answers_kept": tuned.kept,
            "scalability_law": _law(tuned),
        },
        "config": settings(found),
    }


def _choice(number: int, bounds: tuple[Bound, ...], binding: Bound) -> dict[str, Any]:
    return {
        "workers": number,
        "limited_by": binding.name,
        "bounds": [{"name": bound.name, "workers": bound.workers, "why": bound.why} for bound in bounds],
    }


def _level(level: Level) -> dict[str, Any]:
    return {
        "workers": level.workers,
        "cases_per_s": level.cases_per_s if level.answered else None,
        "half_width_per_s": level.half_width_per_s,
        "latency_p50_s": level.latency_p50_s,
        "latency_p95_s": level.latency_p95_s,
        "share_429": level.share_429,
        "error_share": level.error_share,
        "cpu_share": level.cpu_share,
        "attempts": level.attempts,
        "seconds": level.seconds,
    }


def _law(tuned: Tuned) -> dict[str, Any] | None:
    law = tuned.law
    if law is None:
        return None
    return {
        "per_worker_s": law.per_worker_s,
        "contention": law.contention,
        "coherency": law.coherency,
        "best_workers": law.best_workers,
    }


# screens -------------------------------------------------------------------------------------------------------------


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


def tuned_screen(machine: Machine, tuned: Tuned, *, blocks: bool = True) -> RenderableType:
    """What is printed after a measuring."""
    import json

    from rich.console import Group

    found = tuned.findings
    pasted = json.dumps(settings(found))[1:-1]
    return Group(
        *_machine_lines(machine),
        "",
        *curve(found.levels, found.workers, blocks=blocks),
        "",
        _levels_table(found),
        *_law_lines(tuned),
        "",
        advice(found),
        _taken(tuned),
        f"To paste in a configuration:   {pasted}",
    )


def _taken(tuned: Tuned) -> str:
    cost = "at a cost that is not known" if tuned.cost_usd is None else f"for {_usd(tuned.cost_usd)}"
    cost = "at no cost" if tuned.cost_usd == 0 else cost
    kept = "; the answers are in the cache, a run begins with them" if tuned.kept else ""
    again = "; cases were asked more than once" if tuned.repeated else ""
    return f"It took {tuned.requests:,} requests {cost}{kept}{again}."


def _law_lines(tuned: Tuned) -> list[str]:
    law = tuned.law
    if law is None:
        return []
    peak = "no peak" if law.best_workers is None else f"a peak at {law.best_workers:,.0f} workers"
    figures = f"contention {law.contention:.2%}, coherency {law.coherency:.2g}, {peak}"
    return [f"Universal Scalability Law, fitted and not used: {figures}"]


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


def _levels_table(found: Findings) -> Table:
    from rich.table import Table

    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("", "workers", "cases/s", "±", "p50 ms", "p95 ms", "429", "errors", "cpu"):
        table.add_column(heading, justify="left" if heading == "" else "right")
    for level in found.levels:
        chosen = level is found.answer
        table.add_row(
            "▸" if chosen else "",
            str(level.workers),
            f"{level.cases_per_s:.1f}" if level.answered else "—",
            "—" if level.half_width_per_s is None else f"{level.half_width_per_s:.1f}",
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


def _usd(dollars: float) -> str:
    return f"${dollars:.2f}" if dollars >= 0.01 or dollars == 0 else f"${dollars:.2g}"


def _workers(number: int) -> str:
    return "1 worker" if number == 1 else f"{number} workers"
