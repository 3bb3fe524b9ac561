"""`xml_valid` and `yaml_valid`."""

import sys

import pytest

from evalperf.errors import ConfigError

LAUGHS = "<!DOCTYPE lolz [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]><lolz>&b;</lolz>"
OUTSIDE = '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'


@pytest.mark.parametrize(
    ("options", "answer", "right", "reason"),
    [
        ({}, '\n<?xml version="1.0" encoding="latin-1"?><a b="é">&lt;<!-- c --></a>', True, None),
        ({}, "<a>", False, "not well-formed: no element found: line 1, column 3"),
        ({}, "<a></b>", False, "not well-formed: mismatched tag: line 1, column 5"),
        ({}, "<a/>\n<b/>", False, "not well-formed: junk after document element: line 2, column 0"),
        ({}, "", False, "not well-formed: no element found: line 1, column 0"),
        ({}, LAUGHS, False, "has a document type definition"),
        ({}, OUTSIDE, False, "has a document type definition"),
        ({}, "<a>&b;</a>", False, "not well-formed: undefined entity: line 1, column 3"),
        ({}, "<a>\ud800</a>", False, None),
        ({"root": "a"}, "<a><b/></a>", True, None),
        ({"root": "b"}, "<a><b/></a>", False, "the outermost element is 'a'"),
        ({"fences": True}, "```xml\n<a/>\n```", True, None),
        ({}, "<a>" * 100_000, False, None),
    ],
)
async def test_xml_valid(judge, options, answer, right, reason):
    score = await judge({"type": "xml_valid", **options}, answer)
    assert (score.value, score.passed) == (float(right), right)
    assert reason is None or score.reason == reason


@pytest.mark.parametrize(
    ("options", "answer", "right", "reason"),
    [
        ({}, "a: 1\nb: [x, y]\n", True, None),
        ({}, "plain prose", True, None),
        ({}, "---\na: 1\n---\nb: 2\n", True, None),
        ({}, "a: b: c", False, "not YAML: mapping values are not allowed here"),
        ({}, "[1, 2", False, "not YAML: while parsing a flow sequence"),
        ({}, "", False, "holds no document"),
        ({}, "# nothing but a comment", False, "holds no document"),
        ({}, "a: &x [1, 2]\nb: *x\n", False, "has an alias: *x"),
        ({}, "!!python/object/apply:os.system ['true']", True, None),
        ({}, "a: \x07", False, "not YAML: unacceptable character"),
        ({"root": "mapping"}, "plain prose", False, "a document is not a mapping"),
        ({"root": "mapping"}, "a: 1\n---\n- 1\n", False, "a document is not a mapping"),
        ({"root": "sequence"}, "- 1\n", True, None),
        ({"root": "collection"}, "- 1\n", True, None),
        ({"fences": True, "root": "mapping"}, "```yaml\na: 1\n```", True, None),
    ],
)
async def test_yaml_valid(judge, options, answer, right, reason):
    score = await judge({"type": "yaml_valid", **options}, answer)
    assert (score.value, score.passed) == (float(right), right)
    assert (score.reason is None) is (reason is None)
    assert reason is None or score.reason.startswith(reason)


async def test_without_pyyaml_the_extra_is_named(open_one, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ConfigError, match="yaml_valid needs PyYAML") as raised:
        await open_one("yaml_valid")
    assert raised.value.hint == 'pip install "evalperf[yaml]"'


async def test_a_long_answer_keeps_the_time_limit(judge):
    score = await judge({"type": "yaml_valid", "time_limit_s": 0.05}, "- a\n" * 100_000)
    assert (score.value, score.passed) == (None, None)
