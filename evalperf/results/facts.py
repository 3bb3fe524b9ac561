"""What the journals of earlier processes say about the calls of cases that are still open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from evalperf.errors import DamageError
from evalperf.results.disk import Disk, write_file
from evalperf.results.done import MOST_KEYS
from evalperf.results.frames import ABORT, BASE, DOUBT, INTENT, RESPONSE, TALLY, Frame, encode_frame, locate_frames

__all__ = ["MOST_CALLS", "Facts", "carry_over", "journal_name", "journal_number", "read_facts", "read_frames"]

SUFFIX = ".wal"

MOST_CALLS = 1 << 40
"""Calls of a run that can ever have been in doubt; a tally of more is no tally."""
MOST_HELD_BYTES = 1 << 30
"""Of what the journals tell about open cases. That is what was in flight when a process died: some megabytes, with
answers of a megabyte and hundreds of workers some hundreds."""
MOST_TOLD = 100
"""Of the damaged stretches of all journals, one by one."""
CALL_BYTES = 400
"""What one call takes in memory, besides its answer."""

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

    def frames(self) -> Iterator[Frame]:
        """All of it, for a new journal."""
        yield from (Frame(BASE, 0), Frame(TALLY, self.ever_in_doubt))
        for calls in self.responses.values():
            yield from calls.values()
        for (key, call, attempt), count in self.doubts.items():
            yield from [Frame(DOUBT, key, call, attempt)] * count


def journal_name(number: int) -> str:
    """File name of the n-th journal."""
    return f"{number:06d}{SUFFIX}"


def journal_number(name: str) -> int | None:
    """The inverse; None for other files."""
    stem = name.removesuffix(SUFFIX)
    return int(stem) if stem.isdecimal() and name == journal_name(int(stem)) else None


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
    held = stretches = 0
    for number in numbers:
        name, end = journal_name(number), 0
        for start, after, frame in read_frames(disk, folder / name):
            if start > end:
                stretches += 1
                if stretches <= MOST_TOLD:
                    stretch = f"{start - end:,} bytes from byte {end:,}"
                    damage.append(f"journal/{name}: {stretch} tell of calls, and can't be read")
            end = after
            if frame.kind == BASE:  # all before it is in this journal again
                facts, intents = facts.emptied(), Counter()
                held = 0
            elif frame.kind == TALLY:
                facts.ever_in_doubt = max(facts.ever_in_doubt, frame.key if frame.key <= MOST_CALLS else 0)
            elif frame.key < MOST_KEYS and not is_done(frame.key):
                held += _learn(frame, facts, intents)
                if held > MOST_HELD_BYTES:
                    raise _too_much(folder)
    new = +intents  # an answer without its intent (its frame was damaged) is not an answer to another call
    facts.ever_in_doubt += new.total()
    facts.doubts += new
    if stretches > MOST_TOLD:
        damage.append(f"journal/: and {stretches - MOST_TOLD:,} more stretches like these")
    facts.damage = tuple(damage)
    return facts, numbers


def read_frames(disk: Disk, path: Path) -> Iterator[tuple[int, int, Frame]]:
    """Every whole frame of a journal, with where it starts and where it ends."""
    fd = disk.open_read(path)
    try:
        yield from locate_frames(lambda size, offset: disk.read(fd, size, offset), disk.size(fd))
    finally:
        disk.close(fd)


def _learn(frame: Frame, facts: Facts, intents: Counter[Identity]) -> int:
    """Takes the fact in; by how many bytes more is held."""
    identity = (frame.key, frame.call, frame.attempt)
    if frame.kind == INTENT:
        return _count(intents, identity, 1)
    if frame.kind == DOUBT:
        return _count(facts.doubts, identity, 1)
    if frame.kind == ABORT:
        return _count(intents, identity, -1)
    if frame.kind == RESPONSE:
        calls = facts.responses.setdefault(frame.key, {})
        before = calls.get(frame.call)
        calls[frame.call] = frame
        more = CALL_BYTES + len(frame.payload) if before is None else len(frame.payload) - len(before.payload)
        return more + _count(intents, identity, -1)
    return 0


def _count(calls: Counter[Identity], identity: Identity, change: int) -> int:
    """Counts, and forgets what is settled."""
    there = len(calls)
    calls[identity] += change
    if not calls[identity]:
        del calls[identity]
    return CALL_BYTES * (len(calls) - there)


def _too_much(folder: Path) -> DamageError:
    return DamageError(
        f"{folder} tells of more than {MOST_HELD_BYTES >> 30} GiB of calls that were under way",
        hint="a run never has that many; remove the folder, and what it tells of is asked again",
    )


def carry_over(disk: Disk, folder: Path, facts: Facts, numbers: list[int]) -> int:
    """Puts the facts into one new journal, removes the old ones, and says the new one's number.

    It gets its name only when it is whole and on disk, and it says that it stands for those before it: a kill at any
    point leaves either the old journals or the new one in force, never both.
    """
    number = max(numbers, default=0) + 1
    if facts.keys() or facts.ever_in_doubt:
        write_file(disk, folder / journal_name(number), map(encode_frame, facts.frames()))
    for old in numbers:
        disk.remove(folder / journal_name(old))
    return number
