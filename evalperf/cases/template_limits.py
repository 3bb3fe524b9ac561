"""A Jinja2 sandbox whose templates end: they can neither loop for ever nor fill the memory.

The sandbox of Jinja2 keeps a template from Python's insides, but lets it multiply a text by a billion, loop in loops,
and double a text until the memory is full. Here each round of a loop looks at the clock, whatever makes a large value
out of small ones is asked first how large, and all that one rendering makes is added up.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any

from jinja2 import StrictUndefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from evalperf import clock

__all__ = ["MAX_CHARS", "TIME_LIMIT_S", "LimitedEnvironment"]

MAX_CHARS = 4 * 1024 * 1024
"""Of a text, or items of a list."""
MAX_MADE_CHARS = 8 * MAX_CHARS
"""Of all texts that one rendering makes on its way."""
MAX_NUMBER = 100_000
"""The largest whole number that a filter or a method may be given: a width, a count, an indentation."""
MAX_BITS = 4_096
TIME_LIMIT_S = 1.0
"""Of the process's CPU, for one text."""
ROUNDS_PER_LOOK = 64
"""A look at the clock of the CPU takes longer than a short round."""

_ROUND = "_round"
_JOINED = "_joined"
_WIDTH = re.compile(r"\d+")
_SLOW = {"sort", "groupby", "unique", "urlize", "wordwrap", "title"}
"""Filters that take microseconds for each item or character."""
MAX_SLOW_ITEMS = 500_000
_LAZY = {"map", "select", "reject", "selectattr", "rejectattr"}


class Spent:
    """What one rendering has used so far; `restart` it before the next."""

    def __init__(self) -> None:
        self._rounds = self._chars = 0
        self._ends_s = 0.0

    def restart(self) -> None:
        """The next round is the first one."""
        self._rounds = self._chars = 0

    def one_round(self) -> str:
        """Of a loop; raises SecurityError once they take too long."""
        if self._rounds % ROUNDS_PER_LOOK == 0:
            now_s = clock.cpu_s()
            if not self._rounds:
                self._ends_s = now_s + TIME_LIMIT_S
            elif now_s > self._ends_s:
                raise SecurityError(f"it takes longer than {TIME_LIMIT_S:g} s")
        self._rounds += 1
        return ""

    def make(self, chars: int) -> None:
        """A text of that length, or a list of as many items, is to be made; raises SecurityError if it must not."""
        self._chars += chars
        if chars > MAX_CHARS or self._chars > MAX_MADE_CHARS:
            raise SecurityError("the text would be too long")

    def counted(self, items: Iterable[Any]) -> Iterator[Any]:
        """The same items, each of them a round and as long as its text."""
        for item in items:
            self.one_round()
            self.make(len(item) if isinstance(item, str) else 1)
            yield item


class LimitedEnvironment(ImmutableSandboxedEnvironment):
    """Compiles templates that keep to the limits; what would not raises SecurityError when it is rendered."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)
        self.spent = Spent()
        self.filters = {name: self._limited(name, function) for name, function in self.filters.items()}
        self.globals.pop("lipsum")
        self.globals[_ROUND] = self.spent.one_round
        self.globals[_JOINED] = self._join
        self.concat = self._join  # type: ignore[method-assign]

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for loop in tree.find_all((nodes.For, nodes.Macro, nodes.CallBlock)):
            look = nodes.Call(nodes.Name(_ROUND, "load"), [], [], None, None)
            assert isinstance(loop, nodes.For | nodes.Macro | nodes.CallBlock)  # noqa: S101 - the three looked for
            loop.body.insert(0, nodes.Output([look], lineno=loop.lineno))
        for parent in list(tree.find_all(nodes.Node)):
            _replace_concats(parent)
        return tree

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """The result, unless it would be too large."""
        if operator == "%" and isinstance(left, str):
            self._check_widths(left)
        elif operator in {"*", "+"}:
            self.spent.make(_product_size(left, right) if operator == "*" else _sum_size(left, right))
        if operator in {"*", "**"} and isinstance(left, int) and isinstance(right, int):
            bits = left.bit_length() * max(right, 0) if operator == "**" else left.bit_length() + right.bit_length()
            if bits > MAX_BITS:
                raise SecurityError("the number would be too large")
        return super().call_binop(context, operator, left, right)

    def wrap_str_format(self, value: Any) -> Any:
        """The sandbox's own `format` of a text, if its widths are not too large."""
        wrapped = super().wrap_str_format(value)
        if wrapped is not None:
            self._check_widths(value.__self__)
        return wrapped

    def call(self, context: Any, obj: Any, *arguments: Any, **named: Any) -> Any:
        """As the sandbox calls, where neither arguments nor result are too large."""
        _check_numbers((*arguments, *named.values()))
        owner = getattr(obj, "__self__", None)
        if isinstance(owner, str):
            self._check_text(obj.__name__, owner, [*arguments, *named.values()])
            if obj.__name__ == "join" and arguments:
                parts = list(self.spent.counted(arguments[0]))
                self.spent.make(len(owner) * len(parts))
                arguments = (parts, *arguments[1:])
        return super().call(context, obj, *arguments, **named)

    def _limited(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The filter with what it is given looked at first; whether Jinja2 hands it a context stays as it was."""
        before = 1 if hasattr(function, "jinja_pass_arg") else 0  # the context comes before the value

        @functools.wraps(function)
        def limited(*arguments: Any, **named: Any) -> Any:
            value, *options = arguments[before:]
            given = [*options, *named.values()]
            _check_numbers(given)
            if name in _SLOW and isinstance(value, Sized) and len(value) > MAX_SLOW_ITEMS:
                raise SecurityError(f"more than {MAX_SLOW_ITEMS:,} items are too many for {name}")
            if isinstance(value, str):
                self._check_text(name, value, given)
            if name in _LAZY or (name == "join" and not isinstance(value, str)):
                value = self.spent.counted(value)
            if name == "join":
                value = list(value)
                self.spent.make(len(value) * max((len(part) for part in given if isinstance(part, str)), default=0))
            result = function(*arguments[:before], value, *options, **named)
            return self.spent.counted(result) if isinstance(result, Iterator) else result

        return limited

    def _check_text(self, name: str, text: str, given: list[Any]) -> None:
        """Of what makes a long text of a short one: how long it would be."""
        texts = [one for one in given if isinstance(one, str)]
        widths = [one for one in given if isinstance(one, int)]
        if name == "format":
            self._check_widths(text)
        elif name == "replace" and len(texts) >= 2:
            self.spent.make(len(text) + (text.count(texts[0]) * len(texts[1])))
        elif name == "expandtabs":
            self.spent.make(len(text) + text.count("\t") * max(widths, default=8))
        elif name == "indent":
            self.spent.make(len(text) + (text.count("\n") + 1) * max([4, *widths, *map(len, texts)]))
        elif name in {"center", "ljust", "rjust", "zfill"}:
            self.spent.make(max([len(text), *widths]))

    def _check_widths(self, form: str) -> None:
        self.spent.make(len(form) + sum(int(width[:9]) for width in _WIDTH.findall(form)))

    def _join(self, *parts: Any) -> str:
        """The texts of the parts, or of those in the one list that is given."""
        several = parts[0] if len(parts) == 1 and not isinstance(parts[0], str) else parts
        texts = [str(part) for part in several]
        self.spent.make(sum(map(len, texts)))
        return "".join(texts)


def _product_size(left: Any, right: Any) -> int:
    for several, times in ((left, right), (right, left)):
        if isinstance(several, Sized) and isinstance(times, int):
            return len(several) * max(times, 0)
    return 0


def _sum_size(left: Any, right: Any) -> int:
    return len(left) + len(right) if isinstance(left, Sized) and isinstance(right, Sized) else 0


def _check_numbers(arguments: Iterable[Any]) -> None:
    if any(isinstance(argument, int) and abs(argument) > MAX_NUMBER for argument in arguments):
        raise SecurityError(f"a number above {MAX_NUMBER:,} is too large here")


def _replace_concats(parent: nodes.Node) -> None:
    """`a ~ b` becomes a call that adds up the lengths first."""
    for field, value in parent.iter_fields():
        if isinstance(value, nodes.Concat):
            setattr(parent, field, _join_call(value))
        elif isinstance(value, list):
            value[:] = [_join_call(item) if isinstance(item, nodes.Concat) else item for item in value]


def _join_call(concat: nodes.Concat) -> nodes.Call:
    return nodes.Call(nodes.Name(_JOINED, "load"), concat.nodes, [], None, None, lineno=concat.lineno)
