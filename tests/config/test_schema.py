"""The JSON Schema agrees with the reader of configurations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from evalperf.config import json_schema
from evalperf.config.formats import FORMATS

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
SCHEMA_FILE = "evalperf.schema.json"
EXAMPLES = sorted(path for path in CONFIGS.rglob("*.json*") if path.name != SCHEMA_FILE)


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def test_it_names_itself_and_describes_every_section() -> None:
    schema = json_schema()
    assert (schema["$schema"], schema["title"]) == (
        "https://json-schema.org/draft/2020-12/schema",
        "evalperf configuration",
    )
    assert schema["$id"]
    assert all("description" in section for section in schema["$defs"].values())


@pytest.mark.parametrize(
    ("change", "valid"),
    [
        ({}, True),
        ({"$schema": "x.json", "scorers": ["exact", {"type": "number", "extract": "A: (.*)"}]}, True),
        ({"scorers": ["function"]}, False),
        ({"scorers": ["exat"]}, False),
        ({"nam": "x"}, False),
        ({"concurrency": {"workers": "auto"}}, True),
        ({"concurrency": {"workers": 0}}, False),
        ({"provider": {"type": "opnai"}}, False),
    ],
)
def test_it_accepts_what_the_reader_accepts(
    validator: Draft202012Validator, change: dict[str, Any], valid: bool
) -> None:
    tree = {"cases": {"path": "a.jsonl"}, "provider": {"type": "replay"}, **change}
    assert validator.is_valid(tree) is valid


def test_the_file_beside_the_configurations_is_up_to_date() -> None:
    """`evalperf schema > configs/evalperf.schema.json` writes it; editors read it through "$schema"."""
    written = json.loads((CONFIGS / SCHEMA_FILE).read_text(encoding="utf-8"))
    assert written == json_schema()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_configuration_names_the_schema(path: Path) -> None:
    source = FORMATS[path.suffix](path.read_text(encoding="utf-8"), path.name)
    assert (path.parent / source.value["$schema"]).resolve() == CONFIGS / SCHEMA_FILE


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_configuration_of_the_repository_holds(validator: Draft202012Validator, path: Path) -> None:
    source = FORMATS[path.suffix](path.read_text(encoding="utf-8"), path.name)
    assert [error.message for error in validator.iter_errors(source.value)] == []
