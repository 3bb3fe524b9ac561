"""Loading: every fault of a configuration at once, each with its place; nothing secret in any of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalperf.config import LoadedConfig, Override, Redirect, load_config
from evalperf.errors import ConfigError

Write = Callable[[str], Path]

VALID = """{
  "cases": {"path": "a.jsonl"},
  "provider": {"type": "openai", "model": "m", "endpoints": [{"url": "http://127.0.0.1:1/v1/"}]},
}"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes x.json into an empty working directory, so that messages hold no path of this machine."""
    monkeypatch.chdir(tmp_path)

    def write_text(text: str) -> Path:
        Path("x.json").write_text(text, encoding="utf-8")
        return Path("x.json")

    return write_text


def message_of(path: Path, *overrides: Any, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides, environ or {})
    assert caught.value.exit_code == 2
    return caught.value.message


def test_a_valid_configuration(write: Write, tmp_path: Path) -> None:
    loaded = load_config(write(VALID), (), {})
    assert isinstance(loaded, LoadedConfig)
    assert loaded.config.provider.endpoints[0].url == "http://127.0.0.1:1/v1"  # type: ignore[union-attr]
    assert (loaded.path, loaded.base_dir) == (Path("x.json"), tmp_path.resolve())
    assert loaded.secrets == ()


def test_all_faults_at_once_in_the_order_of_the_file(write: Write) -> None:
    path = write("""{
  // a comment
  "nam": "x",
  "cases": {"path": ["a", 1], "limit": 0},
  "provider": {
    "type": "openai",
    "modle": "m",
    "temperature": 0,
    "endpoints": [{"url": "localhost:8000"}, {"url": "${BASE_URL}", "kye": 1}]
  },
  "concurrency": {"workers": "atuo", "min_workers": true},
  "workers": 5,
  "retry": 5,
  "gates": [{"metric": "x"}],
  "scorers": ["exat", {"typ": "exact"}, 5, {"type": "function"}],
}""")
    assert (
        message_of(path)
        == """\
x.json:3:3: error: nam: unknown key
    3 │   "nam": "x",
      │   ^
  help: did you mean "name"?

x.json:4:27: error: cases.path.1: found 1, expected text
    4 │   "cases": {"path": ["a", 1], "limit": 0},
      │                           ^

x.json:4:40: error: cases.limit: found 0, expected a number of at least 1
    4 │   "cases": {"path": ["a", 1], "limit": 0},
      │                                        ^

x.json:7:5: error: provider.modle: unknown key
    7 │     "modle": "m",
      │     ^
  help: did you mean "model"?

x.json:8:5: error: provider.temperature: unknown key
    8 │     "temperature": 0,
      │     ^
  help: what is sent to the model as it is goes into "params"

x.json:9:27: error: provider.endpoints.0.url: found "localhost:8000", must start with http:// or https://
    9 │     "endpoints": [{"url": "localhost:8000"}, {"url": "${BASE_URL}", "kye": 1}]
      │                           ^

x.json:9:54: error: provider.endpoints.1.url: environment variable BASE_URL is not set
    9 │     "endpoints": [{"url": "localhost:8000"}, {"url": "${BASE_URL}", "kye": 1}]
      │                                                      ^
  help: export BASE_URL=…; $${BASE_URL} stands for the text itself

x.json:9:69: error: provider.endpoints.1.kye: unknown key, expected one of name, url, api_key_env, \
api_key, auth, headers, weight, max_in_flight, requests_per_minute, tokens_per_minute, ca_file, proxy
    9 │     "endpoints": [{"url": "localhost:8000"}, {"url": "${BASE_URL}", "kye": 1}]
      │                                                                     ^

x.json:11:30: error: concurrency.workers: found "atuo", expected "auto" or a whole number
   11 │   "concurrency": {"workers": "atuo", "min_workers": true},
      │                              ^
  help: did you mean "auto"?

x.json:11:53: error: concurrency.min_workers: found true, expected a number
   11 │   "concurrency": {"workers": "atuo", "min_workers": true},
      │                                                     ^

x.json:12:3: error: workers: unknown key
   12 │   "workers": 5,
      │   ^
  help: "workers" belongs in "concurrency"

x.json:13:12: error: retry: found 5, expected an object
   13 │   "retry": 5,
      │            ^

x.json:14:13: error: gates.0: needs "min" or "max"
   14 │   "gates": [{"metric": "x"}],
      │             ^

x.json:15:15: error: scorers.0: found "exat", expected one of {types}
   15 │   "scorers": ["exat", {"typ": "exact"}, 5, {"type": "function"}],
      │               ^
  help: did you mean "exact"?

x.json:15:23: error: scorers.1.type: is missing, expected one of {types}
   15 │   "scorers": ["exat", {"typ": "exact"}, 5, {"type": "function"}],
      │                       ^
  help: did you mean "type" instead of "typ"?

x.json:15:41: error: scorers.2: found 5, expected an object
   15 │   "scorers": ["exat", {"typ": "exact"}, 5, {"type": "function"}],
      │                                         ^

x.json:15:44: error: scorers.3.call: is missing, expected text
   15 │   "scorers": ["exat", {"typ": "exact"}, 5, {"type": "function"}],
      │                                            ^""".replace("{types}", scorer_types())
    )


def scorer_types() -> str:
    from evalperf.config.model import RunConfig
    from evalperf.config.shape import locate, tags_of

    return ", ".join(tags_of(locate(RunConfig, ("scorers", 0)).annotation))


def test_a_misspelt_required_key_is_one_fault(write: Write) -> None:
    assert (
        message_of(write('{"csaes": {"path": "a"}, "provider": {"type": "replay"}}'))
        == """\
x.json:1:2: error: csaes: unknown key
    1 │ {"csaes": {"path": "a"}, "provider": {"type": "replay"}}
      │  ^
  help: did you mean "cases"?"""
    )


def test_a_syntax_fault_shows_its_place(write: Write) -> None:
    assert (
        message_of(write('{\n\t"cases": {"path": "日本" "limit": 5}\n}'))
        == """\
x.json:2:25: error: found a text, expected "," or "}"
    2 │     "cases": {"path": "日本" "limit": 5}
      │                              ^
  help: is a comma missing before it?"""
    )


def test_a_missing_file_names_a_similar_one(write: Write) -> None:
    write(VALID)
    with pytest.raises(ConfigError) as caught:
        load_config(Path("y.json"), (), {})
    assert caught.value.message == "y.json: no such file"
    assert caught.value.hint == 'did you mean "x.json"?'


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.txt", b"{}", 'x.txt: the ending ".txt" is not one of .json, .jsonc, .yaml, .yml, .toml'),
        ("x.json", b"{\n\xff}", "x.json:2: not UTF-8 text: byte 0xff"),
        ("x.json", b"[]", "x.json:1:1: error: found a list, expected an object at the top"),
        ("x.yaml", b"", "x.yaml:1:1: error: found null, expected an object at the top"),
    ],
)
def test_a_file_that_is_no_configuration(write: Write, name: str, content: bytes, message: str) -> None:
    Path(name).write_bytes(content)
    assert message_of(Path(name)).startswith(message)


def test_a_folder_is_no_configuration(write: Write) -> None:
    Path("d.json").mkdir()
    assert message_of(Path("d.json")) == "d.json: Is a directory"


def test_a_byte_order_mark_is_no_fault(write: Write) -> None:
    Path("x.json").write_bytes(b"\xef\xbb\xbf" + VALID.encode())
    load_config(Path("x.json"), (), {})


def test_long_lines_are_cut_around_the_caret(write: Write) -> None:
    filler = ", ".join(f'"{"k" * 20}{index}"' for index in range(500))
    text = f'{{"cases": {{"path": [{filler}], "limit": -1}}, "provider": {{"type": "replay"}}}}'
    lines = message_of(write(text)).split("\n")
    assert all(len(line) < 125 for line in lines)
    assert lines[1][lines[2].index("^")] == "-"


def test_control_characters_of_the_file_do_not_reach_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("nam: 'a\x85b'\n", encoding="utf-8")
    assert "\\x85" in message_of(path)
    assert "\x85" not in message_of(path)


def test_yaml_and_toml_faults_have_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.yaml").write_text("cases:\n  path: a\n  limt: 3\nprovider: {type: replay}\n")
    Path("x.toml").write_text('[cases]\npath = "a"\nlimt = 3\n[provider]\ntype = "replay"\n')
    assert message_of(Path("x.yaml")).startswith("x.yaml:3:3: error: cases.limt: unknown key\n")
    assert message_of(Path("x.toml")).startswith("x.toml:3:1: error: cases.limt: unknown key\n")


def test_the_three_formats_mean_the_same(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"cases": {"path": "a"}, "provider": {"type": "replay"}}')
    (tmp_path / "x.yaml").write_text("cases: {path: a}\nprovider: {type: replay}\n")
    (tmp_path / "x.toml").write_text('cases.path = "a"\nprovider.type = "replay"\n')
    digests = {load_config(tmp_path / f"x.{ending}", (), {}).digest for ending in ("json", "yaml", "toml")}
    assert len(digests) == 1


def test_the_digest_is_of_the_settings_not_of_how_they_are_written(write: Write) -> None:
    first = load_config(write(VALID), (), {})
    second = load_config(write(VALID.replace("\n", " ").replace("}\n", "}") + " // note"), (), {})
    spelt_out = load_config(write(VALID), ["retry.attempts=5"], {})
    other = load_config(write(VALID), ["retry.attempts=6"], {})
    assert first.digest == second.digest == spelt_out.digest != other.digest


def test_a_key_does_not_change_the_digest(write: Write) -> None:
    path = write(VALID.replace('"http://127.0.0.1:1/v1/"', '"http://127.0.0.1:1/v1/", "api_key": "${KEY}"'))
    assert load_config(path, (), {"KEY": "sk-one-1"}).digest == load_config(path, (), {"KEY": "sk-two-2"}).digest


# flags


def test_a_fault_that_a_flag_brought_names_the_flag(write: Write) -> None:
    overrides = ["output.levl=1", Override(("cases", "limit"), 0, "--limit"), "gates=[{}]"]
    assert (
        message_of(write(VALID), *overrides)
        == """\
--set output.levl: error: unknown key
  help: did you mean "level"?

--limit: error: cases.limit: found 0, expected a number of at least 1

--set gates: error: gates.0.metric: is missing, expected text"""
    )


def test_flags_win_over_the_file_and_the_last_one_wins(write: Write) -> None:
    loaded = load_config(write(VALID), ["cases.limit=3", "cases.limit=4", "provider.model=x"], {})
    assert (loaded.config.cases.limit, loaded.config.provider.model) == (4, "x")
    assert loaded.raw["cases"] == {"path": "a.jsonl", "limit": 4}


def test_another_server_gets_no_key_of_the_configured_one(write: Write) -> None:
    text = VALID.replace('"http://127.0.0.1:1/v1/"', '"http://a/", "api_key": "sk-for-a-only"')
    loaded = load_config(write(text), [Redirect("http://b:1/v1")], {})
    provider = loaded.config.provider
    assert provider.type == "openai"
    assert provider.model == "m"
    assert [(endpoint.url, endpoint.api_key) for endpoint in provider.endpoints] == [("http://b:1/v1", None)]


def test_another_server_needs_a_model_where_the_old_one_was_bundled(write: Write) -> None:
    path = write('{"cases": {"path": "a"}, "provider": {"type": "simulator", "rate_429": 0.1, "params": {"n": 1}}}')
    assert message_of(path, Redirect("http://b")) == "--endpoint: error: provider.model: is missing, expected text"
    provider = load_config(
        path, [Redirect("http://b"), Override(("provider", "model"), "m", "--model")], {}
    ).config.provider
    assert provider.type == "openai"
    assert (provider.model, provider.params) == ("m", {"n": 1})


# secrets

PLANTED = "sk-planted/1+2=3"


@pytest.mark.parametrize(
    "endpoint",
    [
        {"url": "http://a", "api_key": PLANTED, "bad": 1},
        {"url": "http://a", "api_key": "${KEY}", "bad": 1},
        {"url": "http://a", "api_key_env": "KEY", "headers": {"x": PLANTED}, "name": PLANTED},
        {"url": "http://a", "api_kye": PLANTED},
        {"url": "http://a", "api_key": [PLANTED]},
        {"url": "http://a", "headers": {"Authorization": f"Bearer {PLANTED}"}, "auth": f"{PLANTED}"},
        {"url": f"ftp://user:{PLANTED.replace('/', '-')}@host"},
    ],
)
def test_no_error_shows_a_secret(write: Write, endpoint: dict[str, Any]) -> None:
    tree = {"cases": {"path": "a"}, "provider": {"type": "openai", "model": "m", "endpoints": [endpoint]}}
    for text in (json.dumps(tree), json.dumps(tree, indent=1)):
        message = message_of(write(text), environ={"KEY": PLANTED})
        assert PLANTED not in message
        assert PLANTED.replace("/", "-") not in message


def test_a_text_that_can_not_be_read_hides_what_looks_like_a_key(write: Write) -> None:
    assert PLANTED not in message_of(write(f'{{"api_key": "{PLANTED}" "x": 1}}'))


def test_a_reference_is_no_secret(write: Write) -> None:
    text = VALID.replace('"http://127.0.0.1:1/v1/"', '"http://a", "api_key": "${KEY}", "x": 1')
    assert '"api_key": "${KEY}"' in message_of(write(text), environ={"KEY": PLANTED})


def test_a_flag_that_brings_a_secret_does_not_show_it(write: Write) -> None:
    assert PLANTED not in message_of(write(VALID), f"provider.endpoints.0.api_key={PLANTED}", "retry.attempts=0")
    assert PLANTED not in message_of(write(VALID), f"provider.api_key={PLANTED}")
    assert PLANTED not in message_of(write(VALID), f"provider.endpoints.7.api_key={PLANTED}")


def test_stored_settings_hold_no_secret(write: Write) -> None:
    path = write(
        """{"cases": {"path": "a"}, "provider": {"type": "openai", "model": "m", "endpoints": [
        {"url": "http://u:pass-word@a/", "api_key": "sk-literal"},
        {"url": "http://b/", "api_key": "${KEY}",
         "headers": {"X": "Bearer ${KEY}", "Y": "abc", "Z": "${K:-sk-default}"}},
        {"url": "http://c/", "api_key_env": "KEY"}]}}"""
    )
    loaded = load_config(path, (), {"KEY": "sk-from-env"})
    assert loaded.raw["provider"]["endpoints"] == [
        {"url": "http://***@a/", "api_key": "***"},
        {"url": "http://b/", "api_key": "${KEY}", "headers": {"X": "Bearer ${KEY}", "Y": "***", "Z": "${K:-***}"}},
        {"url": "http://c/", "api_key_env": "KEY"},
    ]
    assert {"sk-literal", "sk-from-env", "pass-word", "Bearer sk-from-env", "sk-default", "abc"} <= {*loaded.secrets}
    assert "sk-" not in repr(loaded)
    endpoints = loaded.config.provider.endpoints  # type: ignore[union-attr]
    assert [endpoint.api_key for endpoint in endpoints] == ["sk-literal", "sk-from-env", "sk-from-env"]


def test_a_missing_key_says_which_variable_to_export(write: Write) -> None:
    path = write(VALID.replace('"http://127.0.0.1:1/v1/"', '"http://a", "api_key_env": "OPENAI_API_KEY"'))
    message = message_of(path, environ={"OPENAI_API_KYE": "x"})
    assert (
        "x.json:3:97: error: provider.endpoints.0.api_key_env: environment variable OPENAI_API_KEY is not set"
        in message
    )
    assert 'help: export OPENAI_API_KEY=… (did you mean "OPENAI_API_KYE"?)' in message
    assert "OPENAI_API_KEY is empty" in message_of(path, environ={"OPENAI_API_KEY": ""})


def test_without_an_environment_given_it_is_that_of_the_process(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "EVALPERF_TEST_NAME", "from-env")
    path = write(VALID.replace('"m"', '"${EVALPERF_TEST_NAME}"'))
    assert load_config(path).config.provider.model == "from-env"


@pytest.mark.parametrize("name", ["Host", "content-type", "Content-Length", "Transfer-Encoding"])
def test_a_header_that_is_ours_is_refused(tmp_path: Path, name: str) -> None:
    """Instead of being left out in silence."""
    path = tmp_path / "c.json"
    endpoint = {"url": "http://127.0.0.1/v1", "headers": {name: "x"}}
    provider = {"type": "openai", "model": "m", "endpoints": [endpoint]}
    path.write_text(json.dumps({"cases": {"path": "a.jsonl"}, "provider": provider}))
    with pytest.raises(ConfigError, match="set by evalperf itself"):
        load_config(path)
