"""A whole run, top to bottom; also the Python API: `execute(load_config(path), RunOptions())`.

survey the inputs → open the parts and try the endpoints → a directory → cases through the engine → files
→ a summary computed from the files
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import TextIO

from msgspec import Struct

from evalperf import clock
from evalperf.cases import Survey, survey
from evalperf.config.exposures import exposures
from evalperf.config.load import LoadedConfig, cache_dir, state_dir
from evalperf.config.model import RunConfig
from evalperf.dashboard import Mode, open_progress
from evalperf.directory import open_directory
from evalperf.engines import LocalEngine
from evalperf.errors import ConfigError, EvalperfError, InputError
from evalperf.events import Bus, Noticed, RunFinished, RunStarted
from evalperf.interrupt import Interrupt, interruptible
from evalperf.learned import known_limits, remember_limits
from evalperf.own_places import note_own_places
from evalperf.pipeline.assemble import Parts, open_parts
from evalperf.pipeline.earlier import EarlierAnswers
from evalperf.reading import read_cases
from evalperf.report import Report, RunFacts, RunStatus
from evalperf.rescore import open_parent
from evalperf.resilience import Budget
from evalperf.resources import memory_exceeded, resource_limits, within_memory
from evalperf.results import Rejected, RunDirectory, RunInfo, Store, StoreOptions, open_store
from evalperf.resumed import tell_of_earlier_sessions
from evalperf.sizing import batch_size, count_workers, workers_cut
from evalperf.spent import charge_earlier_sessions, check_prices, open_budget
from evalperf.stats import check_gate_names
from evalperf.summarise import save_summary, summarise_run
from evalperf.tuning import peak_rss_bytes

__all__ = ["Outcome", "RunOptions", "execute", "run"]


class RunOptions(Struct, frozen=True, kw_only=True):
    """What is asked of one session, besides the configuration."""

    resume: str | None = None
    """A run to continue: a path, an id, a unique prefix, or "" for the latest unfinished one of this name."""
    retry_failed: bool = False
    """Take failed cases of the resumed run again."""
    parent: RunDirectory | None = None
    """A run whose answers are scored again; nothing is asked then, and `resume` does not apply."""
    cache: bool = True
    """Whether caches are read and written, as far as the configuration has them."""
    progress: Mode = "none"
    environ: Mapping[str, str] = {}
    """What the terminal's abilities and the folders for caches and state are read from."""
    stderr: TextIO | None = None
    """Where progress is shown; this process's own where absent."""


class Outcome(Struct, frozen=True, kw_only=True):
    """How a session ended."""

    report: Report
    exit_code: int
    error: EvalperfError | None
    """What ended it early."""


class _Session(Struct, frozen=True, kw_only=True):
    """Where a process works, and on what."""

    loaded: LoadedConfig
    options: RunOptions
    directory: RunDirectory
    info: RunInfo
    inputs: Survey
    parts: Parts
    notices: tuple[str, ...]
    """What of the limits on resources does not hold as it stands in the configuration."""
    budget: Budget | None
    workers: int
    earlier: EarlierAnswers | None
    """The answers of the parent."""
    state_dir: Path
    """Where what runs learn about endpoints is kept."""

    @property
    def config(self) -> RunConfig:
        """The configuration."""
        return self.loaded.config


class _Ended(Struct, frozen=True, kw_only=True):
    """How it ended, and what only the process that ran knows."""

    facts: RunFacts
    error: EvalperfError | None
    signal_code: int | None


def execute(loaded: LoadedConfig, options: RunOptions) -> Outcome:
    """Runs to the end on an event loop of its own; raises EvalperfError where nothing was begun."""
    with asyncio.Runner(loop_factory=clock.new_event_loop) as runner:
        return runner.run(run(loaded, options, Bus()))


async def run(loaded: LoadedConfig, options: RunOptions, bus: Bus) -> Outcome:
    """Runs to the end and tells `bus`; raises EvalperfError where nothing was begun."""
    config = loaded.config
    check_gate_names(config.gates, [scorer.name or scorer.type for scorer in config.scorers])
    inputs = await survey(config.cases, loaded.base_dir)
    workers = count_workers(config)
    caches = cache_dir(options.environ or None) if options.cache else None
    budget = open_budget(config)
    async with (
        resource_limits(config.concurrency.resource_limits) as refused,
        open_parts(config, loaded.base_dir, connections=workers, cache_dir=caches, budget=budget) as parts,
        open_parent(options.parent, loaded, inputs) as earlier,
    ):
        check_prices(config, parts.models)
        parent = None if options.parent is None else options.parent.id
        directory, info = open_directory(
            loaded, inputs, resume=options.resume, retry_failed=options.retry_failed, parent=parent
        )
        session = _Session(
            loaded=loaded,
            options=options,
            directory=directory,
            info=info,
            inputs=inputs,
            parts=parts,
            notices=(*refused, *_notices(loaded, workers, caches)),
            budget=budget,
            workers=workers,
            earlier=earlier,
            state_dir=state_dir(options.environ or None),
        )
        stderr = sys.stderr if options.stderr is None else options.stderr
        async with open_progress(options.progress, bus, environ=options.environ, stderr=stderr):
            ended = await _work(session, bus)
    report = summarise_run(directory, facts=ended.facts, gates=config.gates, config_path=str(loaded.path))
    if isinstance(ended.error, ConfigError | InputError) and not report.document["cases"]["done"]:
        if options.resume is None:
            shutil.rmtree(directory.path)  # a directory of this session's own, in which nothing is worth keeping
        raise ended.error
    save_summary(directory, report)
    return Outcome(report=report, exit_code=_exit_code(ended, report), error=ended.error)


def _notices(loaded: LoadedConfig, workers: int, caches: Path | None) -> Iterator[str]:
    """What the user should know of this machine and account."""
    told = [workers_cut(loaded.config, workers)]
    if caches is not None:
        told.append(note_own_places(loaded.raw, loaded.base_dir, caches))
    yield from (one for one in told if one is not None)


async def _work(session: _Session, bus: Bus) -> _Ended:
    """The cases that are not done yet, from the input to the files."""
    began_s, cpu_began_s = clock.now(), clock.cpu_s()
    rejected = Rejected(session.directory)
    async with open_store(session.directory, session.info, _store_options(session), bus.emit) as store:
        bus.emit(_started(session, store))
        if session.budget is not None:
            for sentence in await asyncio.to_thread(charge_earlier_sessions, session.budget, session.directory):
                _teller(bus)(sentence)
        engine = _engine(session, bus)
        for notice in (*exposures(session.config), *session.notices):
            _teller(bus)(notice)
        session.parts.notices.listen(_teller(bus))
        async with session.parts.embedding_calls.kept_in(session.directory):
            error, interrupt = await _execute(session, engine, store, rejected, bus)
        status: RunStatus = "complete"
        if error is not None or interrupt.exit_code is not None:
            status = "interrupted" if error is None else "failed"
        else:
            await store.finish()
        limited_by = max(engine.limited_by, key=engine.limited_by.__getitem__, default="server")
        remember_limits(session.config, engine.router, limited_by, session.state_dir, _teller(bus))
    exceeded = memory_exceeded(session.config.concurrency.resource_limits, peak_rss_bytes())
    if exceeded is not None:
        _teller(bus)(exceeded)
    bus.emit(RunFinished(clock.now(), status))
    facts = RunFacts(
        status=status,
        total=session.inputs.total,
        rejected=rejected.count,
        resumed=store.recovered.done,
        in_doubt=store.recovered.ever_in_doubt,
        wall_s=clock.now() - began_s,
        cpu_s=clock.cpu_s() - cpu_began_s,
        peak_rss_bytes=peak_rss_bytes(),
        limited_by=engine.limited_by,
        calling=engine.figures(),
        synthetic=session.parts.synthetic,
    )
    return _Ended(facts=facts, error=error, signal_code=interrupt.exit_code)


def _engine(session: _Session, bus: Bus) -> LocalEngine:
    config = session.config
    return LocalEngine(
        config,
        session.parts,
        workers=session.workers,
        known_limits=known_limits(config, session.state_dir, _teller(bus)),
        budget=session.budget,
        emit=bus.emit,
        earlier=session.earlier,
    )


def _teller(bus: Bus) -> Callable[[str], None]:
    def tell(text: str) -> None:
        bus.emit(Noticed(clock.now(), "warning", text))

    return tell


async def _execute(
    session: _Session, engine: LocalEngine, store: Store, rejected: Rejected, bus: Bus
) -> tuple[EvalperfError | None, Interrupt]:
    """What ended the session early, if anything: an error as it was found, or a signal. All results are on disk."""
    error: EvalperfError | None = None
    with interruptible(engine.stop, _teller(bus)) as interrupt:
        try:
            error = await _ask(session, engine, store, rejected, bus)
            await store.close()
        except asyncio.CancelledError:
            if interrupt.exit_code is None:
                raise
            await store.close()
    return error, interrupt


async def _ask(
    session: _Session, engine: LocalEngine, store: Store, rejected: Rejected, bus: Bus
) -> EvalperfError | None:
    """Every case that is not done; what ended that early."""
    try:
        tell_of_earlier_sessions(store.recovered, session.config.output.in_doubt, _teller(bus))
        cases = read_cases(session.loaded, session.parts.prompt, store, rejected, session.earlier, warn=_teller(bus))
        memory_mb = session.config.concurrency.resource_limits.memory_mb
        held = within_memory(cases, memory_mb, engine.unfinished, _teller(bus))
        async with aclosing(cases), aclosing(held) as batches:
            await engine.execute(batches, store)
    except EvalperfError as error:
        return error
    return None


def _started(session: _Session, store: Store) -> RunStarted:
    config = session.config
    return RunStarted(
        at_s=clock.now(),
        run_id=session.info.run_id,
        run_dir=str(session.directory.path),
        name=session.info.name,
        model=config.provider.model,
        total=session.inputs.total,
        resumed=store.recovered.done,
        workers=session.workers,
        scorers=tuple(scorer.name for scorer in session.parts.scorers),
        caches=session.parts.responses is not None,
    )


def _store_options(session: _Session) -> StoreOptions:
    output = session.config.output
    return StoreOptions(
        journal=session.parts.paid,
        durability=output.durability,
        level=output.level,
        queue_size=max(session.config.concurrency.queue_size, 2 * batch_size(session.config)),
        retry_failed=session.options.retry_failed,
        retry_doubts=output.in_doubt != "skip",
    )


def _exit_code(ended: _Ended, report: Report) -> int:
    """The first that holds: a signal, an error, nothing but failures, a gate that is not held."""
    document = report.document
    if ended.signal_code is not None:
        return ended.signal_code
    if ended.error is not None:
        return ended.error.exit_code
    if not document["cases"]["ok"]:
        return 3
    return 0 if all(gate["held"] for gate in document["gates"]) else 1
