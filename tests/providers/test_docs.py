"""docs/providers.md holds what it shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import TypeAdapter

from evalperf.config.jsonc import read_jsonc
from evalperf.config.model import AnswerProvider, EndpointConfig, ProviderConfig
from evalperf.records import FAILURE_KINDS

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "providers.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```jsonc\n(.*?)```", TEXT, re.DOTALL)
NOT_OF_A_PROVIDER = {"cancelled", "scorer"}


@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_each_snippet_is_a_valid_provider(number: int) -> None:
    config = read_jsonc(SNIPPETS[number], "docs/providers.md").value
    TypeAdapter(ProviderConfig).validate_python(config)


def test_every_type_is_shown() -> None:
    shown = {read_jsonc(snippet, "docs/providers.md").value["type"] for snippet in SNIPPETS}
    assert shown == {get_args(member.model_fields["type"].annotation)[0] for member in get_args(AnswerProvider)}


def test_every_kind_of_failure_is_explained() -> None:
    section = TEXT.partition("\n## Failures\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)) == set(FAILURE_KINDS) - NOT_OF_A_PROVIDER


def test_every_key_of_an_endpoint_is_explained() -> None:
    section = TEXT.partition("\n## Endpoints\n")[2].partition("\n## ")[0]
    explained = {
        name for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
    assert explained == set(EndpointConfig.model_fields)
