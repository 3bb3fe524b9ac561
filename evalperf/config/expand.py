"""`${NAME}` in texts, and which values of a configuration are secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from evalperf.config.problems import Problem, did_you_mean
from evalperf.config.redact import MASK
from evalperf.config.source import KeyPath

__all__ = ["expand", "key_problems", "masked", "secrets_in", "with_keys"]

_REFERENCE = re.compile(r"(\$?)\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_USER_INFO = re.compile(r"(?<=://)([^/?#\s]*)(?=@)")
_QUERY = re.compile(r"(?<=[?&])([\w-]+=)([^&#\s]+)")
_SECRET_PARAMETER = re.compile(r"(?:^|[_-])(?:key|token|secret|password|sig|signature|code)=$", re.IGNORECASE)
_SCHEME = re.compile(r"(?:Basic|Bearer|Token|ApiKey)\s+", re.IGNORECASE)
_SECRET_KEY = re.compile(r"(?:^|[_-])(?:key|token|secret|password|passwd|authorization|cookie)$", re.IGNORECASE)
_SECRET_SECTIONS = ("headers", "env")


def expand(tree: Any, environ: Mapping[str, str], path: KeyPath = ()) -> tuple[Any, list[Problem]]:
    """The tree with every `${NAME}` and `${NAME:-default}` replaced, and a problem for each variable that is not set.

    One pass: what a variable brings in is not expanded again. `$${NAME}` stands for the text `${NAME}` itself. As in
    the shell, the default also takes the place of an empty variable.
    """
    if isinstance(tree, str):
        return _expand_text(tree, environ, path)
    problems: list[Problem] = []

    def inside(item: Any, key: str | int) -> Any:
        value, more = expand(item, environ, (*path, key))
        problems.extend(more)
        return value

    if isinstance(tree, dict):
        return {key: inside(item, key) for key, item in tree.items()}, problems
    if isinstance(tree, list):
        return [inside(item, index) for index, item in enumerate(tree)], problems
    return tree, problems


def _expand_text(text: str, environ: Mapping[str, str], path: KeyPath) -> tuple[str, list[Problem]]:
    problems: list[Problem] = []

    def value_of(match: re.Match[str]) -> str:
        escaped, name, default = match.groups()
        if escaped:
            return match[0][1:]
        value = environ.get(name)
        if default is not None:
            return value or default
        if value is None:
            problems.append(_unset(path, name, environ, alternative=f"; $${{{name}}} stands for the text itself"))
        return value or ""

    return _REFERENCE.sub(value_of, text), problems


def with_keys(tree: Any, environ: Mapping[str, str]) -> Any:
    """The tree in which every `api_key_env` that names a variable has become an `api_key` beside it."""
    if isinstance(tree, list):
        return [with_keys(item, environ) for item in tree]
    if not isinstance(tree, dict):
        return tree
    inner = {key: with_keys(item, environ) for key, item in tree.items()}
    name = inner.get("api_key_env")
    if isinstance(name, str) and inner.get("api_key") is None and environ.get(name):
        inner["api_key"] = environ[name]
    return inner


def key_problems(tree: Any, environ: Mapping[str, str], path: KeyPath = ()) -> Iterator[Problem]:
    """A problem for each `api_key_env` whose variable is missing or empty, or that stands beside an `api_key`."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, item in items:
        yield from key_problems(item, environ, (*path, key))
    name = tree.get("api_key_env") if isinstance(tree, dict) else None
    if not isinstance(name, str):
        return
    if tree.get("api_key") is not None:
        yield Problem(path=(*path, "api_key_env"), message='stands beside "api_key": give only one of the two')
    elif not environ.get(name):
        yield _unset((*path, "api_key_env"), name, environ)


def _unset(path: KeyPath, name: str, environ: Mapping[str, str], *, alternative: str = "") -> Problem:
    state = "empty" if name in environ else "not set"
    close = did_you_mean(name, [known for known in environ if known != name])
    hint = f"export {name}=…{alternative}" if close is None else f"export {name}=… ({close})"
    return Problem(path=path, message=f"environment variable {name} is {state}", hint=hint)


def secrets_in(tree: Any, *, inside: bool = False) -> Iterator[str]:
    """Every text that must never be shown: keys, header values, a program's environment, passwords and keys in URLs."""
    if isinstance(tree, dict):
        for key, item in tree.items():
            yield from secrets_in(item, inside=inside or _is_secret(key))
    elif isinstance(tree, list):
        for item in tree:
            yield from secrets_in(item, inside=inside)
    elif isinstance(tree, str):
        if inside and _masked_text(tree) != tree:  # more than references
            yield tree
            yield from (rest for rest in [_SCHEME.sub("", tree, count=1)] if rest != tree)
        for match in _USER_INFO.finditer(tree):
            yield from (part for part in (match[0], match[0].partition(":")[2]) if part)
        for match in _secret_parameters(tree):
            yield match[2]


def masked(tree: Any, *, inside: bool = False) -> Any:
    """The tree as it may be stored: secrets masked, `${NAME}` kept as it was written."""
    if isinstance(tree, dict):
        return {key: masked(item, inside=inside or _is_secret(key)) for key, item in tree.items()}
    if isinstance(tree, list):
        return [masked(item, inside=inside) for item in tree]
    if not isinstance(tree, str):
        return tree
    if inside:
        return _masked_text(tree)
    text = _USER_INFO.sub(lambda match: _masked_text(match[0]), tree)
    for match in reversed(list(_secret_parameters(text))):
        text = text[: match.start(2)] + _masked_text(match[2]) + text[match.end(2) :]
    return text


def _secret_parameters(text: str) -> Iterator[re.Match[str]]:
    """The parameters of URLs, `name=` and value, whose name says that the value is a secret."""
    if "://" in text:
        yield from (match for match in _QUERY.finditer(text) if _SECRET_PARAMETER.search(match[1]))


def _masked_text(text: str) -> str:
    """Only references and the name of a scheme stay; what stands between them, and defaults, may be secret."""
    scheme = _SCHEME.match(text)
    at = scheme.end() if scheme else 0
    kept = [text[:at]]
    for match in _REFERENCE.finditer(text, at):
        kept += [MASK if match.start() > at else "", match[0] if match[3] is None else f"${{{match[2]}:-{MASK}}}"]
        at = match.end()
    return "".join([*kept, MASK if at < len(text) else ""])


def _is_secret(key: str) -> bool:
    """Whether what stands under a key is secret; a key that is only misspelt counts as well."""
    if key in _SECRET_SECTIONS or _SECRET_KEY.search(key) is not None:
        return True
    return bool(get_close_matches(key, ("api_key", *_SECRET_SECTIONS), 1, cutoff=0.8))
