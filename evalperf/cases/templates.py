"""One Jinja2 template over the fields of a case, in a sandbox; a text without any markup never loads Jinja2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET

from evalperf.config.fields import ALIASES, Role
from evalperf.errors import ConfigError
from evalperf.records import Case

__all__ = ["KNOWN_NAMES", "PromptError", "Template", "compile_template"]

MAX_CHARS = 4 * 1024 * 1024
KNOWN_NAMES = ("input", "target", "id", "epoch", "choices", "tags", "messages", "metadata")

_ABSENT = object()
_OTHER_NAMES: dict[str, Role] = {alias: role for role, aliases in ALIASES.items() for alias in aliases}


class PromptError(ValueError):
    """A case for which no prompt can be made; the message says which template and why."""


class Template:
    """A text, or a compiled template with the names that it reads."""

    def __init__(self, place: str, text: str) -> None:
        self.place = place
        """Where it stands in the configuration."""
        self.required: frozenset[str] = frozenset()
        """Names that a case has to have."""
        self._text = text

    def render(self, case: Case) -> str:  # noqa: ARG002 - a constant needs nothing of the case
        """The text for a case; raises PromptError."""
        return self._text

    def has(self, case: Case, name: str) -> bool:  # noqa: ARG002 - a constant asks for nothing
        """Whether the case has a value under this name."""
        return True


class _JinjaTemplate(Template):
    """Hands the sandbox only what the template reads; the output is cut off where it would fill the memory."""

    def __init__(self, place: str, text: str, roles: Mapping[str, Role]) -> None:
        super().__init__(place, text)
        import jinja2  # noqa: PLC0415 - 30 ms that a run without templates does not need
        from jinja2 import meta  # noqa: PLC0415 - as above

        from evalperf.cases.template_limits import LimitedEnvironment  # noqa: PLC0415 - as above

        environment = LimitedEnvironment()
        self._spent = environment.spent
        try:
            tree = environment.parse(text)
            self._template = environment.from_string(text)
        except jinja2.TemplateSyntaxError as error:
            raise ConfigError(f"{place}:{error.lineno}: {error.message}", hint="it is a Jinja2 template") from error
        self._names = frozenset(meta.find_undeclared_variables(tree)) - set(environment.globals)
        self.required = self._names - _guarded(tree)
        self._roles = {**_OTHER_NAMES, **roles}

    def has(self, case: Case, name: str) -> bool:
        return self._value(case, name) is not _ABSENT

    def render(self, case: Case) -> str:
        values = {name: self._value(case, name) for name in self._names}
        present = {name: value for name, value in values.items() if value is not _ABSENT}
        pieces: list[str] = []
        chars = 0
        self._spent.restart()
        try:
            for piece in self._template.generate(present):
                pieces.append(piece)
                chars += len(piece)
                if chars > MAX_CHARS:
                    break
        except Exception as error:  # the template is the user's code: whatever it raises is this case's failure
            raise PromptError(f"{self.place}: {error}") from error
        if chars > MAX_CHARS:
            raise PromptError(f"{self.place}: the text is longer than {MAX_CHARS:,} characters")
        return "".join(pieces)

    def _value(self, case: Case, name: str) -> Any:
        """Of a case's own names, those of its fields, and the names that its roles go by, the first wins."""
        if name in KNOWN_NAMES or (name == "precedents" and case.precedents is not UNSET):
            return _own_value(case, name)
        if name in case.metadata:
            return case.metadata[name]
        role = self._roles.get(name)
        return _ABSENT if role is None else _own_value(case, role)


def compile_template(text: str, place: str, roles: Mapping[str, Role]) -> Template:
    """A template that reads the fields of a case; `roles` are further names for a role's value.

    Raises ConfigError, with the line inside the template, for a mistake in its syntax.
    """
    if "{{" not in text and "{%" not in text and "{#" not in text:
        return Template(place, text)
    return _JinjaTemplate(place, text, roles)


def _own_value(case: Case, name: str) -> Any:
    if name == "input":
        return case.input if isinstance(case.input, str) else case.input[-1].get("content")
    if name == "messages":
        return [{"role": "user", "content": case.input}] if isinstance(case.input, str) else list(case.input)
    value = getattr(case, name)
    return _ABSENT if value is None else value


def _guarded(tree: Any) -> frozenset[str]:
    """Names for which the template provides itself: `x | default(…)`, `x is defined`."""
    from jinja2 import nodes  # noqa: PLC0415 - loaded by then

    found = [node.node for node in tree.find_all(nodes.Filter) if node.name in {"default", "d"}]
    found += [node.node for node in tree.find_all(nodes.Test) if node.name in {"defined", "undefined"}]
    return frozenset(node.name for node in found if isinstance(node, nodes.Name))
