"""Answers of an earlier run, to be scored again: nothing is asked, and nothing is paid for."""

from __future__ import annotations

import asyncio
import tempfile
from array import array
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from typing import IO, Final

import msgspec

from evalperf import clock
from evalperf.errors import DamageError
from evalperf.lines import to_the_end
from evalperf.pipeline.job import Job
from evalperf.records import Call, Case, Completion, Failure, FailureKind, Request, Response, Result, Unanswered
from evalperf.results import RunDirectory, read_results

__all__ = ["EarlierAnswers", "open_earlier"]

SCORED_TOO_SOON: frozenset[FailureKind] = frozenset({"scorer", "timeout"})
"""Failures that an answered case has when its scorer failed or took too long: it is scored again."""

NOT_THERE: Final = Failure(kind="provider", message="the earlier run has no result for this case")

Outcome = Response | Unanswered

_encode = msgspec.msgpack.Encoder().encode


class _Row(msgspec.Struct, frozen=True, array_like=True):
    response: Response | None
    unanswered: Unanswered | None


_decode = msgspec.msgpack.Decoder(_Row).decode


class EarlierAnswers:
    """Answers by line and epoch, in a temporary file with 8 bytes of memory for each; made by `open_earlier`.

    A batch of cases is announced before they are evaluated, so that no case waits for the disk.
    """

    def __init__(self, file: IO[bytes], starts: array[int], epochs: int) -> None:
        self._file = file
        self._starts = starts
        self._epochs = epochs
        self._ready: dict[tuple[int, int], Outcome] = {}

    async def announce(self, cases: Sequence[Case]) -> None:
        """Reads the answers of these cases."""
        places = [(case.seq, case.epoch) for case in cases]
        self._ready.update(await to_the_end(asyncio.to_thread(self._read, places)))

    async def attempt(self, job: Job, request: Request) -> Outcome:  # noqa: ARG002 - as the protocol has it
        """The earlier answer or failure; that there is none, for a case that the earlier run did not take."""
        job.attempts, job.first_sent_s = 1, clock.now()
        found = self._ready.pop((job.case.seq, job.case.epoch), None)
        return Unanswered(failure=NOT_THERE, call=Call(attempts=0)) if found is None else found

    def cost_usd(self, response: Response) -> float | None:  # noqa: ARG002 - as the protocol has it
        """Nothing: the earlier run has paid."""
        return 0.0

    def _read(self, places: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Outcome]:
        found: dict[tuple[int, int], Outcome] = {}
        for seq, epoch in places:
            at = _place(seq, epoch, self._epochs)
            if epoch > self._epochs or at >= len(self._starts) or not self._starts[at]:
                continue
            self._file.seek(self._starts[at] - 1)
            row = _decode(self._file.read(int.from_bytes(self._file.read(4), "little")))
            outcome = row.response or row.unanswered
            assert outcome is not None  # noqa: S101 - written by this process, one of them set
            found[seq, epoch] = outcome
        return found


@asynccontextmanager
async def open_earlier(
    directory: RunDirectory, *, lines: int, epochs: int, own_targets: bool
) -> AsyncIterator[EarlierAnswers]:
    """Reads the results once, in 10 µs each; raises DamageError where some can't be read, or are of no line before.

    `lines` and `epochs` are those that are scored again: further epochs are passed over. `own_targets`: whether its
    recorded answers came with targets of their own, which then still count.
    """
    with tempfile.TemporaryFile(prefix="evalperf-earlier-") as file:
        with closing(read_results(directory)) as results:
            chosen = (result for result in results if result.epoch <= epochs)
            writing = asyncio.to_thread(_spool, chosen, file, (lines, epochs), own_targets=own_targets)
            starts = await to_the_end(writing)
        yield EarlierAnswers(file, starts, epochs)


def _spool(results: Iterator[Result], file: IO[bytes], size: tuple[int, int], *, own_targets: bool) -> array[int]:
    """Where the answer of each line and epoch starts in the file, plus one; 0 for none."""
    lines, epochs = size
    starts = array("Q")
    end = 0
    for result in results:
        at = _place(result.seq, result.epoch, epochs)
        if not 0 < result.seq <= lines or result.epoch < 1:
            place = f"line {result.seq}, epoch {result.epoch}"
            raise DamageError(f"a result is of {place}, and the input has {lines:,} lines")
        if at >= len(starts):
            starts.frombytes(bytes(starts.itemsize * (at + 1 - len(starts))))
        raw = _encode(_row(result, own_targets=own_targets))
        file.write(len(raw).to_bytes(4, "little") + raw)
        starts[at] = end + 1
        end += 4 + len(raw)
    return starts


def _place(seq: int, epoch: int, epochs: int) -> int:
    return (seq - 1) * epochs + epoch - 1


def _row(result: Result, *, own_targets: bool) -> _Row:
    call = Call(
        endpoint=result.endpoint,
        attempts=result.attempts,
        latency_s=result.latency_s,
        throttled_s=result.throttled_s,
        retry_wait_s=result.retry_wait_s,
        fallback=result.fallback is True,
    )
    failure = result.failure
    if result.output is None or (failure is not None and failure.kind not in SCORED_TOO_SOON):
        return _Row(None, Unanswered(failure=failure or NOT_THERE, call=call))
    completion = Completion(
        text=result.output,
        model=result.model,
        usage=result.usage,
        finish_reason=result.finish_reason,
        ttft_s=result.ttft_s,
        target=result.target if own_targets else None,
        alternatives=result.alternatives,
    )
    return _Row(Response(completion=completion, call=call), None)
