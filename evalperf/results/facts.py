"""What the journals of earlier processes say about the calls of cases that are still open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from evalperf.results.disk import Disk, read_file, write_file
from evalperf.results.frames import ABORT, BASE, DOUBT, INTENT, RESPONSE, TALLY, Frame, encode_frame, locate_frames

__all__ = ["Facts", "carry_over", "journal_name", "journal_number", "read_facts"]

SUFFIX = ".wal"

Identity = tuple[int, int, int]
"""Key, call, attempt."""


class Facts:
    """Answers that need not be bought again, and calls of which nobody knows whether they were billed."""

    def __init__(self, ever_in_doubt: int = 0) -> None:
        self.responses: dict[int, dict[int, Frame]] = {}
        """By key and call; the last answer counts."""
        self.doubts: Counter[Identity] = Counter()
        self.ever_in_doubt = ever_in_doubt
        """Over the whole run, those of finished cases included: the most calls that can have been paid for twice."""
        self.damage: tuple[str, ...] = ()
        """Stretches between frames that are none, one sentence each; a cut-off write at an end is not among them."""

    @property
    def replayable(self) -> int:
        """Answers that are there."""
        return sum(len(calls) for calls in self.responses.values())

    @property
    def in_doubt(self) -> int:
        """Calls of open cases whose end is not known."""
        return self.doubts.total()

    def keys(self) -> set[int]:
        """Cases of which something is known."""
        return self.responses.keys() | {key for key, _, _ in self.doubts}

    def emptied(self) -> Facts:
        """Only the tally is left."""
        return Facts(self.ever_in_doubt)

    def frames(self) -> list[Frame]:
        """All of it, for a new journal."""
        frames = [Frame(BASE, 0), Frame(TALLY, self.ever_in_doubt)]
        frames += [frame for calls in self.responses.values() for frame in calls.values()]
        for (key, call, attempt), count in self.doubts.items():
            frames += [Frame(DOUBT, key, call, attempt)] * count
        return frames


def journal_name(number: int) -> str:
    """File name of the n-th journal."""
    return f"{number:06d}{SUFFIX}"


def journal_number(name: str) -> int | None:
    """The inverse; None for other files."""
    stem, dot, suffix = name.partition(".")
    return int(stem) if dot + suffix == SUFFIX and stem.isdecimal() else None


def read_facts(
    disk: Disk, folder: Path, is_done: Callable[[int], bool], *, ever_in_doubt: int = 0
) -> tuple[Facts, list[int]]:
    """The facts about open cases, and the numbers of the journals that they were found in.

    `ever_in_doubt`: calls in doubt that are known from elsewhere; the journals may name these and more.
    """
    numbers = sorted(number for name in disk.names(folder) if (number := journal_number(name)) is not None)
    facts = Facts(ever_in_doubt)
    intents: Counter[Identity] = Counter()
    damage: list[str] = []
    for number in numbers:
        name, end = journal_name(number), 0
        for start, after, frame in locate_frames(read_file(disk, folder / name)):
            if start > end:
                stretch = f"{start - end:,} bytes from byte {end:,}"
                damage.append(f"journal/{name}: {stretch} tell of calls, and can't be read")
            end = after
            if frame.kind == BASE:  # all before it is in this journal again
                facts, intents = facts.emptied(), Counter()
            elif frame.kind == TALLY:
                facts.ever_in_doubt = max(facts.ever_in_doubt, frame.key)
            elif not is_done(frame.key):
                _learn(frame, facts, intents)
    new = +intents  # an answer without its intent (its frame was damaged) is not an answer to another call
    facts.ever_in_doubt += new.total()
    facts.doubts += new
    facts.damage = tuple(damage)
    return facts, numbers


def _learn(frame: Frame, facts: Facts, intents: Counter[Identity]) -> None:
    identity = (frame.key, frame.call, frame.attempt)
    if frame.kind == INTENT:
        intents[identity] += 1
    elif frame.kind == DOUBT:
        facts.doubts[identity] += 1
    elif frame.kind == ABORT:
        intents[identity] -= 1
    elif frame.kind == RESPONSE:
        intents[identity] -= 1
        facts.responses.setdefault(frame.key, {})[frame.call] = frame


def carry_over(disk: Disk, folder: Path, facts: Facts, numbers: list[int]) -> int:
    """Puts the facts into one new journal, removes the old ones, and says the new one's number.

    It gets its name only when it is whole and on disk, and it says that it stands for those before it: a kill at any
    point leaves either the old journals or the new one in force, never both.
    """
    number = max(numbers, default=0) + 1
    if facts.keys() or facts.ever_in_doubt:
        write_file(disk, folder / journal_name(number), b"".join(map(encode_frame, facts.frames())))
    for old in numbers:
        disk.remove(folder / journal_name(old))
    return number
