"""Choices that change their places from epoch to epoch, so that a liking for a place can't pass for knowledge."""

from __future__ import annotations

from string import ascii_uppercase

from msgspec.structs import replace

from evalperf.cases.rejected import BadRecordError
from evalperf.records import Case

__all__ = ["rotated"]


def rotated(case: Case, epoch: int) -> Case:
    """The case in an epoch: its choices turned by one place an epoch, and a target that is a letter with them.

    After as many epochs as there are choices each choice has stood in each place once (circular evaluation: Liu et al.
    2023, "MMBench"). A target that is the text of a choice stays as it is. Raises BadRecordError where a target is
    neither, for then nobody would know which choice it means.
    """
    if not case.choices:
        return replace(case, epoch=epoch)
    choices, target = case.choices, case.target
    shift = (epoch - 1) % len(choices)
    if isinstance(target, str):
        target = _turned(target, choices, shift)
    elif target is not None:
        target = tuple(_turned(each, choices, shift) for each in target)
    return replace(case, epoch=epoch, choices=choices[shift:] + choices[:shift], target=target)


def _turned(target: str, choices: tuple[str, ...], shift: int) -> str:
    letter = target.strip().strip("().").upper()
    at = ascii_uppercase.find(letter) if len(letter) == 1 else -1
    if 0 <= at < len(choices):
        return ascii_uppercase[(at - shift) % len(choices)]
    if target in choices:
        return target
    raise BadRecordError(
        f'the target "{target}" is neither the letter of a choice nor its text',
        hint='"rotate_choices" has to know which choice is meant',
    )
