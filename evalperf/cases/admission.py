"""Which records become cases: sample, resume, `where`, duplicates, limit and epochs, in this order."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from typing import Protocol

from msgspec.structs import replace

from evalperf.cases.duplicates import SeenIds
from evalperf.cases.parse import CaseParser
from evalperf.cases.rawrecords import RawRecords
from evalperf.cases.rejected import EXCERPT_CHARS, BadRecord, BadRecordError, Rejected
from evalperf.cases.rotation import rotated
from evalperf.cases.sources import Source
from evalperf.cases.where import parse_where
from evalperf.config.model import CasesConfig
from evalperf.records import Case

__all__ = ["Admission", "Done", "Refusal"]

OnReject = Callable[[Rejected], None]


class Done(Protocol):
    """Which cases earlier sessions have finished."""

    def is_done(self, seq: int, epoch: int) -> bool:
        """Whether the case needs no work."""

    def done_until(self, seq: int, end: int) -> int:
        """The first record from `seq` on that needs work in some epoch; `end` if none before that does."""


class Refusal:
    """What happens to a record that is no case: an error, or a note and on to the next."""

    def __init__(self, config: CasesConfig, on_reject: OnReject | None) -> None:
        self._skip = config.on_bad_line == "skip"
        self._on_reject = on_reject

    def refuse(self, block: RawRecords, at: int, fault: BadRecord | BadRecordError) -> None:
        """Raises InputError unless bad lines are to be skipped."""
        rejected = self.describe(block, at, fault)
        if not self._skip:
            hint = fault.hint or 'to go on without such lines: "cases": {"on_bad_line": "skip"}'
            raise rejected.to_error(hint)
        self.note(rejected)

    def note(self, rejected: Rejected) -> None:
        """Tells of a record that was left out."""
        if self._on_reject is not None:
            self._on_reject(rejected)

    @staticmethod
    def describe(block: RawRecords, at: int, fault: BadRecord | BadRecordError) -> Rejected:
        """The fault with its place."""
        item = block.items[at]
        raw = item.raw if isinstance(item, BadRecord) else item
        return Rejected(
            path=block.source.name,
            line=block.line_numbers[at],
            column=fault.column,
            reason=fault.reason,
            raw=raw[: 4 * EXCERPT_CHARS].decode(errors="replace")[:EXCERPT_CHARS],
        )


class Admission:
    """Takes records in the order of the files and gives out cases; `close` it."""

    def __init__(
        self,
        config: CasesConfig,
        *,
        chosen: Container[int] | None = None,
        done: Done | None = None,
        on_reject: OnReject | None = None,
    ) -> None:
        self._config = config
        self._chosen = chosen
        self._done = done
        self._parser = CaseParser(config.fields, None if config.where is None else parse_where(config.where))
        self._refusal = Refusal(config, on_reject)
        self._in_epoch: Callable[[Case, int], Case] = rotated if config.rotate_choices else _repeated
        self._seen = SeenIds()
        self._origins: list[tuple[int, Source]] = []  # first number of each file
        self._taken = 0

    @property
    def full(self) -> bool:
        """Whether `limit` is reached."""
        return self._config.limit is not None and self._taken >= self._config.limit

    def close(self) -> None:
        """Removes the file of ids."""
        self._seen.close()

    def admit(self, block: RawRecords) -> Iterator[tuple[Case, int]]:
        """The cases of these records, each with its size in bytes; raises InputError."""
        if not self._origins or self._origins[-1][1] is not block.source:
            self._origins.append((block.first_seq, block.source))
        chosen, done, limit = self._chosen, self._done, self._config.limit
        epochs: Sequence[int] = range(1, self._config.epochs + 1)
        passed = 0  # up to here the records are passed over
        for at, item in enumerate(block.items):
            if at < passed or not item:  # a blank line is no record; a file may be full of them
                continue
            if limit is not None and self._taken >= limit:
                return
            seq = block.first_seq + at
            if chosen is not None and seq not in chosen:
                continue
            due = epochs if done is None else _due(done, seq, epochs)
            if not due:
                passed = self._done_until(block, at + 1)
                self._pass_over(block, at, passed)
                continue
            if isinstance(item, BadRecord):
                self._refusal.refuse(block, at, item)
                continue
            case = self._case(block, at, item)
            if case is None:
                continue
            self._taken += 1
            for epoch in due:
                yield case if epoch == 1 else self._in_epoch(case, epoch), len(item)

    def _case(self, block: RawRecords, at: int, raw: bytes) -> Case | None:
        seq = block.first_seq + at
        try:
            case = self._parser.parse(raw, seq)
            if case is not None and self._config.rotate_choices:
                case = rotated(case, 1)
        except BadRecordError as fault:
            if raw and not raw.isspace():
                self._refusal.refuse(block, at, fault)
            return None
        if case is None:
            return None
        first = self._seen.add(case.id, seq)
        if first is None:
            return case
        id_ = self._another_id(block, at, first, case.id)
        return None if id_ is None else replace(case, id=id_)

    def _done_until(self, block: RawRecords, at: int) -> int:
        """Where the records end that are done like the one before `at`; no further than `limit` allows."""
        done, first_seq, end = self._done, block.first_seq, len(block.items)
        if done is None or self._chosen is not None:
            return at
        if self._config.limit is not None:
            end = min(end, at - 1 + self._config.limit - self._taken)
        return done.done_until(first_seq + at, first_seq + end) - first_seq

    def _pass_over(self, block: RawRecords, start: int, end: int) -> None:
        """Cases of earlier sessions: they count, and their ids are taken."""
        self._taken += end - start
        raws = [item for item in block.items[start:end] if type(item) is bytes]
        ids = self._parser.ids_of(raws) if len(raws) == end - start else None
        if ids is None:
            for at in range(start, end):
                self._take_id(block, at)
            return
        at = start
        while at < end:
            new, first = self._seen.add_all(ids[at - start :], block.first_seq + at)
            at += new
            if first is not None:
                self._another_id(block, at, first, ids[at - start])
                at += 1

    def _take_id(self, block: RawRecords, at: int) -> None:
        item = block.items[at]
        if isinstance(item, BadRecord):
            return
        try:
            id_ = self._parser.id_of(item)
        except BadRecordError as fault:
            self._refusal.refuse(block, at, fault)
            return
        first = self._seen.add(id_, block.first_seq + at)
        if first is not None:
            self._another_id(block, at, first, id_)

    def _another_id(self, block: RawRecords, at: int, first: int, id_: str) -> str | None:
        """What a case goes by whose id the record `first` has; None if it does not go on at all."""
        if self._config.on_duplicate == "rename":
            return self._renamed(id_, block.first_seq + at)
        fault = BadRecordError(
            f'duplicate id "{id_}": {self._place(first)} has it, too',
            hint='make the ids distinct, or choose "cases": {"on_duplicate": "rename"} or "keep_first"',
        )
        rejected = self._refusal.describe(block, at, fault)
        if self._config.on_duplicate == "error":
            raise rejected.to_error(fault.hint)
        self._refusal.note(rejected)
        return None

    def _renamed(self, id_: str, seq: int) -> str:
        """The id with a number that is free: found by doubling and halving, for one id may come a million times."""
        taken, free = 1, 2
        while self._seen.find(f"{id_}#{free}") is not None:
            taken, free = free, 2 * free
        while free - taken > 1:
            middle = (taken + free) // 2
            if self._seen.find(f"{id_}#{middle}") is None:
                free = middle
            else:
                taken = middle
        self._seen.add(f"{id_}#{free}", seq)
        return f"{id_}#{free}"

    def _place(self, seq: int) -> str:
        first_seq, source = next(origin for origin in reversed(self._origins) if origin[0] <= seq)
        unit = "line" if source.format == "jsonl" else "record"
        return f"{unit} {seq - first_seq + 1} of {source.name}"


def _repeated(case: Case, epoch: int) -> Case:
    return replace(case, epoch=epoch)


def _due(done: Done, seq: int, epochs: Sequence[int]) -> Sequence[int]:
    if len(epochs) == 1:
        return () if done.is_done(seq, 1) else epochs
    return [epoch for epoch in epochs if not done.is_done(seq, epoch)]
