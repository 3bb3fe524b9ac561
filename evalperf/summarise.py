"""A run's report from its files. `run` and `report` both come here, so their numbers are equal by construction."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import orjson

from evalperf.costs import embeddings_of
from evalperf.errors import DamageError, EvalperfError, OutputError
from evalperf.folded import Folded, open_kept_summaries
from evalperf.report import Report, RunFacts, RunHeader, RunRow, RunStatus, build_document, facts_of, render_json
from evalperf.results import RunDirectory, RunInfo, read_results, read_run_info
from evalperf.results.disk import BLOCK_BYTES, LocalDisk, read_file, write_file
from evalperf.stats import DEFAULT_PASS_AT, Summariser, Summary, evaluate_gates

if TYPE_CHECKING:  # the models are slow to import, and a report without gates does not need them
    from evalperf.config.model import Gate

__all__ = ["run_row", "save_summary", "summarise_run"]

_SHOWN_FAULTS = 20

MOST_SUMMARY_BYTES = 4 << 20
"""Of summary.json. Some kilobytes are usual; JSON may take 25 times as much in memory as in the file."""

_SIMULATED = (
    "The endpoint is the bundled simulator: its answers are computed by real solvers and really scored;"
    " its latencies, failures and limits are drawn at random, and its token counts are its own."
)


def summarise_run(
    directory: RunDirectory,
    *,
    facts: RunFacts | None = None,
    gates: Sequence[Gate] | None = None,
    by: str | None = None,
    config_path: str | None = None,
    cache_dir: Callable[[], Path] | None = None,
) -> Report:
    """The report on all results in the directory.

    `facts` are what the process knows that just ran; without them they are taken from the summary that it left behind,
    and what it did not leave is "not measured". `gates` default to those of the run's configuration. Damaged results
    are left out of the numbers and named in the document's warnings. Reads every result once: about 5 s per million,
    unless the folder `cache_dir` holds what an earlier report on the same files has found.
    """
    info = read_run_info(directory)
    folded = _folded(directory, info, by, cache_dir)
    summary, faults = folded.summary, list(folded.faults)
    if facts is None:
        facts = _facts_left_behind(directory, summary, faults)
    if not facts.synthetic and info.config.get("provider", {}).get("type") == "simulator":
        facts = msgspec.structs.replace(facts, synthetic=(_SIMULATED,))
    embeddings = embeddings_of(directory, on_damage=faults.append)
    document = build_document(
        msgspec.to_builtins(summary),
        _header(directory, info),
        facts,
        warnings=_shortened(faults),
        embeddings=embeddings,
    )
    held = evaluate_gates(document, _gates(info) if gates is None else gates)
    document["gates"] = msgspec.to_builtins(held)
    return Report(document=document, place=_place(directory.path), config_path=config_path)


def save_summary(directory: RunDirectory, report: Report) -> None:
    """Leaves the document in the run's directory, whole or not at all; raises OutputError."""
    try:
        write_file(LocalDisk(), directory.summary, render_json(report))
    except OSError as error:
        raise OutputError(directory.summary, error.strerror or str(error)) from error


def run_row(directory: RunDirectory) -> RunRow:
    """The run's line in a list of runs, from the summary that it left behind; its results are not read."""
    try:
        info: RunInfo | None = read_run_info(directory)
        document = _saved_document(directory) or {}
    except EvalperfError:
        info, document = None, {}
    counts, scores = document.get("cases", {}), document.get("scores", {})
    headline = next(iter(scores), None)
    score = scores[headline] if headline is not None else {}
    status = "damaged" if info is None else document.get("status") or _status(directory)
    return RunRow(
        id=directory.id,
        name=directory.id if info is None else info.name,
        status=status,
        started_at=None if info is None else info.created_at,
        done=counts.get("done"),
        failed=counts.get("failed"),
        score=headline,
        mean=score.get("mean"),
        ci95=score.get("ci95"),
    )


def _folded(directory: RunDirectory, info: RunInfo, by: str | None, cache_dir: Callable[[], Path] | None) -> Folded:
    if cache_dir is None:
        return _fold(directory, info, by)
    with open_kept_summaries(directory, info, cache_dir) as kept:
        if kept is None:
            return _fold(directory, info, by)
        return kept.get_or_fold(directory, by, lambda: _fold(directory, info, by))


def _fold(directory: RunDirectory, info: RunInfo, by: str | None) -> Folded:
    faults: list[str] = []
    written = info.config.get("scorers", [])
    rules = info.config.get("statistics", {})
    summariser = Summariser(
        scorers=[_scorer_name(scorer) for scorer in written],
        weightless=[_scorer_name(s) for s in written if isinstance(s, dict) and s.get("weight") == 0],
        epochs=info.epochs,
        by=by,
        cluster_by=rules.get("cluster_by"),
        interval=rules.get("interval", "auto"),
        pass_at=rules.get("pass_at", DEFAULT_PASS_AT),
    )
    add = summariser.add
    for result in read_results(directory, on_damage=lambda damage: faults.append(str(damage))):
        add(result)
    return Folded(summariser.summary(), faults)


def _scorer_name(written: Any) -> str:
    """A scorer may be written as its bare type."""
    return written if isinstance(written, str) else written.get("name") or written["type"]


def _header(directory: RunDirectory, info: RunInfo) -> RunHeader:
    return RunHeader(
        id=info.run_id,
        dir=str(directory.path),
        name=info.name,
        config_digest=info.fingerprint.get("all"),
        model=info.config.get("provider", {}).get("model"),
        started_at=info.created_at,
        version=info.versions.get("evalperf"),
    )


def _facts_left_behind(directory: RunDirectory, summary: Summary, faults: list[str]) -> RunFacts:
    """What the last session has written down, if it is about the results that are there now."""
    try:
        document = _saved_document(directory)
        facts = None if document is None else facts_of(document)
    except (DamageError, msgspec.ValidationError) as error:
        faults.append(f"{error}: times and memory of the run are not known")
        document = facts = None
    status = _status(directory)
    if document is not None and facts is not None:
        if document["cases"].get("done") == summary.total and (facts.status, status) != ("complete", "interrupted"):
            return facts
        faults.append("summary.json is of an earlier session: times and memory of the run are not known")
    return RunFacts(
        status=status,
        total=summary.total if status == "complete" else None,
        rejected=_count_lines(directory.rejected),
    )


def _saved_document(directory: RunDirectory) -> dict[str, Any] | None:
    try:
        document = orjson.loads(read_file(LocalDisk(), directory.summary, MOST_SUMMARY_BYTES))
    except FileNotFoundError:
        return None
    except (OSError, orjson.JSONDecodeError) as error:
        raise DamageError(f"can't read {directory.summary.name}: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("cases"), dict):
        raise DamageError(f"{directory.summary.name} is not the summary of a run")
    return document


def _status(directory: RunDirectory) -> RunStatus:
    return "complete" if directory.success.exists() else "interrupted"


def _count_lines(path: Path) -> int:
    """Block by block: a line may have any length."""
    disk = LocalDisk()
    try:
        fd = disk.open_read(path)
    except FileNotFoundError:
        return 0
    try:
        offset = count = 0
        while block := disk.read(fd, BLOCK_BYTES, offset):
            offset += len(block)
            count += block.count(b"\n")
        return count
    finally:
        disk.close(fd)


def _gates(info: RunInfo) -> list[Gate]:
    stated = info.config.get("gates") or []
    if not stated:
        return []
    from evalperf.config.model import Gate  # noqa: PLC0415 - slow to import, see above

    try:
        return [Gate.model_validate(gate) for gate in stated]
    except ValueError as error:
        raise DamageError(f"the configuration in run.json of run {info.run_id} has gates that are none") from error


def _shortened(faults: list[str]) -> list[str]:
    more = len(faults) - _SHOWN_FAULTS
    return [*faults[:_SHOWN_FAULTS], f"and {more:,} faults like these"] if more > 0 else faults


def _place(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
