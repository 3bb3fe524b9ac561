"""What runs in a process of its own: calls, one after the other, each with its answer."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Any

__all__ = ["Outcome", "Work", "WorkerDiedError", "packed", "serve_calls", "unpacked"]

Work = Callable[..., Any]
"""Takes what a call brings, gives what goes back."""

Outcome = tuple[bool, Any]
"""True with what was returned, or False with the exception."""


class WorkerDiedError(RuntimeError):
    """The process in which a user's function ran has ended, or what it returned could not be brought back."""


def packed(value: Any) -> bytes:
    """The value as it travels between processes; raises what the value raises where it can't."""
    return bytes(ForkingPickler.dumps(value))


def unpacked(data: bytes) -> Any:
    """The value again; only ever used on what this project's own processes have sent."""
    loads: Callable[[bytes], Any] = ForkingPickler.loads
    return loads(data)


def serve_calls(connection: Connection, *, make_work: Callable[[], Work], memory_mb: int | None = None) -> None:
    """The life of a worker process: makes ready, says so, answers calls batch by batch, and ends with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    try:
        work = make_work()
    except Exception as error:  # noqa: BLE001 - the user's code: its error is told, not printed
        connection.send_bytes(f"{type(error).__name__}: {error}".encode("utf-8", "replace"))
        return
    if memory_mb is not None:
        _bound_memory(memory_mb * 1024 * 1024)
    connection.send_bytes(b"")
    while True:
        try:
            batch: list[bytes] = unpacked(connection.recv_bytes())
        except EOFError:
            return
        for call in batch:
            connection.send_bytes(_answer(work, call))


def _answer(work: Work, call: bytes) -> bytes:
    try:
        return packed((True, work(*unpacked(call))))
    except Exception as error:  # noqa: BLE001 - the user's code: it is told to the one who asked
        return _told(error)
    except BaseException as error:  # noqa: BLE001 - sys.exit() of the user's code must not end the run
        return _told(WorkerDiedError(f"the function raised {type(error).__name__}: {error}"))


def _told(error: BaseException) -> bytes:
    """The exception, or its words where it does not survive the journey."""
    try:
        data = packed((False, error))
        unpacked(data)
    except Exception:  # noqa: BLE001 - an exception with a constructor of its own may raise anything
        return packed((False, WorkerDiedError(f"{type(error).__name__}: {error}")))
    return data


def _bound_memory(most_bytes: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = most_bytes if hard == resource.RLIM_INFINITY else min(most_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _exit_with_parent() -> None:
    """An idle worker sees its parent go by the closed connection; one that is busy needs this."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
