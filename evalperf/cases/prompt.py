"""A case becomes the messages that are sent; Jinja2 is loaded only where a template is more than `{{ input }}`."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from evalperf.cases.fewshot import read_examples
from evalperf.cases.templates import KNOWN_NAMES, PromptError, Template, compile_template
from evalperf.config.fields import Role, suggestion
from evalperf.config.model import PromptConfig
from evalperf.errors import ConfigError
from evalperf.records import Case, Message

__all__ = ["Prompt", "PromptError", "build_prompt"]

Part = tuple[str, Template]
"""A role and the template of its message."""

_BARE_INPUT = re.compile(r"\s*\{\{\s*input\s*\}\}\s*")


class Prompt:
    """Renders the messages of a case; made by `build_prompt`."""

    def __init__(
        self,
        *,
        turn: Template | None,
        opening: Sequence[Part] = (),
        examples: tuple[Message, ...] = (),
        closing: Sequence[Part] = (),
    ) -> None:
        self._opening = opening
        self._examples = examples
        self._turn = turn
        self._closing = closing
        self._plain = not opening and turn is None and not examples and not closing

    def render(self, case: Case) -> tuple[Message, ...]:
        """The conversation to send; raises PromptError where the case lacks what a template needs.

        Without a template, the messages of a case pass through after the system message and the examples.
        """
        if self._plain:
            question = case.input
            return ({"role": "user", "content": question},) if isinstance(question, str) else question
        return (
            *({"role": role, "content": template.render(case)} for role, template in self._opening),
            *self._examples,
            *self.turn(case),
            *({"role": role, "content": template.render(case)} for role, template in self._closing),
        )

    def turn(self, case: Case) -> tuple[Message, ...]:
        """The part of the conversation that asks this case's question."""
        if self._turn is not None:
            return ({"role": "user", "content": self._turn.render(case)},)
        return ({"role": "user", "content": case.input},) if isinstance(case.input, str) else case.input

    def check(self, cases: Sequence[Case], *, given: Collection[str] = ()) -> None:
        """Raises ConfigError for a variable that none of these cases has; a template may guard one with `default`.

        What is `given` comes later.
        """
        if not cases:
            return
        templates = [template for _, template in (*self._opening, *self._closing)]
        for template in templates if self._turn is None else (*templates, self._turn):
            for name in sorted(template.required.difference(given)):
                if not any(template.has(case, name) for case in cases):
                    known = set(KNOWN_NAMES).union(*(case.metadata for case in cases))
                    raise ConfigError(
                        f"{template.place}: no case has a field for {{{{ {name} }}}}", hint=suggestion(name, known)
                    )


def build_prompt(config: PromptConfig, base_dir: Path, *, fields: Mapping[Any, str] | None = None) -> Prompt:
    """The prompt of the configuration; few-shot examples are read here, once.

    `fields` is the configuration's `cases.fields`: a template may name a role by the field that it was mapped from.
    Raises ConfigError for a broken template, InputError for a broken file of examples.
    """
    roles = {name: role for role, name in (fields or {}).items()}
    opening, turn, closing = _parts(config, roles)
    examples: tuple[Message, ...] = ()
    if config.few_shot is not None:
        examples = read_examples(config.few_shot, base_dir, fields or {}, Prompt(turn=turn).turn)
    return Prompt(opening=opening, examples=examples, turn=turn, closing=closing)


def _parts(config: PromptConfig, roles: Mapping[str, Role]) -> tuple[list[Part], Template | None, list[Part]]:
    """What goes before the question, the question, and what goes after it (the beginning of the answer)."""
    if config.messages is None:
        opening: list[Part] = []
        if config.system is not None:
            opening.append(("system", compile_template(config.system, "prompt.system", roles)))
        if config.template is None or _BARE_INPUT.fullmatch(config.template):
            return opening, None, []
        return opening, compile_template(config.template, "prompt.template", roles), []
    parts: list[Part] = [
        (message.role, compile_template(message.content, f"prompt.messages.{at}.content", roles))
        for at, message in enumerate(config.messages)
    ]
    turns = [at for at, (role, _) in enumerate(parts) if role == "user"]
    if not turns:
        raise ConfigError("prompt.messages has no message of the user", hint='add {"role": "user", "content": …}')
    return parts[: turns[-1]], parts[turns[-1]][1], parts[turns[-1] + 1 :]
