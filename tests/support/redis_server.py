"""A real redis-server on a free loopback port, which may be stopped and started again."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

IN_CI = bool(os.environ.get("CI"))  # read on import: tests run without the variable


class RedisServer:
    """One server; holds nothing on disk."""

    def __init__(self, program: str, folder: Path, password: str | None) -> None:
        self.port = _free_port()
        secret = "" if password is None else f":{password}@"
        self.url = f"redis://{secret}127.0.0.1:{self.port}/0"
        self._argv = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        self._argv += [] if password is None else ["--requirepass", password]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._argv, stdout=subprocess.DEVNULL)
        for _ in range(400):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)
        raise AssertionError("redis-server does not listen")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def redis_server(folder: Path, *, password: str | None = None) -> Iterator[RedisServer]:
    """A running server; the test is skipped where there is none, which in CI is an error."""
    program = shutil.which("redis-server") or shutil.which("redis-server", path="/usr/sbin:/usr/local/bin")
    if program is None:
        if IN_CI:
            raise AssertionError("redis-server is missing (Debian: apt-get install redis-server)")
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    server = RedisServer(program, folder, password)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
