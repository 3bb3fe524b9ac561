"""What SECURITY.md promises: each promise names a test that exists, and those without a better place are here."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from evalperf.config import load_config
from evalperf.events import Bus, Noticed
from evalperf.results import RunDirectory, read_results
from evalperf.run import RunOptions
from evalperf.run import run as run_in_process
from tests.faults.processes import ROOT, counting_server, environment, run, write_config
from tests.support.http_server import chat_reply, scripted_server
from tests.support.names import resolve_to

NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


# the documents --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("document", ["SECURITY.md", "docs/durability.md"])
def test_every_test_that_a_document_names_exists(document: str) -> None:
    named = NAMED.findall((ROOT / document).read_text(encoding="utf-8"))
    assert named
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).exists() or (name and f"def {name}(" not in (ROOT / path).read_text(encoding="utf-8"))
    ]
    assert missing == []


def test_every_threat_has_a_rule_a_place_and_a_test() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", (ROOT / "SECURITY.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 31))
    for _, row in rows:
        _, rule, where, tests, weakness = row.split(" | ")
        assert rule
        assert re.fullmatch(r"(\d+(, )?)+", weakness), row
        places = re.findall(r"`([^`]+)`", where)
        assert ("not there yet" in rule) or (NAMED.search(tests) and places), row
        assert [one for one in places if not (ROOT / one).exists() and not (ROOT / "evalperf" / one).exists()] == []


# data runs no code ----------------------------------------------------------------------------------------------------

ESCAPES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''|attr('__class__') }}",
    "{{ ''|attr('__cl' ~ 'ass__')|attr('__mro__') }}",
    "{{ input|map(attribute='__class__')|list }}",
    "{{ [input]|map('attr', '__class__')|list }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ lipsum.__globals__['os'] }}",
    "{{ self._TemplateReference__context.environment }}",
    "{{ self.__init__.__globals__ }}",
    "{{ dict.mro() }}",
    "{{ range.__class__ }}",
    "{{ '{0.__class__.__init__}'.format(input) }}",
    "{{ '{0.__class__}'|format(input) }}",
    "{{ '{a.__class__}'.format_map({'a': input}) }}",
    "{{ metadata.__class__.__init__.__globals__ }}",
    "{{ metadata.get.__self__.__class__ }}",
    "{{ loop.__class__ }}{% for x in [1] %}{{ loop.__init__.__globals__ }}{% endfor %}",
    "{% macro m() %}{% endmacro %}{{ m.__globals__ }}{{ m._func.__globals__ }}",
    "{% include '/etc/passwd' %}",
    "{% import '/etc/passwd' as p %}",
    "{% extends '/etc/passwd' %}",
    "{{ _round.__self__ }}",
    "{{ _joined.__globals__ }}",
    "{{ id.__reduce__() }}",
    "{{ tags.__class__.__base__ }}",
    "{{ input.encode().__class__ }}",
    "{% set x = input.join %}{{ x.__self__.__class__ }}",
]

CONDITIONS = [
    "input.__class__",
    'input["__class__"]',
    'fields["__class__"]',
    "fields.get.__globals__",
    "tags.__class__.__mro__",
    'str(metadata.__class__).startswith("x")',
    "__import__",
    "__builtins__.open",
    'input.format("{0.__class__}")',
    "(lambda: 1)()",
    "[c for c in ().__class__.__base__.__subclasses__()]",
    "open",
    "input.join(tags)",
]

WATCHED = """
import json, sys
import jinja2.debug  # which Jinja loads at the first error
from evalperf.cases import parse_where
from evalperf.cases.rejected import BadRecordError
from evalperf.cases.templates import PromptError, compile_template
from evalperf.errors import ConfigError
from evalperf.records import Case

templates, conditions = json.load(sys.stdin)
case = Case(seq=1, id="a", input="the question", metadata={"m": 1}, tags=("t",))
record = {"input": "the question", "tags": ["t"], "metadata": {"m": 1}}
events, watching = [], False
WORLD = ("open", "import", "compile", "os.", "subprocess.", "socket.", "ctypes.")

def watch(event, arguments):
    mine = event == "compile" and arguments[0] == b"raise __jinja_exception__"  # how Jinja shows an error's line
    if watching and not mine and event.startswith(WORLD):
        events.append((event, repr(arguments)[:100]))

sys.addaudithook(watch)

def under_watch(work, *refusals):
    global watching
    watching = True
    try:
        return str(work())
    except refusals:
        return ""
    finally:
        watching = False

said = {}
for text in templates:
    try:
        template = compile_template(text, "prompt", {})
    except ConfigError:
        continue
    said[text] = under_watch(lambda: template.render(case), PromptError)
for text in conditions:
    try:
        holds = parse_where(text)
    except ConfigError:
        continue
    said[text] = under_watch(lambda: holds(record), BadRecordError)
json.dump([said, events], sys.stdout)
"""


def test_templates_and_conditions_can_not_reach_python(tmp_path: Path) -> None:
    """Python's own audit sees no file opened, nothing imported, compiled or started; and no inside is shown."""
    done = subprocess.run(
        [sys.executable, "-c", WATCHED],
        input=json.dumps([ESCAPES, CONDITIONS]).encode(),
        env=environment(tmp_path),
        capture_output=True,
        check=True,
    )
    said, events = json.loads(done.stdout)
    assert len(said) > 20
    assert events == []
    leaks = {text: shown for text, shown in said.items() if re.search(r"<\w|root:|\bobject at\b|True", shown)}
    assert leaks == {}


UNPICKLING = """
import sys
from pathlib import Path

def watch(event, arguments):
    if event.startswith(("pickle.", "shelve.")):
        raise SystemExit(f"unpickled {arguments}")

sys.addaudithook(watch)
from evalperf import RunOptions, execute, load_config
for _ in range(2):
    outcome = execute(load_config(Path(sys.argv[1])), RunOptions())
assert outcome.report.document["cases"]["cached"], outcome.report.document["cases"]
execute(load_config(Path(sys.argv[1])), RunOptions(resume=""))
"""


def test_no_file_of_a_run_or_a_cache_is_unpickled(tmp_path: Path) -> None:
    """A run, a second one from its caches, a third one resumed: Python's audit sees every object that is unpickled."""
    with counting_server(latency_s=0.0) as server:
        config = write_config(tmp_path / "run", server.url, cache={}, cases={"path": str(_few(tmp_path))})
        argv = [sys.executable, "-c", UNPICKLING, str(config)]
        done = subprocess.run(argv, env=environment(tmp_path), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def _few(folder: Path) -> Path:
    path = folder / "cases.jsonl"
    path.write_text("".join(json.dumps({"id": n, "input": f"What is {n} + 1?"}) + "\n" for n in range(5)))
    return path


def test_code_that_no_configuration_names_is_not_loaded(tmp_path: Path) -> None:
    """A module beside the configuration that is called like a library stays a file."""
    changes = {"provider": {"type": "replay"}, "scorers": ["exact"], "cases": {"path": "cases.jsonl"}}
    config = write_config(tmp_path, "http://127.0.0.1:9/v1", **changes)
    (tmp_path / "cases.jsonl").write_text('{"input": "x", "output": "y", "target": "y"}\n')
    for name in ("jinja2", "regex", "yaml", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('loaded')\n")
    command = "import sys; from evalperf.__main__ import main; sys.path.remove(''); main()"
    done = subprocess.run(
        [sys.executable, "-c", command, "run", str(config), "--progress", "none", "--json"],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()


# data chooses no server and reads no variable -------------------------------------------------------------------------


async def test_a_case_names_neither_server_nor_model_nor_variable(tmp_path: Path) -> None:
    """Whatever fields it has: they are sent as they are, to where the configuration says."""
    case = {
        "input": "${PATH} $HOME {{ id }} {0.__class__}",
        "url": "http://169.254.169.254/",
        "endpoint": {"url": "http://elsewhere.example.org"},
        "api_key": "stolen",
        "model": "dearest",
        "provider": {"type": "command", "argv": ["id"]},
        "headers": {"Host": "elsewhere"},
    }
    (tmp_path / "cases.jsonl").write_text(json.dumps(case) + "\n")
    async with scripted_server(chat_reply("y")) as server:
        config = write_config(tmp_path, server.url, cases={"path": "cases.jsonl"}, scorers=[])
        outcome = await run_in_process(load_config(config), RunOptions(), Bus())
    assert outcome.exit_code == 0
    (call,) = [received for received in server.requests if received.method == "POST"]
    body = json.loads(call.body)
    assert body["messages"][-1]["content"] == case["input"]
    assert body["model"] == "small"
    assert "stolen" not in str(call.headers)


async def test_a_key_that_goes_in_the_clear_is_told_when_the_run_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices: list[str] = []

    def observe(event: object) -> None:
        if isinstance(event, Noticed):
            notices.append(event.message)

    resolve_to(monkeypatch, "127.0.0.1")
    with counting_server(latency_s=0.0) as server:
        endpoint = {"url": server.url.replace("127.0.0.1", "models.example.org"), "api_key": "sk-0123456789abc"}
        provider = {"type": "openai", "model": "small", "endpoints": [{**endpoint, "proxy": "none"}]}
        config = write_config(tmp_path, server.url, provider=provider, cases={"path": str(_few(tmp_path))}, scorers=[])
        await run_in_process(load_config(config), RunOptions(), Bus(observe))
    assert [notice for notice in notices if "goes over http://" in notice and "sk-" not in notice]


# data chooses no file -------------------------------------------------------------------------------------------------


def test_ids_that_are_paths_stay_ids(tmp_path: Path) -> None:
    """The run's folder holds the same files whatever the cases are called."""
    lines = [{"id": name, "input": "What is 1 + 1?"} for name in ("../../escaped", "/tmp/escaped", "a/b", "..", "\0")]
    (tmp_path / "cases.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with counting_server(latency_s=0.0) as server:
        document = run(write_config(tmp_path / "run", server.url, cases={"path": str(tmp_path / "cases.jsonl")}))
    directory = RunDirectory(Path(document["run"]["dir"]))
    assert {result.id for result in read_results(directory)} == {line["id"] for line in lines}
    assert list(tmp_path.rglob("*escaped*")) == []
    assert not Path("/tmp/escaped").exists()


# the supply -----------------------------------------------------------------------------------------------------------


def test_every_dependency_is_pinned_with_its_hash() -> None:
    locked = {package["name"]: package for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    names = {re.split(r"[\[<>=!~; ]", one)[0] for one in wanted} - {"evalperf"}
    assert names <= locked.keys()
    for name, package in locked.items():
        artefacts = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else ())]
        assert artefacts or package["source"] == {"editable": "."}, name
        assert all(artefact["hash"].startswith("sha256:") for artefact in artefacts), name


@pytest.mark.parametrize(
    ("found", "code", "said"),
    [
        ("", 0, "nothing was audited"),
        ('{"dependencies": [{"name": "a", "skip_reason": "not found"}]}', 0, "nothing was audited"),
        ('{"dependencies": [{"name": "a", "version": "1", "vulns": []}]}', 0, "1 of 1 dependencies, 0 vulnerabilities"),
        (
            '{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2"]}]}]}',
            1,
            "a 1 has X-1, mended in 2",
        ),
        (
            '{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "X-1", "fix_versions": []}]}]}',
            0,
            "mended in no release yet",
        ),
    ],
)
def test_a_vulnerability_that_a_release_mends_fails_ci(found: str, code: int, said: str) -> None:
    audit = [sys.executable, str(ROOT / ".ci" / "audit.py")]
    done = subprocess.run(audit, input=found.encode(), capture_output=True, check=False)
    assert done.returncode == code, done.stderr.decode()
    assert said in done.stdout.decode()
