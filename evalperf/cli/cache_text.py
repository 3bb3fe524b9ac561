"""How `evalperf cache` words what it found."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from evalperf.clock import unix_s

if TYPE_CHECKING:
    from evalperf.cache.sqlite_rows import DiskFacts
    from evalperf.cache.stored import StoredFacts

__all__ = ["age", "explanation", "stored_text"]

_UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def stored_text(facts: StoredFacts) -> str:
    """A cache in a few lines."""
    lines = [f"{facts.name}  {facts.path}"]
    lines += ["  no file yet"] if facts.disk is None else _disk_lines(facts.disk)
    if facts.redis is not None:
        lines.append(f"  Redis at {facts.redis}: {facts.redis_entries:,} entries")
    return "\n".join(lines)


def age(then_s: float) -> str:
    """How long ago, in the largest unit that fits."""
    passed_s = max(0.0, unix_s() - then_s)
    name, size_s = next(((name, size_s) for name, size_s in _UNITS if passed_s >= size_s), ("s", 1))
    return f"{passed_s / size_s:.0f} {name} ago"


def explanation(document: dict[str, Any]) -> str:
    """A key with its parts, one a line, and what differs from another."""
    where = ", ".join(document["found_in"]) or "nowhere"
    key = document["key"] or "none: answers are sampled, and cache.responses.sampled is bypass"
    lines = [f"case   {document['case_id']}", f"key    {key} ({document['key_hash']})", f"found  {where}", "", "parts"]
    lines += [f"  {name}: {_json(part)}" for name, part in document["parts"].items()]
    if "against" in document:
        lines += ["", *_differences(document["against"]["key"], document["against"]["differences"])]
    return "\n".join(lines)


def _disk_lines(disk: DiskFacts) -> list[str]:
    lines = [f"  {disk.entries:,} entries ({disk.expired:,} expired), {disk.size_bytes / 1e6:,.1f} MB"]
    if disk.oldest_s is not None and disk.newest_s is not None:
        lines[0] += f", made {age(disk.oldest_s)} to {age(disk.newest_s)}"
    for model in disk.models:
        cost = "cost not known" if model.cost_usd is None else f"${model.cost_usd:,.4f}"
        lines.append(f"    {model.model or '(model not known)'}: {model.entries:,} entries, {cost}")
    return [*lines, *_sums(disk.counters)]


def _sums(counters: dict[str, float]) -> list[str]:
    hits = sum(count for name, count in counters.items() if name.startswith("hits_")) + counters.get("coalesced", 0)
    lookups = hits + counters.get("misses", 0)
    if not lookups:
        return []
    saved = f", ${counters['cost_saved_usd']:,.4f} of known cost saved" if counters.get("priced_hits") else ""
    return [f"  over all runs: {hits / lookups:.1%} of {lookups:,.0f} lookups found; {hits:,.0f} calls saved{saved}"]


def _differences(key: str | None, differences: list[dict[str, Any]]) -> list[str]:
    if not differences:
        return ["the other configuration has the same key"]
    lines = [f"the other key is {key or 'none'}; it differs in"]
    return [
        *lines,
        *(f"  {one['part']}: {_json(one['here'])} here, {_json(one['there'])} there" for one in differences),
    ]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
