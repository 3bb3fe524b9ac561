"""The one document of a run: what `run --json` and `report --format json` print and what every renderer shows.

The numbers come from the results (a summary in plain form) and, where results can't tell them, from the process that
made them (`RunFacts`). None means not known or not measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from evalperf.figures import CallingFigures
from evalperf.report.calling import calling_in, calling_sections
from evalperf.report.costs import cost_sections

__all__ = ["SCHEMA_VERSION", "Report", "RunFacts", "RunHeader", "RunRow", "RunStatus", "build_document", "facts_of"]

SCHEMA_VERSION = 1

RunStatus = Literal["complete", "interrupted", "failed"]


class RunHeader(Struct, frozen=True, kw_only=True):
    """Which run it is; known from the moment it starts."""

    id: str
    dir: str
    name: str
    config_digest: str | None = None
    model: str | None = None
    started_at: str | None = None
    """UTC, RFC 3339."""
    version: str | None = None
    """Of evalperf."""


class RunFacts(Struct, frozen=True, kw_only=True):
    """What the process that ran knows and results can't tell; None where nobody knows (a killed run)."""

    status: RunStatus = "interrupted"
    total: int | None = None
    """Cases times epochs that the run is to have in the end."""
    rejected: int | None = None
    """Bad lines that were skipped."""
    resumed: int | None = None
    """Results that earlier sessions had brought."""
    in_doubt: int | None = None
    """Calls that were on the wire when an earlier session died: perhaps paid for, answer unknown."""
    wall_s: float | None = None
    """Of the last session, as the two below."""
    cpu_s: float | None = None
    peak_rss_bytes: int | None = None
    limited_by: dict[str, float] | None = None
    """Shares of time, by what held the run back."""
    calling: CallingFigures | None = None
    """Of the last session too."""
    synthetic: tuple[str, ...] = ()
    """What in these numbers is simulated, in sentences."""


class RunRow(Struct, frozen=True, kw_only=True):
    """A run in a list of runs."""

    id: str
    name: str
    status: str
    started_at: str | None
    done: int | None
    failed: int | None
    score: str | None
    """Name of the first scorer."""
    mean: float | None
    ci95: tuple[float, float] | None


class Report(Struct, frozen=True, kw_only=True):
    """What renderers get; every number is in the document."""

    document: dict[str, Any]
    place: str | None = None
    """The run's directory as it is best typed from here; `run.dir` of the document where absent."""
    config_path: str | None = None
    """The configuration's file, to type the command that resumes the run; None where it is not known."""


def build_document(
    summary: Mapping[str, Any],
    header: RunHeader,
    facts: RunFacts,
    *,
    gates: Sequence[Mapping[str, Any]] = (),
    warnings: Sequence[str] = (),
    embeddings: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The document; `summary` and `gates` are in plain form (`msgspec.to_builtins` of stats' `Summary`, `GateResult`).

    `warnings` say what is missing or damaged; `embeddings` are the paid calls for them, added up.
    """
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "run": msgspec.to_builtins(header),
        "status": facts.status,
        "cases": _cases(summary, facts),
        "scores": summary["scores"],
        "clustering": summary["clustering"],
        "failed": {"share": summary["failed"] / summary["total"] if summary["total"] else None},
        "failures": summary["failures"],
        **_times(summary, facts),
        **cost_sections(summary, embeddings),
        **calling_sections(summary, facts.calling),
        **_process(facts),
        "gates": [dict(gate) for gate in gates],
        "synthetic": list(facts.synthetic),
        "warnings": [*warnings, *_clustering_warnings(summary["clustering"])],
        **{key: summary[key] for key in ("slowest", "failing", "wrong")},
    }
    if summary["by"] is not None:
        document["by"] = summary["by"]
    return document


def facts_of(document: Mapping[str, Any]) -> RunFacts:
    """The facts that a document was built with: `build_document` turned round, for the file that a run leaves behind.

    Keys that are absent are facts that are not known. msgspec.ValidationError where something else stands there.
    """
    counts = document.get("cases")
    known = {**(counts if isinstance(counts, Mapping) else {}), **document}
    names = RunFacts.__struct_fields__
    facts = msgspec.convert({name: known[name] for name in names if name in known}, RunFacts)
    return msgspec.structs.replace(facts, calling=calling_in(document))


def _times(summary: Mapping[str, Any], facts: RunFacts) -> dict[str, Any]:
    """How long it took, and what it took."""
    return {
        "latency_s": {**summary["latency_s"], "timeouts": summary["timeouts"]},
        "ttft_s": summary["ttft_s"],
        "queue_s": summary["queue_s"],
        "throughput": _throughput(summary, facts),
        **{key: summary[key] for key in ("usage", "cost_cases", "retries", "alternatives")},
    }


def _process(facts: RunFacts) -> dict[str, Any]:
    return {key: getattr(facts, key) for key in ("limited_by", "wall_s", "cpu_s", "peak_rss_bytes", "in_doubt")}


def _cases(summary: Mapping[str, Any], facts: RunFacts) -> dict[str, int | None]:
    return {
        "total": facts.total,
        "done": summary["total"],
        "ok": summary["ok"],
        "failed": summary["failed"],
        "rejected": facts.rejected,
        "cached": summary["cached"],
        "resumed": facts.resumed,
    }


def _clustering_warnings(clustering: Mapping[str, Any] | None) -> Iterator[str]:
    if clustering is not None and clustering["problem"] is not None:
        yield f"statistics.cluster_by: {clustering['problem']}; intervals take the cases as independent"


def _throughput(summary: Mapping[str, Any], facts: RunFacts) -> dict[str, float | None]:
    """Rates of the last session; tokens are not told apart by session, so after a resume their rate is not known."""
    if not facts.wall_s:
        return {"cases_per_s": None, "tokens_per_s": None}
    usage = summary["usage"]
    tokens_per_s = None if usage is None or facts.resumed else usage["output_tokens"] / facts.wall_s
    return {
        "cases_per_s": (summary["total"] - (facts.resumed or 0)) / facts.wall_s,
        "tokens_per_s": tokens_per_s,
    }
