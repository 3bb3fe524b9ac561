"""The reasons: endpoints, trouble, what limits, this machine, and what has happened."""

from __future__ import annotations

from collections.abc import Mapping

from evalperf.dashboard.draw import Glyphs, Line, bar, ends, fit, joined, sparkline
from evalperf.dashboard.numbers import clean, clock_time, count, duration, megabytes, percent
from evalperf.dashboard.pieces import BAD, GOOD, LIVELY, QUIET, WARM, words
from evalperf.dashboard.snapshot import EndpointNumbers, Happening, Snapshot

__all__ = ["endpoints", "events", "limits", "load_line", "machine", "trouble", "trouble_line"]

LABEL_STYLES = {"retry": WARM, "failed": BAD, "warning": BAD, "breaker": WARM}
MEMORY_HEADROOM = 1.6
"""The memory plot reaches this far above its highest value, so that a flat line looks flat and not full."""

COLUMNS = (("answered", 9), ("share", 7), ("in flight", 11), ("p95", 9), ("errors", 8), ("429", 7))


def endpoints(snapshot: Snapshot, width: int, rows: int, glyphs: Glyphs) -> list[Line]:
    """A line per endpoint under a heading, the busiest first; nothing where there is only one."""
    if len(snapshot.endpoints) < 2 or rows < 2:
        return []
    ranked = sorted(snapshot.endpoints, key=lambda endpoint: -endpoint.answered)
    shown = ranked if len(ranked) <= rows else ranked[: rows - 1]
    total = sum(endpoint.answered for endpoint in ranked)
    name_width = min(24, width - 57)
    bar_width = max(0, min(30, width - name_width - 57))
    header = fit([("endpoint", QUIET)], name_width + 2, glyphs.ellipsis)
    header += [("".join(f"{name:>{size}}" for name, size in COLUMNS[:2]), QUIET), (" " * (bar_width + 1), "")]
    header += [("".join(f"{name:>{size}}" for name, size in COLUMNS[2:]), QUIET)]
    lines = [header, *(_endpoint(endpoint, total, name_width, bar_width, glyphs) for endpoint in shown)]
    if len(shown) < len(ranked):
        lines.append([(f"  and {len(ranked) - len(shown)} more", QUIET)])
    return lines


def _endpoint(endpoint: EndpointNumbers, total: int, name_width: int, bar_width: int, glyphs: Glyphs) -> Line:
    down = endpoint.breaker != "closed"
    style = BAD if down or endpoint.error_share > 0.1 else WARM if endpoint.error_share > 0.01 else GOOD
    share = endpoint.answered / total if total else 0.0
    number, unit = duration(endpoint.p95_s)
    p95 = f"{number} {unit}" if unit else glyphs.none
    flight = glyphs.none if endpoint.in_flight is None else f"{count(endpoint.in_flight)}/{count(endpoint.limit or 0)}"
    errors = percent(endpoint.error_share)
    return [
        (f"{glyphs.running} ", style),
        *fit([(clean(endpoint.name), "")], name_width, glyphs.ellipsis),
        (f"{count(endpoint.answered):>9}{percent(share):>7} ", ""),
        *bar(share, bar_width, LIVELY, glyphs),
        (f"{words(endpoint.breaker) if down else flight:>11}", BAD if down else ""),
        (f"{p95:>9}", ""),
        (f"{errors:>8}", style if endpoint.error_share > 0.01 else ""),
        (f"{count(endpoint.rate_limited):>7}", ""),
    ]


def trouble(snapshot: Snapshot, width: int, rows: int, glyphs: Glyphs) -> list[Line]:
    """A line per kind of failure with its retries, then waits for limits."""
    kinds = sorted(
        {*snapshot.failures, *snapshot.retries},
        key=lambda kind: (snapshot.failures.get(kind, 0), snapshot.retries.get(kind, 0)),
        reverse=True,
    )
    if not kinds and not snapshot.waits:
        return [[("none so far", QUIET)]]
    lines = [_kind(snapshot, kind, width, glyphs) for kind in kinds]
    for reason, wait in snapshot.waits.items():
        number, unit = duration(wait.total_s / wait.count)
        waited: Line = [(f"{count(wait.count)} waited", ""), (f" mean {number} {unit}", QUIET)]
        lines.append(ends([(words(reason), "")], waited, width, glyphs.ellipsis))
    return lines if len(lines) <= rows else [*lines[: rows - 1], [(f"and {len(lines) - rows + 1} more", QUIET)]]


def _kind(snapshot: Snapshot, kind: str, width: int, glyphs: Glyphs) -> Line:
    failed, retried = snapshot.failures.get(kind, 0), snapshot.retries.get(kind, 0)
    right: Line = [(f"{count(failed)}", f"bold {BAD}" if failed else QUIET), (" failed", QUIET)]
    right += [(f"{count(retried):>6}", f"bold {WARM}" if retried else QUIET), (" retried", QUIET)]
    return ends([(words(kind), "")], right, width, glyphs.ellipsis)


def trouble_line(snapshot: Snapshot, glyphs: Glyphs) -> list[Line]:
    """The same on one line; nothing where there is none."""
    parts = [_kinds("failed", snapshot.failures, BAD), _kinds("retried", snapshot.retries, WARM)]
    waits = {reason: wait.count for reason, wait in snapshot.waits.items()}
    parts.append(_kinds("waited", waits, WARM))
    parts = [part for part in parts if part]
    return [joined(parts, glyphs.dot)] if parts else []


def limits(snapshot: Snapshot, width: int, rows: int, glyphs: Glyphs) -> list[Line]:
    """What has held the run back for which share of the time; what does so now is bold."""
    if not snapshot.limited_shares:
        return [[("not known yet", QUIET)]]
    lines: list[Line] = []
    for cause, share in list(snapshot.limited_shares.items())[:rows]:
        now = cause == snapshot.limited_by
        name = fit([(words(cause), "bold" if now else "")], 13, glyphs.ellipsis)
        lines.append([*name, *bar(share, max(0, width - 20), WARM if now else "grey50", glyphs)])
        lines[-1].append((f"{percent(share):>7}", "bold" if now else ""))
    return lines


def machine(snapshot: Snapshot, width: int, glyphs: Glyphs) -> list[Line]:
    """Four lines: CPU of one core, memory over time, workers, and what waits for the disk."""
    sample = snapshot.machine
    if sample is None:
        return [[("not sampled yet", QUIET)]]
    room = max(0, width - 9 - 13)
    busy = snapshot.in_flight / snapshot.workers if snapshot.workers else 0.0
    size, unit = megabytes(sample.rss_bytes)
    lag, lag_unit = duration(sample.loop_lag_s)
    cpu_style = BAD if sample.cpu_share > 0.9 else GOOD
    workers = f"{count(snapshot.in_flight)}/{count(snapshot.workers)}"
    return [
        [("cpu      ", QUIET), *bar(sample.cpu_share, room, cpu_style, glyphs), *_right(percent(sample.cpu_share))],
        [
            ("memory   ", QUIET),
            *sparkline(sample.rss_history, room, GOOD, glyphs, headroom=MEMORY_HEADROOM),
            *_right(f"{size} {unit}"),
        ],
        [("workers  ", QUIET), *bar(busy, room, GOOD, glyphs), *_right(workers)],
        joined(
            [
                [("loop lag ", QUIET), (lag, ""), (f" {lag_unit}", QUIET)],
                [("unwritten ", QUIET), (count(sample.queued_results), "")],
            ],
            glyphs.dot,
        ),
    ]


def load_line(snapshot: Snapshot, glyphs: Glyphs) -> list[Line]:
    """The same on one line, with what limits."""
    sample = snapshot.machine
    if sample is None:
        return []
    size, unit = megabytes(sample.rss_bytes)
    lag, lag_unit = duration(sample.loop_lag_s)
    parts: list[Line] = [
        [("limited by ", QUIET), (words(snapshot.limited_by or glyphs.none), "bold")],
        [("cpu ", QUIET), (percent(sample.cpu_share), "")],
        [("memory ", QUIET), (size, ""), (f" {unit}", QUIET)],
        [("workers ", QUIET), (f"{count(snapshot.in_flight)}/{count(snapshot.workers)}", "")],
        [("lag ", QUIET), (lag, ""), (f" {lag_unit}", QUIET)],
    ]
    return [joined(parts, glyphs.dot)]


def events(snapshot: Snapshot, rows: int, glyphs: Glyphs) -> list[Line]:
    """The latest `rows`, always that many lines, so that nothing below moves when one is added.

    Retries, counted elsewhere, get half of them at most: they must not crowd out what is said once.
    """
    lines: list[Line] = []
    retries_left = max(1, rows // 2)
    for happening in snapshot.happenings:
        if happening.label == "retry":
            retries_left -= 1
        if (happening.label != "retry" or retries_left >= 0) and len(lines) < rows:
            lines.append(_event(happening, glyphs))
    return lines + [[]] * (rows - len(lines))


def _event(happening: Happening, glyphs: Glyphs) -> Line:
    times = f"{glyphs.times}{count(happening.count)} " if happening.count > 1 else ""
    return [
        (f"{clock_time(happening.elapsed_s):>7} ", QUIET),
        (f"{clean(happening.label):<8}", LABEL_STYLES.get(happening.label, LIVELY)),
        (times, "bold"),
        (clean(happening.text), ""),
    ]


def _kinds(word: str, numbers: Mapping[str, int], style: str) -> Line:
    if not numbers:
        return []
    shown = ", ".join(f"{words(kind)} {count(number)}" for kind, number in numbers.items())
    return [(f"{word} ", style), (shown, "")]


def _right(text: str) -> Line:
    return [(f"{text:>13}", "")]
