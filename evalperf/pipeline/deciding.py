"""Which settings of a provider decide what it answers: what is asked, and not where or how fast."""

from __future__ import annotations

from typing import Any

from evalperf.config.model import AnswerProvider

__all__ = ["REPEATABLE", "what_answers"]

DECIDES_ANSWERS: dict[str, set[str]] = {
    "openai": {"type", "model", "api", "params"},
    "anthropic": {"type", "model", "version", "params"},
    "simulator": {"type", "model", "api", "params"},
    "command": {"type", "argv", "model"},
    "function": {"type", "call", "options", "model"},
    "replay": {"type", "path", "fields", "model"},
}
"""Of each provider; the rest (addresses, limits) may change between two sessions of a run."""


REPEATABLE = frozenset({"openai", "anthropic"})
"""Providers whose answers are kept in the cache. The bundled simulator's cost nothing, and of a function or a program
nobody can see that it has changed."""


def what_answers(config: AnswerProvider) -> dict[str, Any]:
    """The settings that decide an answer, besides the messages: what they are, not where they are reached."""
    return config.model_dump(mode="json", include=DECIDES_ANSWERS[config.type])
