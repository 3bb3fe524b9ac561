"""What a judge is shown of a case: each text between delimiters that it can't contain, so that it stays data."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

from msgspec import UNSET

from evalperf.records import Case, Response
from evalperf.scorers.base import targets_of

__all__ = ["Material", "MissingFieldError", "field_of", "material_of"]

_TAG_CHARS: Final = 16
_OWN_NAMES: Final = {"input", "answer", "answer_a", "answer_b", "target", "precedents"}
_NOT_COMPARED: Final = re.compile(r"[\s\"'`“”‘’\\*_]+")


class MissingFieldError(ValueError):
    """The case lacks a field that the prompt shows; the message names it."""


class Material:
    """Texts by name, each a tuple because a case may have several targets; immutable.

    All are quoted with one tag, a hash of them all: the same texts give the same prompt, so that caches work, and a
    text that held its own tag would have to contain a hash of itself. A tag that stands in a text all the same is
    passed over for the next one.
    """

    def __init__(self, texts: Mapping[str, tuple[str, ...]], *, answer: int = 1) -> None:
        """`answer` is the number of the one that is shown, among those to the same request."""
        self.answer = answer
        self._texts = dict(texts)
        self.tag = _tag(self._texts)

    def quoted(self, name: str) -> str:
        """The texts of this name, each between its own pair of delimiters."""
        short = name.removeprefix("metadata.")
        label = name if short in _OWN_NAMES else short
        return "\n".join(f"<{label} {self.tag}>\n{text}\n</{label} {self.tag}>" for text in self._texts[name])

    def has(self, name: str) -> bool:
        """Whether there is a text of this name."""
        return bool(self._texts.get(name))

    def echoes(self, said: str, name: str | None = None) -> bool:
        """Whether a piece of a reply stands in one of the texts, or in that one; white space, quotes and case apart."""
        bare = _bare(said)
        names = self._bare_texts if name is None else (name,)
        return bool(bare) and any(bare in text for each in names for text in self._bare_texts[each])

    def echoes_line(self, line: str) -> bool:
        """Whether a line of a reply is a line of one of the texts, white space, quotes and case apart."""
        return _bare(line) in self._bare_lines

    def without_quotations(self, reply: str) -> str:
        """The reply without what it has copied together with the delimiters."""
        tag = re.escape(self.tag)
        return re.sub(rf"<[^<>\n]{{1,200}} {tag}>.*?(?:</[^<>\n]{{1,200}} {tag}>|\Z)", "", reply, flags=re.DOTALL)

    @cached_property
    def _bare_texts(self) -> dict[str, list[str]]:
        return {name: [_bare(text) for text in texts] for name, texts in self._texts.items()}

    @cached_property
    def _bare_lines(self) -> frozenset[str]:
        lines = (line for texts in self._texts.values() for text in texts for line in text.splitlines())
        return frozenset(bare for line in lines if (bare := _bare(line)))


def material_of(case: Case, response: Response, names: frozenset[str], pair: tuple[str, str] | None = None) -> Material:
    """What the names of a prompt stand for; raises MissingFieldError. `pair` holds answer_a and answer_b.

    There is no text under `target` where the case has none.
    """
    answers = {"answer": response.completion.text}
    if pair is not None:
        answers["answer_a"], answers["answer_b"] = pair
    texts: dict[str, tuple[str, ...]] = {}
    for name in sorted(names):
        if name in answers:
            texts[name] = (answers[name],)
        elif name == "input":
            texts[name] = (_conversation(case.input),)
        elif name == "target":
            texts[name] = targets_of(case, response)
        elif name == "precedents":
            texts[name] = _precedents(case)
        else:
            texts[name] = (field_of(case, name),)
    return Material(texts, answer=response.answer)


def field_of(case: Case, name: str) -> str:
    """The text of a field such as `metadata.draft.text`; what is no text, as JSON. Raises MissingFieldError."""
    found: Any = case.metadata
    for key in name.split(".")[1:]:
        if not isinstance(found, dict) or key not in found:
            raise MissingFieldError(f"the case has no {name}")
        found = found[key]
    if found is None:
        raise MissingFieldError(f"the case has no {name}")
    return _text(found)


def _precedents(case: Case) -> tuple[str, ...]:
    """Earlier cases, each as one text; none where none was near enough."""
    if case.precedents is UNSET:
        raise MissingFieldError('the case has no precedents: the configuration has no section "precedents"')
    return tuple(
        f"Question: {one['input']}\nAnswer: {one['output']}\nScores: {json.dumps(one['scores'], sort_keys=True)}"
        for one in case.precedents
    )


def _conversation(said: str | tuple[dict[str, Any], ...]) -> str:
    """The question as one text; of a conversation each message with its role."""
    if isinstance(said, str):
        return said
    if len(said) == 1:
        return _text(said[0].get("content"))
    return "\n\n".join(f"{message.get('role')}: {_text(message.get('content'))}" for message in said)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _tag(texts: Mapping[str, tuple[str, ...]]) -> str:
    content = json.dumps(sorted(texts.items())).encode()
    folded = [text.casefold() for each in texts.values() for text in each]
    nonce = 0
    while True:
        tag = hashlib.sha256(b"%d:%b" % (nonce, content)).hexdigest()[:_TAG_CHARS]
        if not any(tag in text for text in folded):
            return tag
        nonce += 1


def _bare(text: str) -> str:
    return _NOT_COMPARED.sub("", text).casefold()
