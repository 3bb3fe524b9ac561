"""Values that are put into a configuration file leave everything else as it was."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.config.edit import edit_file, edited
from evalperf.config.formats import FORMATS
from evalperf.errors import ConfigError

WORKERS = {("concurrency", "workers"): 32}
PACE = {("concurrency", "rate_limiting", "requests_per_second"): 9.9}

JSON_WITH_KEY = """{
  // how many at once
  "concurrency": {"workers": "auto" /* for now */, "adaptive": true,},
  "cases": {"path": "a.jsonl"},
}
"""
JSON_WITHOUT = """{
  "$schema": "./evalperf.schema.json",
  // where they come from
  "cases": {"path": "a.jsonl"}  // relative
}
"""
YAML = """# at the top
cases: {path: a.jsonl}   # here
concurrency:
  # as the server likes it
  workers: auto    # for now
  adaptive: true
"""
TOML = """[cases]
path = "a.jsonl"

[concurrency]  # calls
adaptive = true
"""


@pytest.mark.parametrize(
    ("suffix", "before", "values", "old", "new"),
    [
        pytest.param(".json", JSON_WITH_KEY, WORKERS, '"auto"', "32", id="json-value"),
        pytest.param(
            ".json",
            JSON_WITHOUT,
            WORKERS,
            "  // where",
            '  "concurrency": {"workers": 32},\n  // where',
            id="json-section",
        ),
        pytest.param(
            ".jsonc",
            JSON_WITH_KEY,
            PACE,
            '{"workers"',
            '{"rate_limiting": {"requests_per_second": 9.9}, "workers"',
            id="json-nested",
        ),
        pytest.param(".json", "{}", WORKERS, "{}", '{"concurrency": {"workers": 32}}', id="json-empty"),
        pytest.param(".yaml", YAML, WORKERS, "auto ", "32 ", id="yaml-value"),
        pytest.param(
            ".yml",
            YAML,
            PACE,
            "  # as",
            "  rate_limiting:\n    requests_per_second: 9.9\n  # as",
            id="yaml-nested",
        ),
        pytest.param(
            ".yaml", "a: 1", WORKERS, "a: 1", "a: 1\nconcurrency:\n  workers: 32\n", id="yaml-section-no-newline"
        ),
        pytest.param(".yaml", "{a: 1}", WORKERS, "{a", "{concurrency: {workers: 32}, a", id="yaml-flow"),
        pytest.param(".toml", TOML, WORKERS, "# calls\n", "# calls\nworkers = 32\n", id="toml-table"),
        pytest.param(
            ".toml",
            TOML,
            PACE,
            "adaptive = true\n",
            "adaptive = true\n\n[concurrency.rate_limiting]\nrequests_per_second = 9.9\n",
            id="toml-new-table",
        ),
        pytest.param(".toml", 'concurrency.workers = "auto" # x\n', WORKERS, '"auto"', "32", id="toml-dotted"),
        pytest.param(
            ".json",
            '\ufeff{\r\n  "a": 1\r\n}\r\n',
            WORKERS,
            '  "a"',
            '  "concurrency": {"workers": 32},\r\n  "a"',
            id="crlf",
        ),
    ],
)
def test_the_change_is_the_smallest(suffix: str, before: str, values: dict, old: str, new: str) -> None:
    assert edited(before, suffix, values, f"c{suffix}") == before.replace(old, new, 1)


def test_two_values_at_once() -> None:
    after = edited(JSON_WITHOUT, ".json", {**WORKERS, **PACE}, "c.json")
    section = FORMATS[".json"](after, "c.json").value["concurrency"]
    assert section == {"workers": 32, "rate_limiting": {"requests_per_second": 9.9}}


def test_what_cannot_be_changed_alone_is_refused_with_what_to_set(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text("concurrency = {adaptive = true}\n")
    with pytest.raises(ConfigError, match=r"c\.toml can't be changed") as caught:
        edit_file(path, WORKERS)
    assert caught.value.hint == "set by hand: concurrency.workers = 32"
    assert path.read_text() == "concurrency = {adaptive = true}\n"


def test_the_file_keeps_its_mode_and_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text("{}")
    real.chmod(0o640)
    link.symlink_to(real)
    edit_file(link, WORKERS)
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert real.read_text() == '{"concurrency": {"workers": 32}}'
    assert {path.name for path in tmp_path.iterdir()} == {"link.json", "real.json"}


@given(
    st.recursive(
        st.integers() | st.booleans() | st.text('ab{}"#:\n', max_size=5),
        lambda inner: st.dictionaries(st.sampled_from(["concurrency", "workers", "a", "b"]), inner, max_size=3),
        max_leaves=8,
    ),
    st.sampled_from([None, 1, 4]),
)
def test_any_json_is_changed_right_or_refused(tree: object, indent: int | None) -> None:
    """`edited` compares what it has made with what was wanted; this looks at that from outside."""
    before = tree if isinstance(tree, dict) else {"a": tree}
    if not isinstance(before.get("concurrency", {}), dict):
        before = {"a": before}
    text = json.dumps(before, indent=indent)
    if isinstance(before.get("concurrency", {}).get("workers"), dict):
        with pytest.raises(ConfigError):
            edited(text, ".json", WORKERS, "c.json")
        return
    after = edited(text, ".json", WORKERS, "c.json")
    section = {**before.get("concurrency", {}), "workers": 32}
    assert json.loads(after) == {**before, "concurrency": section}
