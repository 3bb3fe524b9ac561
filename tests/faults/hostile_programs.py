"""The hostile files of a run that are not its cases: recorded answers, templates, conditions, patterns and schemas."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import pairwise

from tests.faults.hostile_corpus import GOOD, Corpus

__all__ = ["answers", "conditions", "endless_programs", "slow_programs"]


def answers(corpus: Corpus) -> None:
    """Files of recorded answers."""
    deep = b'{"id": "good", "output": "y", "deep": ' + b"[" * 5_000 + b"]" * 5_000 + b"}\n"
    usage = b'{"id": "good", "output": "y", "usage": {"input_tokens": %s, "output_tokens": -5}}\n' % (b"9" * 400)
    for name, expected, content in (
        ("good", "ok", GOOD),
        ("twice", "ok", GOOD * 2),
        ("a list", "ok", b'{"id": "good", "output": ["y"]}\n'),
        ("400 digits", "ok", b'{"id": "good", "output": ' + b"9" * 400 + b"}\n"),
        ("odd usage", "ok", usage),
        ("odd kinds", "ok", b'{"id": "good", "output": "y", "finish_reason": 5, "model": []}\n'),
        ("5,000 digits", "bad_input", b'{"id": "good", "output": ' + b"9" * 5_000 + b"}\n"),
        ("deep", "bad_input", deep),
        ("empty", "bad_input", b""),
        ("a number", "bad_input", b"5\n"),
        ("binary", "bad_input", bytes(range(256))),
        ("lone surrogate", "bad_input", b'{"id": "good", "output": "\\ud800"}\n'),
        ("a folder", "policy", None),
    ):
        corpus.answered(f"answers: {name}", expected, content)  # type: ignore[arg-type]


def conditions(corpus: Corpus) -> None:
    """Templates and conditions that reach for what is not theirs."""
    corpus.prompt("template with a mistake", "bad_input", "{{ input ")
    corpus.prompt("template that includes a file", "bad_input", "{% include '/etc/passwd' %}")
    for text in (
        "__import__('os').system('id')",
        "().__class__",
        "input.__class__.__name__ == 'str'",
        "lambda: 1",
        "1 if",
    ):
        corpus.add(f"where {text}", "bad_input", GOOD, where=text)
    corpus.add("where nested 1,000 deep", "bad_input", GOOD, where="(" * 900 + "1" + ")" * 900)
    corpus.add("where of powers", "bad_input", GOOD, where="9**9**9 > 1")
    corpus.add("where of long products", "ok", GOOD, where="*".join(["99999999"] * 200) + " > 1")
    corpus.add("where of a text a billion times", "bad_input", GOOD, where="input * 1000000000 == 'x'")


def endless_programs(corpus: Corpus) -> None:
    """One of each kind of what never ends."""
    corpus.prompt("template of a billion characters", "policy", "{{ 'a' * 10**9 }}")
    corpus.prompt("template of an insider", "policy", "{{ input.__class__.__mro__ }}")
    corpus.scored("an answer 100,000 deep", {"type": "json_valid"}, "[" * 100_000)
    corpus.scored("xml that laughs", {"type": "xml_valid"}, BILLION_LAUGHS)
    corpus.scored("yaml that laughs", {"type": "yaml_valid"}, YAML_LAUGHS)
    corpus.scored("a pattern without end", {"type": "regex", "pattern": "(a+)+$"}, "a" * 40 + "!")


def slow_programs(corpus: Corpus) -> None:
    """Templates, patterns and schemas that never end: most of them take their whole time limit."""
    for text in (
        "{{ 'a' * 10**9 }}",
        "{{ 9**9**9**9**9 }}",
        "{{ input.__class__.__mro__ }}",
        "{{ '%999999999d' % 1 }}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% set ns = namespace(x='a') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ '{0.__class__}'.format(input) }}",
        "{{ input|center(10**9) }}",
        "{{ range(10**9)|list }}",
    ):
        corpus.prompt(f"template {text[:40]}", "policy", text)
    corpus.scored("a pattern that never ends", {"type": "regex", "pattern": "(a+)+$"}, "a" * 40 + "!")
    corpus.scored("alternatives that never end", {"type": "regex", "pattern": "(a|a)*$"}, "a" * 60 + "!")
    corpus.scored("an extraction that never ends", {"type": "exact", "extract": "((a*)*)*b"}, "a" * 40)
    schema = {"type": "string", "pattern": "^(([a-z])+.)+[A-Z]([a-z])+$"}
    corpus.scored("a schema that never ends", {"type": "json_schema", "schema": schema}, json.dumps("a" * 60))
    loop = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}
    corpus.scored("a schema that refers to itself", {"type": "json_schema", "schema": loop}, "1")
    corpus.scored("an answer 1,000,000 deep", {"type": "json_valid"}, "[" * 1_000_000)
    corpus.scored("xml that laughs a billion times", {"type": "xml_valid"}, BILLION_LAUGHS)
    corpus.scored("yaml that laughs a billion times", {"type": "yaml_valid"}, YAML_LAUGHS)
    corpus.scored("very long texts to compare", {"type": "levenshtein"}, "ab" * 100_000, "ba" * 100_000)


def _laughs(join: Callable[[str, str], str], last: str) -> Iterator[str]:
    names = "abcdefghij"
    for before, name in pairwise(names):
        yield join(name, before)
    yield last


BILLION_LAUGHS = "<!DOCTYPE x [<!ENTITY a 'ha'>" + "".join(
    _laughs(lambda name, before: f"<!ENTITY {name} '{f'&{before};' * 10}'>", "]><x>&j;</x>")
)
YAML_LAUGHS = "a: &a [ha, ha]\n" + "".join(
    _laughs(lambda name, before: f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n", "")
)
