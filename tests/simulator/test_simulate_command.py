"""`evalperf simulate` as a process of its own."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evalperf.cli.simulate_options import chosen_options
from evalperf.simulator import PROFILES, LimitOptions, SimulatorOptions

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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--rate-429", "0.7", "--rate-500", "0.7"], "together at most 1"),
        (["--model", "hard-cat"], 'did you mean "hard-cap"'),
        (["--queue", "3"], "--slots"),
        (["--headers", "azure"], "--limit"),
        (["--burst", "3", "--tokens-per-minute", "100"], "--limit"),
        (["--rate-malformed", "0.5"], "--model truncated-json"),
    ],
)
def test_what_can_t_be_exits_with_2(arguments, said):
    done = _run("--port", "0", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_profiles_are_listed_a_line_each():
    done = _run("--list-models")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(PROFILES)


def test_https_prints_where_the_certificate_is_and_cleans_up():
    with _serving("--model", "tls", "--latency", "0") as (process, url):
        assert url.startswith("https://127.0.0.1:")
        assert process.stderr is not None
        (certificate,) = (
            Path(line.split()[-1]) for line in iter(process.stderr.readline, "try:\n") if "certificate: " in line
        )
        trusted = ssl.create_default_context(cafile=str(certificate))
        reply = _ask(url, "What is 6 × 7?", context=trusted)
    assert reply["choices"][0]["message"]["content"].endswith("The answer is 42.")
    assert not certificate.parent.exists()


def test_options_change_the_profile():
    """A limit of 1 in 1,000 s: the second request is refused, under a key that both have to show."""
    options = ("--model", "hard-cap", "--latency", "0", "--limit", "0.001", "--headers", "azure", "--api-key", "k")
    with _serving(*options) as (_, url):
        assert _ask(url, "What is 6 × 7?", key="k")["model"] == "large"
        with pytest.raises(urllib.error.HTTPError) as refused:
            _ask(url, "What is 6 × 8?", key="k")
        with pytest.raises(urllib.error.HTTPError) as unknown:
            _ask(url, "What is 6 × 8?", key="wrong")
    refused.value.close()
    unknown.value.close()
    assert refused.value.code == 429
    assert refused.value.headers["x-ratelimit-limit-requests"] == "-1"
    assert unknown.value.code == 401


class TestOptions:
    """Without a process."""

    def test_a_limit_has_a_second_s_worth_of_burst(self):
        options = chosen_options(SimulatorOptions(), {}, {}, {"requests_per_s": 49.5})
        assert options.limit == LimitOptions(requests_per_s=49.5, burst=50)

    def test_slots_take_the_place_of_a_schedule(self):
        options = chosen_options(PROFILES["drift"].options, {}, {"slots": 5}, {})
        assert options.capacity.slots == 5
        assert options.capacity.slots_later == ()
        assert options.capacity.weather == PROFILES["drift"].options.capacity.weather

    def test_no_malformed_reply_is_left_at_a_share_of_0(self):
        options = chosen_options(PROFILES["html-error"].options, {"rate_malformed": 0.0}, {}, {})
        assert options.malformed is None

    def test_what_is_not_given_stays(self):
        options = PROFILES["rate-limit"].options
        assert chosen_options(options, {"latency_s": None}, {"slots": None}, {"burst": None}) == options


@contextmanager
def _serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with subprocess.Popen(
        [*EVALPERF, "--port", "0", *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.terminate()
            process.communicate(timeout=10)


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*EVALPERF, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)


def _ask(url: str, question: str, *, context: ssl.SSLContext | None = None, key: str = "none") -> dict:
    body = json.dumps({"model": "large", "messages": [{"role": "user", "content": question}]}).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    request = urllib.request.Request(f"{url}/chat/completions", body, headers)
    with urllib.request.urlopen(request, timeout=10, context=context) as reply:
        return json.load(reply)
