"""A program of the user's as the provider: one JSON line in, one JSON line out, case after case."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import msgspec
import orjson
from msgspec import Struct

from evalperf.config.load import environment
from evalperf.config.model import CommandProvider
from evalperf.errors import ConfigError, ProviderError
from evalperf.providers.refusals import excerpt
from evalperf.records import Completion, Request, Usage, counted_usage

__all__ = ["Command", "open_command"]

_MAX_LINE_BYTES = 8 * 1024 * 1024
_STDERR_TAIL_BYTES = 4_000
_GRACE_S = 2.0
"""For a program to end by itself once its input has ended."""


class _Answer(Struct, frozen=True):
    """What a program writes: `output`, or `error` with whether another try may help."""

    output: str | None = None
    error: str | None = None
    retryable: bool = False
    id: str | None = None
    model: str | None = None
    usage: Usage | None = None
    finish_reason: str | None = None


_answers = msgspec.json.Decoder(_Answer)


def open_command(config: CommandProvider, base_dir: Path, *, processes: int) -> Command:
    """The provider for a program; it starts in `base_dir`, and so does a relative path to it."""
    return Command(config, base_dir.resolve(), processes=processes)


class Command:
    """Keeps up to `processes` copies of the program running, each on one case at a time.

    A copy is started when no other is free. It reads a line `{"id", "epoch", "input", "messages", "choices", "tags",
    "metadata"}` and writes a line `{"output": "…"}` or `{"error": "…"}`; it is not told the target. A copy that is over
    its time, was cancelled or writes anything else is killed with all that it has started: whatever it still had to say
    would be taken for the next answer.
    """

    paid = True
    in_process = False

    def __init__(self, config: CommandProvider, base_dir: Path, *, processes: int) -> None:
        self.name = Path(config.argv[0]).name
        self.model = config.model
        self._config = config
        self._base_dir = base_dir
        self._slots = asyncio.Semaphore(processes)
        self._processes: set[_Process] = set()  # all that were started and not ended
        self._idle: list[_Process] = []
        self._secrets = tuple(value for value in config.env.values() if len(value) >= 6)

    async def check(self) -> None:
        """Starts the first copy; raises ConfigError where that fails."""
        try:
            self._idle.append(await self._start())
        except ProviderError as error:
            raise ConfigError(error.message, hint="argv names the program first, then its arguments") from error

    async def complete(self, request: Request) -> Completion:
        """The answer of a copy that is free; waits for one where all are at work."""
        line = _question(request)
        async with self._slots:
            process = await self._free()
            try:
                async with asyncio.timeout(self._config.timeout_s):
                    answer = await self._ask(process, line, request.case.id)
            except TimeoutError:
                await self._kill(process)
                raise ProviderError(
                    "timeout", f"no answer from {self.name} within {self._config.timeout_s:g} s", retryable=True
                ) from None
            except BaseException:  # cancelled too: half an answer may be on its way
                await self._kill(process)
                raise
            self._idle.append(process)
        return self._completion(answer)

    async def probe(self, within_s: float) -> ProviderError | None:  # noqa: ARG002 - there is nothing to wait for
        """Always well: a copy that has ended is replaced when it is needed."""
        return None

    def connection_statistics(self) -> None:
        """There are no connections."""

    async def aclose(self) -> None:
        """Ends the input of all copies and waits for them; those that stay are killed."""
        self._idle.clear()
        while self._processes:
            ending = list(self._processes)
            await asyncio.gather(*(process.end() for process in ending))
            self._processes.difference_update(ending)

    async def _free(self) -> _Process:
        while self._idle:
            process = self._idle.pop()
            if process.alive:
                return process
            await self._kill(process)
        return await self._start()

    async def _kill(self, process: _Process) -> None:
        await process.kill()
        self._processes.discard(process)

    async def _start(self) -> _Process:
        program, *arguments = self._config.argv
        if os.sep in program:
            program = str(self._base_dir / program)
        try:
            started = await asyncio.create_subprocess_exec(
                program,
                *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=_MAX_LINE_BYTES,
                cwd=self._base_dir,
                env=self._environment(),
                start_new_session=True,  # so that it and all it starts can be killed as one, and Ctrl-C passes it by
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise ProviderError("provider", f"can't start {program}: {reason}") from error
        process = _Process(started)
        self._processes.add(process)
        return process

    def _environment(self) -> dict[str, str] | None:
        """Ours with the configuration's additions; None hands ours on as it is."""
        return {**environment(), **self._config.env} if self._config.env else None

    async def _ask(self, process: _Process, line: bytes, case_id: str) -> _Answer:
        try:
            reply = await process.exchange(line)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise await self._ended(process) from error
        except asyncio.LimitOverrunError as error:
            raise ProviderError(
                "bad_reply", f"{self.name} has written a line of over {_MAX_LINE_BYTES} bytes"
            ) from error
        try:
            answer = _answers.decode(reply)
        except (ValueError, RecursionError) as error:
            found = excerpt(reply, self._secrets)
            raise ProviderError("bad_reply", f"{self.name} has written no JSON answer: {found} ({error})") from error
        if answer.id is not None and answer.id != case_id:
            raise ProviderError("bad_reply", f"{self.name} has answered another case than it was asked", retryable=True)
        return answer

    async def _ended(self, process: _Process) -> ProviderError:
        """With its last words and its exit code, for which its end has to be waited for."""
        await process.end()
        said = excerpt(process.last_words, self._secrets)
        return ProviderError(
            "provider",
            f"{self.name} has ended ({_manner(process.exit_code)}) without an answer{': ' + said if said else ''}",
            retryable=True,
        )

    def _completion(self, answer: _Answer) -> Completion:
        if answer.error is not None:
            raise ProviderError("provider", excerpt(answer.error, self._secrets), retryable=answer.retryable)
        if answer.output is None:
            raise ProviderError("bad_reply", f'{self.name} has written neither "output" nor "error"')
        usage = answer.usage
        return Completion(
            text=answer.output,
            model=answer.model if answer.model is not None else self.model,
            usage=None if usage is None else counted_usage(usage.input_tokens, usage.output_tokens),
            finish_reason=answer.finish_reason,
        )


def _question(request: Request) -> bytes:
    case = request.case
    fields: dict[str, Any] = {
        "id": case.id,
        "epoch": case.epoch,
        "input": case.input,
        "messages": request.messages,
        "choices": case.choices,
        "tags": case.tags,
        "metadata": case.metadata,
    }
    try:
        return orjson.dumps(fields) + b"\n"
    except TypeError as error:
        raise ProviderError("rejected", f"the case can't be written as JSON: {error}") from error


def _manner(exit_code: int | None) -> str:
    if exit_code is None or exit_code >= 0:
        return f"exit code {exit_code}"
    return f"killed by {signal.Signals(-exit_code).name}"


class _Process:
    """One running copy, and the owner of the task that reads its stderr."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._stdin = cast("asyncio.StreamWriter", process.stdin)
        self._stdout = cast("asyncio.StreamReader", process.stdout)
        self._stderr_tail = b""
        self._drain = asyncio.create_task(self._drain_stderr(cast("asyncio.StreamReader", process.stderr)))

    @property
    def alive(self) -> bool:
        """Whether it has not ended, as far as the loop knows."""
        return self._process.returncode is None

    @property
    def exit_code(self) -> int | None:
        """Negative where a signal has ended it."""
        return self._process.returncode

    @property
    def last_words(self) -> str:
        """The last lines of its stderr."""
        lines = self._stderr_tail.decode("utf-8", "replace").splitlines()
        return " | ".join(line.strip() for line in lines[-3:] if line.strip())

    async def exchange(self, line: bytes) -> bytes:
        """Writes a line and reads one."""
        self._stdin.write(line)
        await self._stdin.drain()
        return await self._stdout.readuntil(b"\n")

    async def end(self) -> None:
        """Lets it end by itself, for as long as is decent, then kills it."""
        self._stdin.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                await self._process.wait()
        await self.kill()

    async def kill(self) -> None:
        """Ends it and all that it has started, at once; a second call does nothing."""
        if self.alive:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._stdin.close()
        await self._process.wait()
        await asyncio.wait({self._drain}, timeout=_GRACE_S)  # a grandchild in a session of its own may hold stderr open
        self._drain.cancel()

    async def _drain_stderr(self, stderr: asyncio.StreamReader) -> None:
        while piece := await stderr.read(_STDERR_TAIL_BYTES):
            self._stderr_tail = (self._stderr_tail + piece)[-_STDERR_TAIL_BYTES:]
