"""Verdicts that take a millisecond or more: in the loop while they are few, in processes when they are many."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from evalperf import clock
from evalperf.config.scorers import ScorerOptions
from evalperf.records import Case, Response, Score
from evalperf.scorers.base import NO_TARGET, Targets, TextJudge, targets_of
from evalperf.scorers.extraction import ResponseExtraction
from evalperf.scorers.process_lanes import ProcessLanes
from evalperf.scorers.resources import Resources

__all__ = ["OffloadedScorer"]

_INLINE_S: Final = 0.5
"""What a scorer may take from the event loop in all, before it starts processes, which takes them as long."""
_INLINE_CHARS: Final = 5_000
"""A longer answer goes to a process at once: there its time limit holds."""


class OffloadedScorer:
    """A scorer that needs a target, around a verdict that can't be interrupted.

    `make_judge` travels to the processes by name. With `inline` the first answers are judged in the loop, so that a
    small run starts no process. In a process `time_limit_s` holds: past it there is no value.
    """

    def __init__(
        self,
        config: ScorerOptions,
        kind: str,
        make_judge: Callable[[], TextJudge],
        resources: Resources,
        *,
        inline: bool = True,
    ) -> None:
        self.name = config.name if config.name is not None else kind
        self.weight = config.weight
        self._limit_s = config.time_limit_s
        self._judge = make_judge() if inline else None
        self._inline_left_s = _INLINE_S
        self._lanes = ProcessLanes(make_judge, None, config.time_limit_s)
        resources.at_close(self._lanes.close)
        self._extraction = ResponseExtraction(config, resources.threads)

    async def score(self, case: Case, response: Response) -> Score:
        """The verdict on the text, or on what was extracted from it; raises WorkerDiedError."""
        targets = targets_of(case, response)
        if not targets:
            return NO_TARGET
        return await self._extraction.score(case, response, partial(self._judged, targets))

    async def _judged(self, targets: Targets, _case: Case, response: Response) -> Score:
        text = response.completion.text
        if self._judge is not None and self._inline_left_s > 0 and len(text) <= _INLINE_CHARS:
            began_s = clock.monotonic_s()
            score = self._judge(text, targets)
            self._inline_left_s -= clock.monotonic_s() - began_s
            return score
        try:
            judged: Score = await self._lanes.run(text, targets)
        except TimeoutError:
            return Score(value=None, reason=f"took longer than {self._limit_s:g} s on this answer")
        return judged
