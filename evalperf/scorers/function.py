"""The `function` scorer: the user's own code scores."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import partial
from numbers import Real
from pathlib import Path
from typing import Any, Final, Protocol

from evalperf.config.scorers import FunctionScorer
from evalperf.errors import ConfigError
from evalperf.plugins import load_entry_point, load_object
from evalperf.records import Case, Response, Score
from evalperf.scorers.base import Scorer
from evalperf.scorers.extraction import ResponseExtraction
from evalperf.scorers.lanes import ThreadLanes
from evalperf.scorers.process_lanes import ProcessLanes
from evalperf.scorers.resources import Resources
from evalperf.scorers.time_limit import within

__all__ = ["ENTRY_POINTS", "as_score", "function", "load_scorer"]

ENTRY_POINTS: Final = "evalperf.scorers"
"""The group of entry points in which packages name scorers."""


class Calling(Protocol):
    """Calls the user's function somewhere, and brings back what it returned or raises what it raised."""

    async def __call__(self, case: Case, response: Response, /) -> Any: ...


def function(config: FunctionScorer, resources: Resources) -> Scorer:
    """A scorer around the function that `call` names; raises ConfigError if there is none."""
    called = load_scorer(config.call, resources.base_dir)
    if not callable(called):
        raise ConfigError(f'"{config.call}" is a {type(called).__name__}, not a function')
    if config.run_in != "loop" and inspect.iscoroutinefunction(called):
        raise ConfigError(f'"{config.call}" is async and runs in the loop', hint='leave out "run_in"')
    extraction = ResponseExtraction(config, resources.threads)
    return _FunctionScorer(config, _calling(config, called, resources), extraction)


def load_scorer(reference: str, base_dir: Path) -> Any:
    """What `"package.module:name"` or an installed entry point names; raises ConfigError where there is nothing."""
    return (
        load_object(reference, search_dir=base_dir) if ":" in reference else load_entry_point(ENTRY_POINTS, reference)
    )


def as_score(returned: object) -> Score:
    """A bool is a verdict, a number a value without one, None not scored, a Score itself.

    Raises ValueError for a value that is not finite, and TypeError for anything else.
    """
    if isinstance(returned, Score):
        if returned.value is not None:
            _finite(returned.value)
        return returned
    if isinstance(returned, bool):
        return Score(value=1.0 if returned else 0.0, passed=returned)
    if returned is None:
        return Score(value=None, reason="the function returned None")
    if isinstance(returned, Real):
        return Score(value=_finite(float(returned)))
    kind = type(returned).__name__
    raise TypeError(f"the function returned a {kind}: expected a bool, a number, None or a Score")


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"the function returned {value}, which is not a score")
    return value


class _FunctionScorer:
    def __init__(self, config: FunctionScorer, call: Calling, extraction: ResponseExtraction) -> None:
        self.name = config.name if config.name is not None else "function"
        self.weight = config.weight
        self._call = call
        self._extraction = extraction

    async def score(self, case: Case, response: Response) -> Score:
        """What the function makes of the answer; its exceptions pass, and so does TimeoutError past `timeout_s`.

        With `extract` the function sees what was extracted as the text of the completion.
        """
        return await self._extraction.score(case, response, self._called)

    async def _called(self, case: Case, response: Response) -> Score:
        return as_score(await self._call(case, response))


def _calling(config: FunctionScorer, called: Callable[..., Any], resources: Resources) -> Calling:
    if config.run_in == "thread":
        threads = ThreadLanes(config.max_parallel, config.timeout_s)
        resources.at_close(threads.close)
        return partial(threads.run, partial(called, **config.options))
    if config.run_in == "process":
        make_work = partial(_load_work, config.call, resources.base_dir, config.options)
        processes = ProcessLanes(make_work, config.max_parallel, config.timeout_s, memory_mb=config.memory_mb)
        resources.at_close(processes.close)
        return processes.run
    return _in_loop(partial(called, **config.options), config.timeout_s)


def _in_loop(called: Callable[..., Any], limit_s: float) -> Calling:
    async def call(case: Case, response: Response) -> Any:
        returned = called(case, response)
        if not inspect.isawaitable(returned):
            return returned
        async with within(limit_s):
            return await returned

    return call


def _load_work(reference: str, base_dir: Path, options: dict[str, Any]) -> Callable[[Case, Response], Any]:
    """Runs in a process of its own, which finds the function itself: functions do not travel, names do."""
    return partial(load_scorer(reference, base_dir), **options)
