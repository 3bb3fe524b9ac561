"""Which server `evalperf simulate` is to be: a profile, and what the other options change in it."""

from __future__ import annotations

import math
from typing import Any

from msgspec.structs import replace

from evalperf.config.problems import did_you_mean
from evalperf.errors import ConfigError
from evalperf.simulator import PROFILES, LimitOptions, Profile, SimulatorOptions, find_profile

__all__ = ["Changes", "chosen_options", "chosen_profile", "listed_profiles"]

Changes = dict[str, Any]
"""By the names of the options; None changes nothing."""


def listed_profiles() -> str:
    """A line for each."""
    width = max(map(len, PROFILES))
    return "\n".join(f"{name:{width}}  {profile.about}" for name, profile in PROFILES.items())


def chosen_profile(name: str) -> Profile:
    """The profile of this name; raises ConfigError."""
    profile = find_profile(name)
    if profile is None:
        hint = did_you_mean(name, list(PROFILES)) or "evalperf simulate --list-models shows them"
        raise ConfigError(f'there is no profile "{name}"', hint=hint)
    return profile


def chosen_options(options: SimulatorOptions, changes: Changes, capacity: Changes, limit: Changes) -> SimulatorOptions:
    """The profile's options with the changes; raises ConfigError for a combination that can't be, or does nothing."""
    changes, capacity, limit = _given(changes), _given(capacity), _given(limit)
    if "queue_size" in capacity and options.capacity.slots is None and "slots" not in capacity:
        raise ConfigError("--queue does nothing where there are slots for all", hint="give it --slots as well")
    if changes.get("rate_malformed") and options.malformed is None:
        raise ConfigError("--rate-malformed needs a profile whose replies are malformed, as --model truncated-json")
    if changes.get("rate_malformed") == 0:
        changes["malformed"] = None
    try:
        if "slots" in capacity:
            capacity["slots_later"] = ()
        changes["capacity"] = replace(options.capacity, **capacity)
        changes["limit"] = _changed_limit(options.limit, limit)
        return replace(options, **changes)
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _changed_limit(options: LimitOptions | None, changes: Changes) -> LimitOptions | None:
    if not changes:
        return options
    if options is None:
        if not {"requests_per_s", "tokens_per_minute"} & changes.keys():
            raise ConfigError(
                "--burst and --headers do nothing without a limit", hint="give it --limit or --tokens-per-minute"
            )
        options = LimitOptions()
    if "requests_per_s" in changes:
        changes.setdefault("burst", math.ceil(changes["requests_per_s"]))
    elif "burst" in changes and options.requests_per_s is None:
        raise ConfigError("--burst is about requests", hint="give it --limit")
    return replace(options, **changes)


def _given(changes: Changes) -> Changes:
    return {name: value for name, value in changes.items() if value is not None}
