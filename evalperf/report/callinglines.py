"""What a document says about its calls, in sentences: for the renderers that write for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalperf.report.text import bytes_text, counted, number, percent, safe, seconds, share_of, time_texts

__all__ = ["calling_lines", "judging_text", "session_note", "spent_text"]

Document = Mapping[str, Any]


def calling_lines(document: Document) -> list[tuple[str, str | None]]:
    """Label and text for endpoints, cache, connections and batches; None where there is nothing to say."""
    of_session = session_note(document)
    return [
        *_endpoints(document["endpoints"], of_session),
        *_caches(document["cache"], of_session),
        ("connections", _connections(document, of_session)),
        *_batches(document["batches"] or (), of_session),
        ("hedging", f"{counted(document['hedged'], 'call')} copied{of_session}" if document["hedged"] else None),
    ]


def session_note(document: Document) -> str:
    """What to say behind figures of the last session, where there were others before it."""
    return " (last session)" if document["cases"]["resumed"] else ""


def judging_text(document: Document) -> str | None:
    """What several scorers have cost together, apart from answering, and how their endpoints fared."""
    judging = document["judging"]
    if judging is None:
        return None
    several = sum(row["spent"] is not None for row in document["scores"].values()) > 1
    parts = [spent_text(judging)] if several else []
    for endpoint in judging["endpoints"] or ():
        trouble = _trouble(endpoint)
        parts.extend([f"{safe(endpoint['name'])}: {', '.join(trouble)}{session_note(document)}"] if trouble else [])
    return " · ".join(parts) or None


def spent_text(spent: Mapping[str, Any]) -> str:
    """Calls, their time, tokens and cost."""
    parts = [counted(spent["calls"], "call")]
    if spent["cached"]:
        parts[0] += f" and took {spent['cached']:,} from a cache"
    if spent["latency_mean_s"] is not None:
        parts.append(f"{seconds(spent['latency_mean_s'])} each")
    if spent["input_tokens"] is not None:
        tokens = f"{spent['input_tokens']:,} in · {spent['output_tokens']:,} out"
        parts.append(tokens + _unknown(spent["tokens_unknown_calls"]))
    if spent["cost_usd"] is not None:
        parts.append(f"${spent['cost_usd']:,.4f}" + _unknown(spent["cost_unknown_calls"]))
    elif spent["calls"]:
        parts.append(f"cost unknown for {counted(spent['cost_unknown_calls'], 'call')}")
    return " · ".join(parts)


def _unknown(calls: int) -> str:
    return f" (unknown for {counted(calls, 'call')})" if calls else ""


def _endpoints(endpoints: Mapping[str, Any], of_session: str) -> Iterator[tuple[str, str]]:
    """One line each where there are several; of a single one only its trouble."""
    label = "endpoints"
    for name, endpoint in endpoints.items():
        parts = _share(endpoint) if len(endpoints) > 1 and endpoint["cases"] else []
        trouble = _trouble(endpoint["session"]) if endpoint["session"] is not None else []
        parts += [*trouble[:-1], trouble[-1] + of_session] if trouble else []
        if parts:
            yield label, f"{safe(name)}: {' · '.join(parts)}"
            label = ""


def _share(endpoint: Mapping[str, Any]) -> list[str]:
    """What results tell."""
    parts = [counted(endpoint["cases"], "case"), f"{endpoint['failed']:,} failed"]
    times = endpoint["latency_s"]
    if times["n"]:
        texts = dict(time_texts({**times, "timeouts": endpoint["timeouts"]}))
        parts.append(f"p50 {texts['p50']}  p95 {texts['p95']}")
    parts.append(counted(endpoint["attempts"], "attempt"))
    return parts


def _trouble(session: Mapping[str, Any]) -> list[str]:
    """What the session has measured and was not as it should be."""
    errors = sum(session["errors"].values())
    if not errors and not session["throttled_calls"]:
        return []
    parts = []
    if errors:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in session["errors"].items())
        parts.append(f"{share_of(errors, session['calls'])} calls in error: {kinds}")
    if session["throttled_calls"]:
        waited = seconds(session["throttled_s"] / session["throttled_calls"])
        parts.append(f"{session['throttled_calls']:,} held back by limits, {waited} each")
    if session["breaker_openings"]:
        parts.append(f"breaker opened {counted(session['breaker_openings'], 'time')}")
    return [*parts, f"{session['in_flight_limit']:,} in flight allowed at the end"]


def _caches(cache: Mapping[str, Any] | None, of_session: str) -> Iterator[tuple[str, str]]:
    """A line for the answers, and one for each cache on what it has done."""
    if cache is None:
        return
    label = "cache"
    if cache["hits"]:
        tiers = ", ".join(f"{count:,} {tier}" for tier, count in cache["hits_by_tier"].items())
        yield label, f"{share_of(cache['hits'], cache['hits'] + cache['misses'])} cases answered from it: {tiers}"
        label = ""
    for statistics in cache["session"] or ():
        lookups = sum(statistics["hits"].values()) + statistics["coalesced"] + statistics["misses"]
        if lookups:
            yield label, f"{safe(statistics['name'])}: {' · '.join(_cache_parts(statistics, lookups))}{of_session}"
            label = ""


def _cache_parts(statistics: Mapping[str, Any], lookups: int) -> Iterator[str]:
    yield f"{counted(lookups, 'lookup')}, {percent(statistics['hit_rate'])} found"
    if statistics["cost_saved_usd"] is not None:
        yield f"${statistics['cost_saved_usd']:,.4f} saved"
    slowest = {tier: times["p99_s"] for tier, times in statistics["lookup_s"].items() if times["p99_s"] is not None}
    if slowest:
        yield "p99 " + ", ".join(f"{seconds(p99_s)} ({tier})" for tier, p99_s in slowest.items())
    yield f"{bytes_text(statistics['memory_bytes'])} in memory"
    gone = {f"evicted for {reason}": count for reason, count in statistics["evicted"].items()}
    gone |= {key.replace("_", " "): statistics[key] for key in ("expired", "damaged", "dropped_writes")}
    gone |= {"not asked of Redis": statistics["redis_skipped"]}
    yield from (f"{count:,} {what}" for what, count in gone.items() if count)


def _connections(document: Document, of_session: str) -> str | None:
    """Nothing where endpoints were only tried: each of these took a connection of its own."""
    connections = document["connections"]
    sessions = (endpoint["session"] for endpoint in document["endpoints"].values())
    if connections is None or not any(session is not None and session["calls"] for session in sessions):
        return None
    return f"{connections['opened']:,} opened for {counted(connections['calls'], 'call')}{of_session}"


def _batches(receivers: Sequence[Mapping[str, Any]], of_session: str) -> Iterator[tuple[str, str]]:
    label = "batches"
    for receiver in receivers:
        if not receiver["batches"]:
            continue
        history, times = receiver["history"], dict(time_texts(receiver["latency_s"]))
        parts = [f"{receiver['batches']:,} of {number(receiver['items'] / receiver['batches'])} on average"]
        if len(history) > 1:
            parts.append(f"from {number(history[0]['size'])} to {number(history[-1]['size'])}")
        if receiver["latency_s"]["n"]:
            parts.append(f"p50 {times['p50']}  p95 {times['p95']}")
        if receiver["failed"]:
            parts.append(f"{receiver['failed']:,} failed")
        yield label, f"{safe(receiver['name'])}: {' · '.join(parts)}{of_session}"
        label = ""
