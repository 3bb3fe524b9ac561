"""`evalperf simulate` as a process of its own."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EVALPERF = [sys.executable, "-m", "evalperf", "simulate"]


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_serves_until_a_signal(number, exit_code):
    with subprocess.Popen(
        [*EVALPERF, "--port", "0", "--latency", "0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        reply = _ask(url, "What is 6 × 7?")
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    assert reply["choices"][0]["message"]["content"].endswith("The answer is 42.")
    assert process.returncode == exit_code
    assert out == ""
    assert f"curl -s {url}/chat/completions" in err
    assert "Traceback" not in err


def test_a_taken_port_is_said_and_exits_with_2():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = _run("--port", str(port))
    assert done.returncode == 2
    assert f"can't listen on 127.0.0.1 port {port}" in done.stderr
    assert "--port 0" in done.stderr


def test_shares_above_one_exit_with_2():
    done = _run("--port", "0", "--rate-429", "0.7", "--rate-500", "0.7")
    assert done.returncode == 2
    assert "together at most 1" in done.stderr


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*EVALPERF, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)


def _ask(url: str, question: str) -> dict:
    body = json.dumps({"model": "large", "messages": [{"role": "user", "content": question}]}).encode()
    request = urllib.request.Request(f"{url}/chat/completions", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as reply:
        return json.load(reply)
