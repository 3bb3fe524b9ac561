"""Keys are planted wherever they can enter, and every byte that a run writes is searched for them."""

from __future__ import annotations

import base64
import gzip
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

from evalperf.results import list_runs
from tests.faults.processes import environment
from tests.support.http_server import Received, chat_reply, http_reply, json_reply, scripted_server

CANARIES = {
    "CANARY_KEY": "sk-canary-one-4f3c9a71",
    "CANARY_HEADER": "canary/two+7d8e=",
    "CANARY_SCHEME": "canary-three-55aa",
    "CANARY_JUDGE": "sk-canary-four-9911",
    "CANARY_ENV": 'canary"five\\quoted',
    "CANARY_EMBED": "sk-canary-six-2222",
    "CANARY_REDIS": "canary-seven-pass",
    "CANARY_URL": "canary-nine%2Fin-url",
    "CANARY_QUERY": "canary-ten-in-query",
    "CANARY_PROXY": "canary-eleven-pass",
}
"""By the variable that holds it."""

LITERAL = "canary-eight-in-the-file"
"""Written into the configuration itself, under a key that says what it is."""

PARAMETER = "canary-twelve-in-query"
"""Written into the configuration as a parameter of a URL."""

ALL = [*CANARIES.values(), LITERAL, PARAMETER, "canary-nine/in-url"]


def forms(secret: str) -> list[bytes]:
    """In which a secret may stand in a file; base64 at each of its three places, alone and behind a name."""
    plain = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]}
    coded = set()
    coded.add(base64.b64encode(f"tester:{secret}".encode()).decode().rstrip("="))
    for before in range(3):
        text = base64.b64encode(b"\0" * before + secret.encode()).decode()
        coded.add(text[4 if before else 0 : -4])
    return [form.encode() for form in plain | coded]


def contents(path: Path) -> bytes:
    data = path.read_bytes()
    if data.startswith(b"\x1f\x8b"):
        data += gzip.decompress(data)
    return data


def leaks(folder: Path, *texts: bytes, but: tuple[Path, ...] = ()) -> list[str]:
    """Where a secret was found: in which file, and which one."""
    found = [(f"text {number}", text) for number, text in enumerate(texts)]
    found += [(str(path), contents(path)) for path in folder.rglob("*") if path.is_file() and path not in but]
    return [f"{where}: {secret}" for where, data in found for secret in ALL for form in forms(secret) if form in data]


def configuration(url: str, **changes: Any) -> dict[str, Any]:
    endpoint = {
        "name": "echo",
        "url": url,
        "api_key_env": "CANARY_KEY",
        "headers": {"X-Extra": "${CANARY_HEADER}", "X-Scheme": "Bearer ${CANARY_SCHEME}", "X-Literal": LITERAL},
    }
    at = url.removeprefix("http://")
    named = {
        "name": "named",
        "url": f"http://tester:${{CANARY_URL}}@{at}?sig=${{CANARY_QUERY}}&api-version=2&subscription-key={PARAMETER}",
    }
    proxied = {
        "name": "proxied",
        "url": "http://model.invalid/v1",
        "proxy": f"http://tester:${{CANARY_PROXY}}@{at.partition('/')[0]}",
    }
    judge = {"type": "openai", "model": "j", "endpoints": [{"url": url, "api_key": "${CANARY_JUDGE}"}]}
    embedder = {"type": "openai", "model": "e", "endpoints": [{"url": url, "api_key_env": "CANARY_EMBED"}]}
    return {
        "name": "secrets",
        "cases": {"path": "cases.jsonl"},
        "provider": {"type": "openai", "model": "m", "endpoints": [endpoint, named, proxied]},
        "balancing": {"strategy": "round_robin"},
        "retry": {"attempts": 2, "base_s": 0.01},
        "cache": {"responses": {"strategy": "hybrid", "disk": True}},
        "scorers": [
            "exact",
            {"type": "judge", "name": "j", "provider": judge, "rubric": {"type": "pass_fail", "criterion": "right"}},
            {"type": "semantic", "embedder": embedder},
        ],
        "output": {"dir": "results"},
        **changes,
    }


def echo(received: Received) -> bytes:
    """Every way in which a server may say what it was sent: answers, errors, pages, headers."""
    sent = json.dumps({**received.headers, "path": received.path})
    asked = received.body.decode(errors="replace")
    if "page" in asked:
        return http_reply(500, f"<title>{sent}</title>{sent}".encode(), content_type="text/html")
    if "refuse" in asked:
        return json_reply({"error": {"message": f"bad key {sent}", "code": received.headers.get("authorization")}}, 400)
    if "garbage" in asked:
        return http_reply(200, sent.encode())
    if "limit" in asked:
        return json_reply({"error": {"message": sent}}, 429, retry_after="0", x_ratelimit_limit_requests=LITERAL)
    return chat_reply(f"you sent {sent}", model=sent[:400])


@contextmanager
def planted(folder: Path, config: dict[str, Any]) -> Iterator[tuple[Path, dict[str, str]]]:
    questions = ["say", "page", "refuse", "garbage", "limit", "say again"]
    lines = [{"id": f"c{n}", "input": question, "target": "x"} for n, question in enumerate(questions)]
    (folder / "cases.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    path = folder / "secrets.json"
    path.write_text(json.dumps(config))
    (folder / "tmp").mkdir(exist_ok=True)
    yield path, {**environment(folder), **CANARIES, "TMPDIR": str(folder / "tmp")}


async def evalperf(folder: Path, environ: dict[str, str], *arguments: str) -> tuple[int, bytes, bytes]:
    import asyncio

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "evalperf", *arguments, cwd=folder, env=environ,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    output, errors = await process.communicate()
    return process.returncode or 0, output, errors


async def test_no_key_is_written_by_a_run_whose_server_echoes_them(tmp_path: Path) -> None:
    """Results, failures, manifest, journal, caches, state, summary, stdout, stderr, and every form of report."""
    async with scripted_server(echo) as server:
        with planted(tmp_path, configuration(server.url)) as (path, environ):
            said = await evalperf(tmp_path, environ, "run", str(path), "-v", "--progress", "plain")
            said_json = await evalperf(tmp_path, environ, "run", str(path), "--json", "--progress", "json")
            texts = [*said[1:], *said_json[1:]]
            for form in ("terminal", "markdown", "json"):
                texts += (await evalperf(tmp_path, environ, "report", "latest", "--format", form))[1:]
            texts += (await evalperf(tmp_path, environ, "doctor", "latest", "--json"))[1:]
            texts += (await evalperf(tmp_path, environ, "run", str(path), "--dry-run"))[1:]
    sent = " ".join(f"{request.path} {request.headers}" for request in server.requests)
    basic = [base64.b64encode(f"tester:{unquote(CANARIES[name])}".encode()) for name in ("CANARY_URL", "CANARY_PROXY")]
    for secret in ("CANARY_KEY", "CANARY_HEADER", "CANARY_SCHEME", "CANARY_JUDGE", "CANARY_EMBED", "CANARY_QUERY"):
        assert CANARIES[secret] in sent
    assert all(text in sent for text in (LITERAL, PARAMETER, *(code.decode() for code in basic)))
    assert b"Traceback" not in b"".join(texts)
    assert leaks(tmp_path, *texts, but=(path,)) == []
    assert len(list_runs(tmp_path / "results")) == 2


async def test_a_killed_run_leaves_none_in_its_journal(tmp_path: Path) -> None:
    async with scripted_server(echo) as server:
        config = configuration(server.url, scorers=[{"type": "function", "call": "killing:killed"}])
        (tmp_path / "killing.py").write_text("import os\ndef killed(*_, **__):\n    os.kill(os.getpid(), 9)\n")
        with planted(tmp_path, config) as (path, environ):
            code, *texts = await evalperf(tmp_path, environ, "run", str(path))
    assert code == -9, texts[1].decode()
    assert any(tmp_path.glob("results/*/journal/*.wal"))
    assert leaks(tmp_path, *texts, but=(path,)) == []


async def test_errors_and_crash_files_hold_none(tmp_path: Path) -> None:
    """A configuration with a fault beside each secret, an unreachable server, and a bug of ours."""
    wrong = configuration(
        "http://user:canary-three-55aa@127.0.0.1:9/v1", provider_={"api_key": LITERAL}, retry={"attempts": 1}
    )
    wrong["provider"]["endpoints"][0]["api_kee"] = LITERAL
    wrong["cache"]["responses"]["redis_url"] = "redis://:canary-seven-pass@127.0.0.1:9/0"
    texts: list[bytes] = []
    with planted(tmp_path, wrong) as (path, environ):
        for arguments in (
            ("validate", str(path)),
            ("run", str(path)),
            ("run", str(path), "--set", f"provider.api_key={LITERAL}"),
        ):
            code, *said = await evalperf(tmp_path, environ, *arguments)
            assert code == 2
            texts += said
        del wrong["provider"]["endpoints"][0]["api_kee"], wrong["provider_"]
        path.write_text(json.dumps(wrong))
        texts += (await evalperf(tmp_path, environ, "run", str(path)))[1:]
        path.write_text(json.dumps(wrong)[:-9])
        texts += (await evalperf(tmp_path, environ, "run", str(path)))[1:]
    assert b"Traceback" not in b"".join(texts)
    assert leaks(tmp_path, *texts, but=(path,)) == []


async def test_a_program_gets_its_secrets_and_its_title_shows_none(tmp_path: Path) -> None:
    """The command provider's environment; the arguments that `ps` shows are looked at while it runs."""
    program = tmp_path / "program.py"
    program.write_text(
        "import json, os, sys\n"
        "for line in sys.stdin:\n"
        "    title = b' '.join(open(f'/proc/{pid}/cmdline', 'rb').read() for pid in (os.getpid(), os.getppid()))\n"
        "    shown = any(value.encode() in title for value in json.loads(os.environ['ALL']))\n"
        "    known = os.environ['GIVEN'].startswith('canary')\n"
        "    print(json.dumps({'output': f'{shown} {known}'}), flush=True)\n"
    )
    provider = {
        "type": "command",
        "argv": [sys.executable, str(program)],
        "env": {"GIVEN": "${CANARY_ENV}", "ALL": json.dumps(ALL)},
    }
    config = configuration("http://127.0.0.1:9/v1", provider=provider, scorers=[])
    with planted(tmp_path, config) as (path, environ):
        code, *texts = await evalperf(tmp_path, environ, "run", str(path), "--json")
    assert code == 0, texts[1].decode()
    assert leaks(tmp_path, *texts, but=(path, program)) == []
    (part,) = tmp_path.glob("results/*/results/part-*.gz")
    assert gzip.decompress(part.read_bytes()).count(b'"output":"False True"') == 6


async def test_only_the_user_may_read_what_was_written(tmp_path: Path) -> None:
    """Files 0600, folders 0700, under the widest umask."""
    before = os.umask(0)
    try:
        async with scripted_server(echo) as server:
            with planted(tmp_path, configuration(server.url, output={"dir": "made/results"})) as (path, environ):
                await evalperf(tmp_path, environ, "run", str(path))
    finally:
        os.umask(before)
    written = [*tmp_path.glob("made/results/*"), *tmp_path.glob("made/results/*/**/*")]
    written += [*tmp_path.glob("cache/evalperf/**/*"), *tmp_path.glob("state/evalperf/**/*")]
    assert len(written) > 10
    modes = {str(path.relative_to(tmp_path)): oct(stat.S_IMODE(path.stat().st_mode)) for path in written}
    assert {name: mode for name, mode in modes.items() if mode not in {"0o600", "0o700"}} == {}


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    """Plain, packed and coded."""
    for number, data in enumerate(
        (ALL[0].encode(), gzip.compress(ALL[1].encode()), base64.b64encode(b"xy" + ALL[2].encode()))
    ):
        (tmp_path / str(number)).write_bytes(data)
    assert {leak.partition(": ")[2] for leak in leaks(tmp_path)} == set(ALL[:3])


pytestmark = pytest.mark.timeout(180)
