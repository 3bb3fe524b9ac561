"""Scorers that have nothing to compare with, told before the run."""

from __future__ import annotations

from collections.abc import Sequence

from evalperf.config.model import RunConfig
from evalperf.records import Case

__all__ = ["without_targets"]


def without_targets(config: RunConfig, cases: Sequence[Case]) -> str | None:
    """A warning where scorers need a target and none of these first cases has one; None where all is well.

    The rows of a recording may have their own, and are not looked at.
    """
    names = [scorer.name or scorer.type for scorer in config.scorers if scorer.needs_target]
    recording = config.provider.type == "replay" and config.provider.path is not None
    if not names or not cases or recording or any(case.target is not None for case in cases):
        return None
    verb = "needs" if len(names) == 1 else "need"
    return (
        f"no target in the first {len(cases)} cases, and {', '.join(names)} {verb} one: such cases are not scored; "
        "where the target has another name, cases.fields says which"
    )
