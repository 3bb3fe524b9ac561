"""What a document says, one fact a line, without any form: for the renderers that write for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalperf.report.callinglines import calling_lines, judging_text, session_note
from evalperf.report.document import Report
from evalperf.report.text import bytes_text, counted, number, percent, safe, seconds, share_of, time_texts

__all__ = [
    "broken_gates",
    "commands",
    "fact_lines",
    "failed_text",
    "heading",
    "loud_lines",
    "status_text",
]

Document = Mapping[str, Any]


def heading(document: Document) -> str:
    """Name, model, run id."""
    run = document["run"]
    return " · ".join(safe(part) for part in (run["name"], run["model"], run["id"]) if part)


def status_text(document: Document) -> str:
    """How many cases in what time, and how it ended."""
    cases, parts = document["cases"], []
    parts.append(counted(cases["done"], "case"))
    if document["wall_s"] is not None:
        parts[0] += f" in {seconds(document['wall_s'])}"
    if cases["resumed"]:
        parts.append(f"{cases['resumed']:,} from earlier sessions")
    if cases["cached"]:
        parts.append(f"{cases['cached']:,} cached")
    parts.append(document["status"])
    if document["run"]["version"]:
        parts.append(f"evalperf {document['run']['version']}")
    return " · ".join(parts)


def loud_lines(document: Document) -> list[str]:
    """What a reader must know before believing the numbers."""
    cases, lines = document["cases"], []
    if document["status"] != "complete":
        total = cases["total"]
        of = f" of {total:,}" if total is not None else ""
        lines.append(f"unfinished ({document['status']}): {cases['done']:,}{of} cases are done")
    if cases["done"] == 0:
        lines.append("no results: nothing was measured")
    lines.extend(document["warnings"])
    return [safe(line) for line in lines]


def failed_text(document: Document) -> str:
    """The failure share, with the kinds."""
    cases, failures = document["cases"], document["failures"]
    text = share_of(cases["failed"], cases["done"])
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in failures.items())
    return f"{text}: {kinds}" if kinds else text


def fact_lines(document: Document) -> list[tuple[str, str]]:
    """Label and text for speed, times, tokens and trouble; a line without anything measured is left out."""
    lines = [
        ("speed", _speed(document)),
        ("latency", _times(document["latency_s"])),
        ("first token", _times(document["ttft_s"])),
        ("queue", _times(document["queue_s"])),
        *calling_lines(document),
        ("limited by", _limits(document)),
        ("tokens", _tokens(document)),
        ("judging", judging_text(document)),
        ("retries", _retries(document)),
        ("input", _input(document)),
        ("process", _process(document)),
    ]
    return [(label, text) for label, text in lines if text]


def commands(report: Report) -> list[tuple[str, str]]:
    """What to look at and what to type next; paths as they are, since they are to be copied."""
    run = report.document["run"]
    place = report.place or run["dir"]
    lines = [("results", safe(place)), ("report", f"evalperf report {_quoted(place)}")]
    config = "CONFIG" if report.config_path is None else _quoted(report.config_path)
    resume = f"evalperf run {config} --resume {_quoted(place)}"
    if report.document["status"] != "complete":
        lines.append(("resume", resume))
    elif report.document["cases"]["failed"]:
        lines.append(("try again", f"{resume} --retry-failed"))
    return lines


def broken_gates(document: Document) -> str | None:
    """The last line, where a gate is not held."""
    broken = sum(not gate["held"] for gate in document["gates"])
    if not broken:
        return None
    return (
        f"{broken} of {len(document['gates'])} gates not held" if len(document["gates"]) > 1 else "the gate is not held"
    )


def _speed(document: Document) -> str | None:
    rates = document["throughput"]
    if rates["cases_per_s"] is None:
        return None
    text = f"{number(rates['cases_per_s'])} cases/s"
    if rates["tokens_per_s"] is not None:
        text += f" · {number(rates['tokens_per_s'])} output tokens/s"
    return text


def _times(times: Mapping[str, Any]) -> str | None:
    if not times["n"]:
        return None
    text = "  ".join(f"{name} {value}" for name, value in time_texts(times))
    timeouts = times.get("timeouts", 0)
    return text + (f"  ({timeouts:,} timed out)" if timeouts else "")


def _limits(document: Document) -> str | None:
    shares = document["limited_by"]
    if not shares:
        return None
    ordered = sorted(shares.items(), key=lambda item: (-item[1], item[0]))
    text = " · ".join(f"{safe(name)} {percent(share)}" for name, share in ordered if share >= 0.005)
    return text + session_note(document) if text else None


def _tokens(document: Document) -> str | None:
    usage, cost, parts = document["usage"], document["cost_usd"], []
    answered = document["cases"]["done"] - document["cases"]["cached"]
    if usage is not None:
        parts.append(f"{usage['input_tokens']:,} in · {usage['output_tokens']:,} out")
        if usage["cases"] < answered:
            parts.append(f"counted for {usage['cases']:,} of {answered:,} cases")
    if cost is not None:
        known = "" if document["cost_cases"] >= answered else f" (known for {counted(document['cost_cases'], 'case')})"
        parts.append(f"${cost:,.4f}{known}{_cost_parts(document['costs'])}")
    return " · ".join(parts) or None


def _cost_parts(costs: Mapping[str, float | None]) -> str:
    """What the sum is made of, where that is more than the answers."""
    paid = {name.removesuffix("_usd"): cost for name, cost in costs.items() if cost}
    if paid.keys() <= {"answers"}:
        return ""
    return ": " + ", ".join(f"{name} ${cost:,.4f}" for name, cost in paid.items())


def _retries(document: Document) -> str | None:
    retries, parts = document["retries"], []
    if retries["cases"]:
        parts.append(f"{counted(retries['cases'], 'case')} tried again, {retries['recovered']:,} of them recovered")
    if document["in_doubt"]:
        parts.append(f"{counted(document['in_doubt'], 'call')} in doubt: on the wire when a session died")
    return " · ".join(parts) or None


def _input(document: Document) -> str | None:
    rejected = document["cases"]["rejected"]
    return f"{counted(rejected, 'bad line')} skipped (rejected.jsonl)" if rejected else None


def _process(document: Document) -> str | None:
    parts = []
    if document["cpu_s"] is not None:
        parts.append(f"CPU {seconds(document['cpu_s'])}")
    if document["peak_rss_bytes"] is not None:
        parts.append(f"memory at most {bytes_text(document['peak_rss_bytes'])}")
    return " · ".join(parts) or None


def _quoted(path: str) -> str:
    """The path as a shell takes it; control characters in it are shown, not sent."""
    text = safe(path)
    plain = all(character.isalnum() or character in "/._-+:=@%," for character in text)
    return text if plain and text else "'" + text.replace("'", "'\\''") + "'"
