"""`evalperf cache`: what is kept of earlier answers, and how to be rid of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from evalperf.cli.cache_targets import NAMES, Target, confirm, on_each, targets_of
from evalperf.cli.cache_text import explanation, stored_text
from evalperf.cli.console import load, session_of, write
from evalperf.cli.grammar import Command, Commands, complete_config
from evalperf.errors import ConfigError

__all__ = ["cache"]

SCHEMA_VERSION = 1
UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

cache = typer.Typer(
    cls=Commands,
    rich_markup_mode=None,
    help="Shows and removes what is kept of earlier answers.",
    no_args_is_help=True,
)

Config = Annotated[
    Path | None,
    typer.Argument(
        metavar="[CONFIG]",
        help="Whose caches are meant; those in the user's cache folder where absent.",
        autocompletion=complete_config,
    ),
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting first. Repeatable.")
]
Which = Annotated[
    list[str] | None, typer.Option("--name", metavar="NAME", help=f"Only this cache: {', '.join(NAMES)}. Repeatable.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@cache.command("stats", cls=Command)
def stats(
    ctx: typer.Context, config: Config = None, *, set_: Settings = None, name: Which = None, json: AsJson = False
) -> None:
    r"""Counts what is kept, by model, and what it has saved so far.

    \b
    Examples:
      evalperf cache stats
      evalperf cache stats evalperf.json --name responses --json
    """
    facts = on_each(targets_of(ctx, config, set_, name), lambda stored: stored.facts(), ctx)
    if json:
        _write_document({"caches": facts})
        return
    write("\n\n".join(stored_text(one) for one in facts))


@cache.command("clear", cls=Command)
def clear(
    ctx: typer.Context,
    config: Config = None,
    *,
    set_: Settings = None,
    name: Which = None,
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    r"""Removes every entry, on disk and in Redis where the configuration names one.

    \b
    Examples:
      evalperf cache clear --name responses
      evalperf cache clear evalperf.json --yes
    """
    targets = targets_of(ctx, config, set_, name)
    confirm(f"Remove every entry of {', '.join(target.name for target in targets)}?", yes=yes)
    counts = on_each(targets, lambda stored: stored.clear(), ctx)
    _report_removed(targets, counts, json=json)


@cache.command("prune", cls=Command)
def prune(
    ctx: typer.Context,
    config: Config = None,
    *,
    to_mb: Annotated[
        float | None, typer.Option(metavar="MB", min=0, help="Also what was not used for longest, until this is left.")
    ] = None,
    set_: Settings = None,
    name: Which = None,
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    r"""Removes what has expired and gives the disk its bytes back.

    \b
    Examples:
      evalperf cache prune
      evalperf cache prune --name responses --to-mb 500
    """
    targets = targets_of(ctx, config, set_, name)
    if to_mb is not None:
        names = ", ".join(target.name for target in targets)
        confirm(f"Remove the least recently used entries of {names} above {to_mb:g} MB?", yes=yes)
    max_bytes = None if to_mb is None else int(to_mb * 1_000_000)
    pruned = on_each(targets, lambda stored: stored.prune(max_bytes), ctx)
    _report_removed(targets, [sum(counts) for counts in pruned], json=json)


@cache.command("invalidate", cls=Command)
def invalidate(
    ctx: typer.Context,
    config: Config = None,
    *,
    id_: Annotated[str | None, typer.Option("--id", metavar="ID", help="Entries of this case.")] = None,
    glob: Annotated[str | None, typer.Option(metavar="PATTERN", help="Case ids that match, as in 'qa-*'.")] = None,
    regex: Annotated[str | None, typer.Option(metavar="PATTERN", help="Case ids in which this is found.")] = None,
    model: Annotated[str | None, typer.Option(metavar="MODEL", help="Answers of this model.")] = None,
    older_than: Annotated[str | None, typer.Option(metavar="AGE", help="As in 30m, 12h, 7d or 4w.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count them.")] = False,
    set_: Settings = None,
    name: Which = None,
    yes: Yes = False,
    json: AsJson = False,
) -> None:
    r"""Removes the entries for which everything given holds, so that they are asked for again.

    \b
    Examples:
      evalperf cache invalidate --id case-17
      evalperf cache invalidate --glob 'qa-*' --model my-model --older-than 7d --dry-run
    """
    from evalperf.cache import Selection
    from evalperf.clock import unix_s

    before_s = None if older_than is None else unix_s() - _age_s(older_than)
    selection = Selection(id=id_, glob=glob, regex=_checked(regex), model=model, created_before_s=before_s)
    if selection == Selection():
        raise ConfigError(
            "nothing says which entries are meant",
            hint="give --id, --glob, --regex, --model or --older-than; evalperf cache clear removes all",
        )
    targets = targets_of(ctx, config, set_, name)
    found = on_each(targets, lambda stored: stored.select(selection), ctx)
    if dry_run:
        _report_removed(targets, [len(keys) for keys in found], json=json, verb="would remove")
        return
    count = sum(map(len, found))
    if count:
        confirm(f"Remove {count:,} entries?", yes=yes)
    of = {target.name: keys for target, keys in zip(targets, found, strict=True)}
    counts = on_each(targets, lambda stored: stored.delete(of[stored.name]), ctx) if count else [0] * len(targets)
    _report_removed(targets, counts, json=json)


@cache.command("explain", cls=Command)
def explain(
    ctx: typer.Context,
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="The configuration.", autocompletion=complete_config)
    ],
    case_id: Annotated[str, typer.Argument(metavar="ID", help="The case.")],
    *,
    against: Annotated[
        Path | None, typer.Option(metavar="CONFIG", help="Show what makes the key differ from this one's.")
    ] = None,
    epoch: Annotated[int, typer.Option(metavar="N", min=1, help="Which repetition.")] = 1,
    set_: Settings = None,
    json: AsJson = False,
) -> None:
    r"""Shows what the key of a case's answer is made of, where it is found, and why two keys differ.

    \b
    Examples:
      evalperf cache explain evalperf.json case-17
      evalperf cache explain evalperf.json case-17 --against yesterday.json
    """
    import asyncio

    from msgspec import to_builtins

    from evalperf.explain_key import explain_key, key_differences

    session = session_of(ctx)
    here = asyncio.run(explain_key(load(session, config, set_ or []), case_id, epoch=epoch))
    targets = targets_of(ctx, config, set_, ["responses"])
    key = here.key
    tiers = [] if key is None else on_each(targets, lambda stored: stored.has(bytes.fromhex(key)), ctx)[0]
    document: dict[str, Any] = {**to_builtins(here), "found_in": tiers}
    if against is not None:
        there = asyncio.run(explain_key(load(session, against), case_id, epoch=epoch))
        differences = key_differences(here, there)
        document["against"] = {"key": there.key, "differences": to_builtins(differences)}
    if json:
        _write_document(document)
    else:
        write(session.redact(explanation(document)))


def _report_removed(targets: Sequence[Target], counts: Sequence[int], *, json: bool, verb: str = "removed") -> None:
    if json:
        caches = [
            {"name": target.name, "path": str(target.path), "entries": count}
            for target, count in zip(targets, counts, strict=True)
        ]
        _write_document({"removed": verb == "removed", "entries": sum(counts), "caches": caches})
        return
    named = ((f"{count:,} of {target.name}") for target, count in zip(targets, counts, strict=True) if count)
    write(f"{verb} {sum(counts):,} entries" + (f": {', '.join(parts)}" if (parts := list(named)) else ""))


def _write_document(document: dict[str, Any]) -> None:
    from msgspec import json, to_builtins

    write(json.format(json.encode({"schema_version": SCHEMA_VERSION, **to_builtins(document)}), indent=2))


def _age_s(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text)
    if found is None:
        raise ConfigError(
            f'--older-than: found "{text}", expected a number and a unit', hint="as in 30m, 12h, 7d or 4w"
        )
    return float(found[1]) * UNITS_S[found[2]]


def _checked(pattern: str | None) -> str | None:
    try:
        return pattern if pattern is None else re.compile(pattern).pattern
    except re.error as error:
        raise ConfigError(f"--regex: {pattern}: {error}") from error
