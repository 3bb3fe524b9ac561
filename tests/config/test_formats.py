"""YAML and TOML: plain values, places, and faults where they are."""

from __future__ import annotations

import sys

import pytest

from evalperf.config.formats import FORMATS, read_toml, read_yaml
from evalperf.config.source import SyntaxFault
from evalperf.errors import ConfigError

YAML = """\
# a run
name: no
cases: {path: "a.jsonl", limit: 012}
output:
  level: 1.5
  include_input: true
gates:
  - metric: answer.mean
    min: ~
"""

TOML = """\
name = "x"
[cases]
path = ["a", "b"]
fields.input = "q"  # dotted
[[gates]]
metric = "a"
[[gates]]
metric = "b"
[provider.timeouts]
total_s = 5
day = 2026-11-20
"""


def test_yaml_words_are_what_they_look_like() -> None:
    """`no` is a text and 012 is twelve, as in YAML 1.2; the older reading would make them false and ten."""
    assert read_yaml(YAML, "x").value == {
        "name": "no",
        "cases": {"path": "a.jsonl", "limit": 12},
        "output": {"level": 1.5, "include_input": True},
        "gates": [{"metric": "answer.mean", "min": None}],
    }


def test_yaml_places() -> None:
    source = read_yaml(YAML, "x")
    assert source.key_place(("output", "level")) == (5, 3)
    assert source.value_place(("gates", 0, "metric")) == (8, 13)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: &x 1\nb: *x\n", 1, "anchors"),
        ("a: 1\na: 2\n", 2, "twice"),
        ("a: !!python/name:os.system x\n", 1, "tags"),
        ("a: !thing {}\n", 1, "tags"),
        ("a: [1\nb: 2\n", 2, "expected"),
        ("a: 1\n\tb: 2\n", 2, "cannot start any token"),
        ("? [1]\n: 2\n", 1, "plain text"),
        ("a: \x07\n", 1, "not YAML"),
        ("a: 1\n---\nb: 2\n", 2, "document"),
    ],
)
def test_yaml_faults(text: str, line: int, message: str) -> None:
    with pytest.raises(SyntaxFault, match=message) as caught:
        read_yaml(text, "x")
    assert text.count("\n", 0, caught.value.offset) + 1 == line


def test_yaml_without_its_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ConfigError) as caught:
        read_yaml("a: 1", "x.yaml")
    assert caught.value.hint == 'pip install "evalperf[yaml]"'


def test_toml_values_and_places() -> None:
    source = read_toml(TOML, "x")
    assert source.value["provider"]["timeouts"] == {"total_s": 5, "day": "2026-11-20"}
    assert source.key_place(("cases", "path")) == (3, 1)
    assert source.value_place(("cases", "fields", "input")) == (4, 16)
    assert source.value_place(("gates", 1, "metric")) == (8, 10)
    assert source.value_place(("provider", "timeouts", "total_s")) == (10, 11)


def test_toml_faults() -> None:
    with pytest.raises(SyntaxFault) as caught:
        read_toml('a = 1\nb = "x\n', "x")
    assert caught.value.offset == len('a = 1\nb = "x')


def test_every_ending_has_a_reader() -> None:
    assert set(FORMATS) == {".json", ".jsonc", ".yaml", ".yml", ".toml"}
