"""Where the code of answers runs: a folder, a process group, limits, and namespaces where the system has them."""

from __future__ import annotations

import asyncio
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

import msgspec
from msgspec import Struct

from evalperf.config.load import environment
from evalperf.config.scorers import CodeScorer
from evalperf.errors import ConfigError
from evalperf.scorers.lanes import usable_cpus
from evalperf.scorers.time_limit import within

__all__ = ["Ended", "Sandbox", "SandboxError"]

_CHILD: Final = Path(__file__).with_name("code_child.py")
_OUTPUT_TAIL_BYTES: Final = 2_000
_START_S: Final = 30.0
"""For the launcher to start and to end, on a busy machine; the program's own time is the watcher's business."""
_MB: Final = 1024 * 1024
_REPORT_BYTES: Final = 4096
_HINTS: Final = {"require": 'without namespaces it may run with "isolation": "try"'}


class SandboxError(RuntimeError):
    """A program could not be run, for which no answer is to blame."""


class Ended(Struct, frozen=True, kw_only=True):
    """How a program came to its end."""

    status: int
    """Its exit code; negative where a signal has ended it."""
    done: bool
    """Whether it reached its own last line."""
    ended_by: str | None
    """`time` or `processes` where it went beyond that limit."""
    isolated: tuple[str, ...]
    """What held: `network`, `files`, `processes`."""
    output: str = ""
    """The end of what it has printed."""


class _Report(Struct, frozen=True):
    """What the child writes."""

    fault: str | None = None
    status: int = 0
    done: bool = False
    ended_by: str | None = None
    isolated: tuple[str, ...] = ()


_reports = msgspec.json.Decoder(_Report)


class Sandbox:
    """Runs programs, `max_parallel` at once."""

    def __init__(self, config: CodeScorer) -> None:
        self._config = config
        self._slots = asyncio.Semaphore(config.max_parallel if config.max_parallel is not None else usable_cpus())

    def check(self) -> None:
        """Runs a program of nothing; raises ConfigError where that fails. Takes a tenth of a second, once."""
        with tempfile.TemporaryDirectory(prefix="evalperf-code-") as folder, tempfile.TemporaryFile() as output:
            report_end, report_start = os.pipe()
            try:
                subprocess.run(  # noqa: S603 - our own script, with true(1)
                    self._launch(folder, report_start, ["true"]),
                    check=False,
                    timeout=_START_S,
                    pass_fds=(report_start,),
                    **_surroundings(folder, output),
                )
                _read_report(report_end, output)
            except (OSError, subprocess.TimeoutExpired, SandboxError) as error:
                raise ConfigError(
                    f"code can't be run here: {error}", hint=_HINTS.get(self._config.isolation)
                ) from error
            finally:
                os.close(report_start)
                os.close(report_end)

    async def run(self, program: str) -> Ended:
        """Waits for a free place first; raises SandboxError where the program could not be run."""
        async with self._slots:
            folder = await asyncio.to_thread(_make_folder, self._config.file_name, program)
            report_end, report_start = os.pipe()
            try:
                with tempfile.TemporaryFile() as output:
                    path = os.path.join(folder, self._config.file_name)  # noqa: PTH118 - an argument of a command
                    argv = [*(self._config.argv if self._config.argv is not None else [sys.executable]), path]
                    await self._finish(self._launch(folder, report_start, argv), folder, report_start, output)
                    return _read_report(report_end, output)
            finally:
                os.close(report_start)
                os.close(report_end)
                await asyncio.to_thread(_remove, folder)

    async def _finish(self, argv: Sequence[str], folder: str, report: int, output: IO[bytes]) -> None:
        """Starts the launcher and waits for its end; ends it and all it has started where this is cancelled."""
        try:
            launcher = await asyncio.create_subprocess_exec(*argv, pass_fds=(report,), **_surroundings(folder, output))
        except OSError as error:
            raise SandboxError(f"can't start {argv[0]}: {error.strerror}") from error
        try:
            async with within(self._config.timeout_s + _START_S):  # the watcher keeps the program's own limit
                await launcher.wait()
        except TimeoutError as error:
            raise SandboxError("the launcher of the program does not answer") from error
        finally:
            with suppress(ProcessLookupError):
                os.killpg(launcher.pid, signal.SIGKILL)
            await launcher.wait()

    def _launch(self, folder: str, report: int, argv: Sequence[str]) -> list[str]:
        config = self._config
        specification = {
            "folder": folder,
            "report": report,
            "argv": argv,
            "to_the_end": config.argv is None and argv[0] == sys.executable,
            "flags": ["-B", "-P", "-s", *([] if config.packages else ["-S"])],
            "isolation": config.isolation,
            "timeout_s": config.timeout_s,
            "cpu_s": config.cpu_s if config.cpu_s is not None else math.ceil(config.timeout_s) + 1,
            "memory_bytes": config.memory_mb * _MB,
            "file_bytes": config.file_mb * _MB,
            "processes": config.processes,
        }
        return [sys.executable, "-I", "-S", "-B", str(_CHILD), json.dumps(specification)]


def _surroundings(folder: str, output: IO[bytes]) -> dict[str, Any]:
    """Of launcher and program: nothing to read, a file to write to, a session, an environment without keys."""
    return {
        "stdin": subprocess.DEVNULL,
        "stdout": output,
        "stderr": output,
        "start_new_session": True,
        "cwd": folder,
        "env": {
            "PATH": environment().get("PATH", os.defpath),
            "HOME": folder,
            "TMPDIR": folder,
            "LANG": "C.UTF-8",
            "PYTHONHASHSEED": "0",  # the same verdict every time
            "OMP_NUM_THREADS": "1",  # each thread of a numerical library would reserve memory
        },
    }


def _read_report(report: int, output: IO[bytes]) -> Ended:
    size_bytes = output.seek(0, os.SEEK_END)
    output.seek(max(0, size_bytes - _OUTPUT_TAIL_BYTES))
    tail = output.read(_OUTPUT_TAIL_BYTES).decode("utf-8", "replace").strip()
    os.set_blocking(report, False)
    try:
        said = _reports.decode(os.read(report, _REPORT_BYTES).partition(b"\n")[0])
    except (BlockingIOError, msgspec.DecodeError) as error:
        raise SandboxError(f"the program ended together with what watched it: {tail[-200:]}") from error
    if said.fault is not None:
        raise SandboxError(said.fault)
    return Ended(status=said.status, done=said.done, ended_by=said.ended_by, isolated=said.isolated, output=tail)


def _make_folder(file_name: str, program: str) -> str:
    folder = Path(tempfile.mkdtemp(prefix="evalperf-code-"))
    (folder / file_name).write_bytes(program.encode("utf-8", "surrogatepass"))
    return str(folder)


def _remove(folder: str) -> None:
    """The folder with all that is in it; a program may have locked itself out of folders of its own."""
    shutil.rmtree(folder, ignore_errors=True)
    for place, names, _ in os.walk(folder):
        for name in names:
            os.chmod(os.path.join(place, name), 0o700)  # noqa: PTH101, PTH118 - as os.walk gives them
    shutil.rmtree(folder, ignore_errors=True)
