"""A configuration file becomes a `LoadedConfig`: read → override → expand → check; every fault at once.

The only place that reads the environment.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalperf.config.expand import expand, key_problems, masked, secrets_in, with_keys
from evalperf.config.formats import FORMATS
from evalperf.config.overrides import Change, parse_override
from evalperf.config.problems import InvalidConfigError, Problem, did_you_mean, render, shown, syntax_problem
from evalperf.config.redact import MASK, Redactor
from evalperf.config.source import KeyPath, Source, SyntaxFault
from evalperf.errors import ConfigError

if TYPE_CHECKING:
    from evalperf.config.model import RunConfig

__all__ = ["LoadedConfig", "cache_dir", "environment", "load_config", "state_dir"]

MAX_FILE_BYTES = 1 << 20
"""Of a configuration: what takes more belongs in a file that it names."""


@dataclass(frozen=True, kw_only=True)
class LoadedConfig:
    """A configuration that holds, with what a run must know about where it comes from."""

    config: RunConfig
    path: Path
    base_dir: Path
    """The folder of the file; relative paths in it start here."""
    digest: str
    """SHA-256 of all settings with their defaults, without secrets: the same for the same settings, however written."""
    secrets: tuple[str, ...] = field(repr=False)
    """Every value that must never be shown or stored; for `Redactor`."""
    raw: dict[str, Any]
    """What was written, flags included, as it may be stored: `${NAME}` as it stands, literal secrets masked."""


_SECRET_LINE = re.compile(
    r"""(?<![\w-])(["']?[\w-]*(?:key|token|secret|password|authorization|cookie)["']?\s*[:=]\s*)(["']?)[^"',\n]+""",
    re.IGNORECASE,
)
"""What looks like a secret in a text that could not be read, so that nothing is known about its keys.

It may only begin where a word does: else a word of a million characters is searched a million times.
"""


def environment() -> Mapping[str, str]:
    """The variables of this process."""
    return os.environ


def cache_dir(environ: Mapping[str, str] | None = None) -> Path:
    """The user's folder for caches, by the XDG rules: `$XDG_CACHE_HOME/evalperf`, or `~/.cache/evalperf`."""
    return _xdg_dir("XDG_CACHE_HOME", ".cache", environ)


def state_dir(environ: Mapping[str, str] | None = None) -> Path:
    """The user's folder for what runs learn: `$XDG_STATE_HOME/evalperf`, or `~/.local/state/evalperf`."""
    return _xdg_dir("XDG_STATE_HOME", ".local/state", environ)


def _xdg_dir(variable: str, otherwise: str, environ: Mapping[str, str] | None) -> Path:
    """An XDG folder; a relative one does not count, as the rules have it."""
    named = Path((os.environ if environ is None else environ).get(variable, ""))
    return (named if named.is_absolute() else Path.home() / otherwise) / "evalperf"


def load_config(
    path: Path, overrides: Sequence[str | Change] = (), environ: Mapping[str, str] | None = None
) -> LoadedConfig:
    """Reads, completes and checks a configuration; raises ConfigError that lists all faults, without secrets in it."""
    environ = os.environ if environ is None else environ
    source = _read(path)
    raw, flags = _overridden(source, overrides)
    tree, problems = expand(raw, environ)
    problems += key_problems(tree, environ)
    tree = with_keys(tree, environ)
    secrets = tuple(dict.fromkeys([*secrets_in(tree), *secrets_in(source.value)]))
    config, more = _checked(tree, unset={problem.path for problem in problems})
    if config is None or problems:
        raise InvalidConfigError(render([*problems, *more], source, flags, Redactor(secrets)))
    reached, proxies = _with_proxies(config, environ)
    return LoadedConfig(
        config=reached,
        path=path,
        base_dir=path.resolve().parent,
        digest=_digest(config),  # not of the way to the endpoints, which is this machine's
        secrets=(*secrets, *proxies),
        raw=masked(raw),
    )


def _with_proxies(config: RunConfig, environ: Mapping[str, str]) -> tuple[RunConfig, Iterator[str]]:
    """The configuration with the proxies of the environment, and what of these is secret."""
    from evalperf.config.proxies import proxy_secrets, with_proxies  # noqa: PLC0415 - it imports the sections

    return with_proxies(config, environ), secrets_in(list(proxy_secrets(environ)))


def _read(path: Path) -> Source:
    read = FORMATS.get(path.suffix.lower())
    if read is None:
        endings = ", ".join(FORMATS)
        raise ConfigError(f'{path}: the ending "{path.suffix}" is not one of {endings}')
    text = _text_of(path)
    try:
        source = read(text, str(path))
    except SyntaxFault as fault:
        unread = Source(name=str(path), text=text)
        raise InvalidConfigError(syntax_problem(fault, unread, _mask_line)) from None
    if not isinstance(source.value, dict):
        problem = Problem(path=(), message=f"found {shown(source.value)}, expected an object at the top")
        raise InvalidConfigError(render([problem], source, {}, Redactor()))
    return source


def _text_of(path: Path) -> str:
    try:
        if (size_bytes := path.stat().st_size) > MAX_FILE_BYTES:
            raise ConfigError(f"{path}: {size_bytes:,} bytes long, more than the limit of {MAX_FILE_BYTES:,}")
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}:{line}: not UTF-8 text: byte {error.object[error.start]:#04x}") from None
    except FileNotFoundError:
        beside = (
            [other.name for other in path.parent.glob("*") if other.suffix in FORMATS] if path.parent.is_dir() else []
        )
        hint = did_you_mean(path.name, beside) or "evalperf init writes one to start from"
        raise ConfigError(f"{path}: no such file", hint=hint) from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None


def _overridden(source: Source, overrides: Sequence[str | Change]) -> tuple[dict[str, Any], dict[KeyPath, str]]:
    """A copy of what was read with the overrides in it, and which flag wrote which place."""
    tree: dict[str, Any] = copy.deepcopy(source.value)
    flags: dict[KeyPath, str] = {}
    faults: list[str] = []
    for override in overrides:
        try:
            change = parse_override(override) if isinstance(override, str) else override
            for path in change.apply(tree):
                flags.pop(path, None)  # the last flag wins, also in the order that messages look them up
                flags[path] = change.flag
        except ConfigError as error:
            faults.append(error.message + (f"\n  help: {error.hint}" if error.hint else ""))
    if faults:
        raise InvalidConfigError("\n\n".join(faults))
    return tree, flags


def _checked(tree: Any, *, unset: set[KeyPath]) -> tuple[RunConfig | None, list[Problem]]:
    """The model, if nothing is wrong; what is wrong at a place whose variable is not set follows from that."""
    from pydantic import ValidationError  # noqa: PLC0415 - 80 ms, which --help need not pay

    from evalperf.config.explain import explain, mistaken_booleans  # noqa: PLC0415 - as above
    from evalperf.config.model import RunConfig  # noqa: PLC0415 - as above

    config = None
    problems = list(mistaken_booleans(RunConfig, tree))
    seen = unset | {problem.path for problem in problems}
    try:
        config = RunConfig.model_validate(tree)
    except ValidationError as error:
        problems += [problem for problem in explain(error, RunConfig, tree) if problem.path not in seen]
    return (None if problems else config), problems


def _digest(config: RunConfig) -> str:
    settings = masked(config.model_dump(mode="json", by_alias=True, exclude={"schema_url"}))
    canonical = json.dumps(settings, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _mask_line(text: str) -> str:
    return _SECRET_LINE.sub(rf"\1\2{MASK}", text)
