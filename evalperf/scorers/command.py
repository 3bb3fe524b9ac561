"""The `command` scorer: a program of the user's scores, one JSON line in, one JSON line out."""

from __future__ import annotations

import asyncio
import math
import os
import signal
from contextlib import suppress
from pathlib import Path
from shutil import which
from typing import Any, Final, cast

import msgspec
import orjson
from msgspec import UNSET, Struct, UnsetType

from evalperf.config.scorers import CommandScorer
from evalperf.errors import ConfigError
from evalperf.records import Case, Response, Score
from evalperf.scorers.base import Scorer, targets_of
from evalperf.scorers.extraction import ResponseExtraction
from evalperf.scorers.lanes import usable_cpus
from evalperf.scorers.resources import Resources
from evalperf.scorers.time_limit import within

__all__ = ["CommandError", "command"]

_MAX_LINE_BYTES: Final = 8 * 1024 * 1024
_TAIL_BYTES: Final = 2_000
_MOST_SHOWN: Final = 200
_GRACE_S: Final = 2.0
"""For a program to end by itself once its input has ended."""


class CommandError(RuntimeError):
    """A program has not scored: it could not be started, has ended, or has written something else."""


class _Reply(Struct, frozen=True):
    """What a program writes: `value` or `passed`, or `error`."""

    value: float | UnsetType | None = UNSET
    passed: bool | None = None
    reason: str | None = None
    extracted: str | None = None
    detail: dict[str, Any] | UnsetType = UNSET
    error: str | None = None
    id: str | None = None


_replies = msgspec.json.Decoder(_Reply)


def command(config: CommandScorer, resources: Resources) -> Scorer:
    """A copy of the program is started where no other is free, up to `max_parallel`; each has one case at a time.

    It reads a line `{"id", "epoch", "input", "output", "target", "choices", "tags", "metadata"}`, where `target` is a
    list, and writes a line `{"value": number or null, "passed", "reason", "extracted", "detail"}`; without `value`,
    `passed` is the value. `{"error": "…"}` makes the case a failure, and so do any other line, a copy that ends, and
    one that takes longer than `timeout_s`: it is killed with all that it has started, for what it still had to say
    would be taken for the next score. Raises ConfigError where there is no such program.
    """
    program = config.argv[0]
    if os.sep in program and not os.access(resources.base_dir / program, os.X_OK):
        raise ConfigError(f"{resources.base_dir / program} is no program that can be started")
    if os.sep not in program and which(program) is None:
        raise ConfigError(f"there is no program called {program}", hint="argv names the program, then its arguments")
    scorer = _CommandScorer(config, resources)
    resources.at_close(scorer.close)
    return scorer


class _CommandScorer:
    def __init__(self, config: CommandScorer, resources: Resources) -> None:
        self.name = config.name if config.name is not None else "command"
        self.weight = config.weight
        self._config = config
        self._base_dir = resources.base_dir.resolve()
        self._extraction = ResponseExtraction(config, resources.threads)
        self._slots = asyncio.Semaphore(config.max_parallel if config.max_parallel is not None else usable_cpus())
        self._idle: list[_Copy] = []
        self._busy: set[_Copy] = set()

    async def score(self, case: Case, response: Response) -> Score:
        """What the program makes of the answer; raises CommandError, and TimeoutError past `timeout_s`."""
        return await self._extraction.score(case, response, self._asked)

    async def close(self) -> None:
        """Ends the input of all copies and waits for them; those that stay are killed."""
        copies = [*self._idle, *self._busy]
        self._idle.clear()
        await asyncio.gather(*(copy.end() for copy in copies))

    async def _asked(self, case: Case, response: Response) -> Score:
        line = _question(case, response)
        async with self._slots:
            copy = await self._free()
            self._busy.add(copy)
            try:
                async with within(self._config.timeout_s):
                    reply = await copy.ask(line)
                score = _score(reply, case.id)
            except BaseException:  # cancelled too: half a reply may be on its way
                await copy.kill()
                raise
            finally:
                self._busy.discard(copy)
            if self._config.keep:
                self._idle.append(copy)
            else:
                await copy.end()
        return score

    async def _free(self) -> _Copy:
        while self._idle:
            copy = self._idle.pop()
            if copy.alive:
                return copy
            await copy.kill()
        program, *arguments = self._config.argv
        if os.sep in program:
            program = str(self._base_dir / program)
        return await _start(program, arguments, self._base_dir, keep=self._config.keep)


async def _start(program: str, arguments: list[str], folder: Path, *, keep: bool) -> _Copy:
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_MAX_LINE_BYTES,
            cwd=folder,
            start_new_session=True,  # so that it and all it starts can be killed as one, and Ctrl-C passes it by
        )
    except OSError as error:
        raise CommandError(f"can't start {program}: {error.strerror}") from error
    return _Copy(Path(program).name, process, keep=keep)


class _Copy:
    """One running copy of the program, and the owner of the task that reads its stderr."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, *, keep: bool) -> None:
        self._name = name
        self._process = process
        self._keep = keep
        self._stdin = cast("asyncio.StreamWriter", process.stdin)
        self._stdout = cast("asyncio.StreamReader", process.stdout)
        self._stderr_tail = b""
        self._drain = asyncio.create_task(self._drain_stderr(cast("asyncio.StreamReader", process.stderr)))

    @property
    def alive(self) -> bool:
        """Whether it has not ended, as far as the loop knows."""
        return self._process.returncode is None

    async def ask(self, line: bytes) -> bytes:
        """Writes a line and reads one; raises CommandError."""
        try:
            self._stdin.write(line)
            await self._stdin.drain()
            if not self._keep:
                self._stdin.write_eof()
            return await self._stdout.readuntil(b"\n")
        except asyncio.LimitOverrunError as error:
            raise CommandError(f"{self._name} has written a line of over {_MAX_LINE_BYTES} bytes") from error
        except asyncio.IncompleteReadError as error:
            if error.partial and not self._keep:
                return error.partial
            raise await self._ended() from error
        except ConnectionError as error:
            raise await self._ended() from error

    async def end(self) -> None:
        """Lets it end by itself, for as long as is decent, then kills it."""
        self._stdin.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                await self._process.wait()
        await self.kill()

    async def kill(self) -> None:
        """Ends it and all that it has started, at once; a second call does nothing."""
        with suppress(ProcessLookupError, PermissionError):
            if self.alive:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._stdin.close()
        await self._process.wait()
        await asyncio.wait({self._drain}, timeout=_GRACE_S)  # a grandchild in a session of its own may hold stderr open
        self._drain.cancel()

    async def _ended(self) -> CommandError:
        await self.end()
        code = self._process.returncode
        how = f"exit code {code}" if code is None or code >= 0 else signal.Signals(-code).name
        said = _shown(self._stderr_tail.splitlines()[-1]) if self._stderr_tail.strip() else ""
        return CommandError(f"{self._name} has ended ({how}) without a score{': ' + said if said else ''}")

    async def _drain_stderr(self, stderr: asyncio.StreamReader) -> None:
        while piece := await stderr.read(_TAIL_BYTES):
            self._stderr_tail = (self._stderr_tail + piece)[-_TAIL_BYTES:]


def _question(case: Case, response: Response) -> bytes:
    fields: dict[str, Any] = {
        "id": case.id,
        "epoch": case.epoch,
        "input": case.input,
        "output": response.completion.text,
        "target": targets_of(case, response),
        "choices": case.choices,
        "tags": case.tags,
        "metadata": case.metadata,
    }
    try:
        return orjson.dumps(fields) + b"\n"
    except TypeError as error:
        raise CommandError(f"the case can't be written as JSON: {error}") from error


def _score(line: bytes, case_id: str) -> Score:
    try:
        reply = _replies.decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        raise CommandError(f"the program has written no score: {_shown(line)} ({error})") from error
    if reply.error is not None:
        raise CommandError(reply.error)
    if reply.id is not None and reply.id != case_id:
        raise CommandError("the program has scored another case than it was asked for")
    value = reply.value
    if value is UNSET:
        if reply.passed is None:
            raise CommandError(f'the program has written neither "value" nor "passed": {_shown(line)}')
        value = 1.0 if reply.passed else 0.0
    if value is not None and not math.isfinite(value):
        raise CommandError(f"the program has written {value}, which is not a score")
    reason = "the program gave no value" if value is None and reply.reason is None else reply.reason
    return Score(value=value, passed=reply.passed, reason=reason, extracted=reply.extracted, detail=reply.detail)


def _shown(line: bytes) -> str:
    """On one line, safe for a terminal."""
    text = " ".join(line[: 4 * _MOST_SHOWN].decode("utf-8", "replace").split())
    safe = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return safe if len(safe) <= _MOST_SHOWN else safe[: _MOST_SHOWN - 1] + "…"
