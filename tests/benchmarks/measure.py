"""Whole processes, measured by the operating system: CPU seconds, wall seconds, peak memory."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLIENT_CORE, SERVER_CORE = 0, 1


@dataclass(frozen=True)
class Measured:
    """One finished process."""

    cpu_s: float
    wall_s: float
    peak_rss_mb: float
    exit_code: int
    output: bytes

    @property
    def document(self) -> Any:
        """What it printed with --json."""
        return json.loads(self.output)


def measured(argv: Sequence[str], *, core: int | None = None, env: dict[str, str] | None = None) -> Measured:
    """Runs the command to its end, on one core if asked."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        process = subprocess.Popen(
            argv,
            stdout=out,
            stderr=err,
            env={**_environment(), **(env or {})},
            preexec_fn=None if core is None else lambda: os.sched_setaffinity(0, {core}),
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode not in (0, 1):
            sys.stderr.write(err.read().decode()[-3000:])
        return Measured(
            cpu_s=usage.ru_utime + usage.ru_stime,
            wall_s=wall_s,
            peak_rss_mb=usage.ru_maxrss / 1024,
            exit_code=process.returncode,
            output=out.read(),
        )


def _environment() -> dict[str, str]:
    """Ours, but bytecode is kept as it is for users: compiling all modules takes a start half a second more."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def evalperf(*arguments: str, core: int | None = None) -> Measured:
    """Runs `evalperf` with this Python."""
    return measured([sys.executable, "-m", "evalperf", *arguments], core=core)


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    """Returns when something listens on the port."""
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing listens on port {port}")


def write_cases(path: Path, count: int) -> None:
    """Cases of about 300 bytes, each with a recorded answer; three quarters of them right."""
    filler = "the quick brown fox jumps over the lazy dog and thinks about the number of its friends "
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            answer = 42 if number % 4 else 41
            question = f"case-{number} {filler}{number % 97}: what is the answer?"
            row = {
                "id": f"case-{number}",
                "input": question,
                "target": "42",
                "output": str(answer),
                "group": number % 7,
            }
            file.write(json.dumps(row) + "\n")


def write_config(path: Path, **sections: Any) -> Path:
    """A configuration file."""
    path.write_text(json.dumps(sections))
    return path


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="evalperf-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def serving(port: int, *argv: str) -> Iterator[None]:
    """A server on its own core: it listens on that port when the block begins, and is gone afterwards."""
    server = subprocess.Popen(
        argv,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
    )
    try:
        wait_for(port)
        yield
    finally:
        server.terminate()
        server.wait()


NGINX = """
worker_processes 1; worker_rlimit_nofile 20000; pid {dir}/nginx.pid; error_log {dir}/nginx.err crit; daemon off;
events {{ worker_connections 9000; }}
http {{
  access_log off; keepalive_timeout 600s; keepalive_requests 1000000000; client_body_buffer_size 64k;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
  uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096; default_type application/json;
    location = /stub {{ stub_status; }}
    location = /v1/models {{ return 200 '{{"object":"list","data":[]}}'; }}
    location = /v1/chat/completions {{ return 200 '{reply}'; }}
  }}
}}
"""
REPLY = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1700000000,
    "model": "mock-model",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "42"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 24, "completion_tokens": 1, "total_tokens": 25},
}


@contextmanager
def nginx() -> Iterator[int]:
    """A server without latency on its own core; yields its port."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        raise SystemExit("this benchmark needs nginx (Debian: apt-get install nginx-light)")
    with scratch() as folder:
        port = free_port()
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(dir=folder, port=port, reply=json.dumps(REPLY)))
        with serving(port, program, "-p", str(folder), "-c", str(config)):
            yield port


def verdict(what: str, value: float, bar: float, *, at_most: bool) -> None:
    """One line: what, the figure, the bar, and whether it holds."""
    holds = value <= bar if at_most else value >= bar
    print(f"{'✔' if holds else '✘'} {what}: {value:,.2f} (bar {'≤' if at_most else '≥'} {bar:,.2f})")
