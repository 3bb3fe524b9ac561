"""Cases, responses and configurations for the tests of the scorers."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from evalperf.config.scorers import ScorerConfig
from evalperf.records import Call, Case, Completion, Response

ADAPTER: TypeAdapter[Any] = TypeAdapter(ScorerConfig)

Target = str | tuple[str, ...] | None


def make_case(target: Target = None, *, choices: tuple[str, ...] | None = None, **metadata: Any) -> Case:
    return Case(seq=1, id="a", input="?", target=target, choices=choices, metadata=metadata)


def make_response(text: str, target: Target = None) -> Response:
    return Response(completion=Completion(text=text, target=target), call=Call())
