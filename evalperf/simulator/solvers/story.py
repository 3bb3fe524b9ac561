"""Reads stories clause by clause into a ledger of who has how many of what, and then the question.

It knows having, getting and losing, equal groups, and comparisons with a number. It can't work backwards, does not know
colours or halves as parts of a whole, and takes the number before a noun to count that noun.
"""

from __future__ import annotations

import re
from fractions import Fraction

from evalperf.simulator.solvers.numerals import DIGITS, read, write
from evalperf.simulator.solvers.working import Working

__all__ = ["read_story"]

_HAS = "has|had|have|are|were|holds"
_GAINS = "buys|bought|finds|found|gets|got|receives|picks|picked|collects|collected|wins|won|earns|makes"
_LOSES = "gives|gave|loses|lost|takes|took|eats|ate|sells|sold|uses|used|donates"
_THING = r"(?P<thing>(?!(?:to|and|on|in|at|out|more|of|from)\b)[a-z]+)"
_CLAUSE = re.compile(
    rf"(?:\b(?P<who>[A-Z][a-z]+)\b )?(?:then |also )?(?:\b(?P<verb>{_HAS}|{_GAINS}|{_LOSES})\b )?(?:away |back )?"
    rf"(?P<number>{DIGITS})(?P<more> more| fewer)?(?: of them)?(?: {_THING})?"
    rf"(?:[a-z ]*? (?P<link>to|than) (?P<other>[A-Z][a-z]+))?"
)
_TIMES = re.compile(
    rf"(?P<who>[A-Z][a-z]+) has (?P<factor>{DIGITS}|twice) (?:times )?as many (?P<thing>[a-z]+) "
    r"as (?P<other>[A-Z][a-z]+)"
)
_GROUPS = re.compile(rf"({DIGITS}) [a-z]+ (?:with|of) ({DIGITS}) ([a-z]+)(?: each)?")
_QUESTION = re.compile(r"How many (?P<more>more )?(?P<thing>[a-z]+) (?P<rest>.*)\?$")
_UNKNOWN_LAW = re.compile(r"\b(?:[Hh]alf|before|At the start|neither|years? (?:old|younger|older)\b.*\bold will)\b")


class _Ledger:
    def __init__(self) -> None:
        self.held: dict[tuple[str, str], Fraction] = {}
        self.steps: list[str] = []
        self.who = ""
        self.thing = ""
        self.verb = "has"

    def get(self, who: str, thing: str) -> Fraction:
        return self.held.get((who, thing), Fraction())

    def put(self, who: str, thing: str, number: Fraction) -> None:
        self.held[who, thing] = number

    def add(self, who: str, thing: str, number: Fraction) -> None:
        before = self.get(who, thing)
        if before:
            self.steps.append(
                f"{write(before)} {'+' if number > 0 else '−'} {write(abs(number))} = {write(before + number)}"
            )
        self.put(who, thing, before + number)


def read_story(question: str) -> Working | None:
    """The answer to a question of how many, from the ledger at the end of the story."""
    story, dot, asked = question.rpartition(". ")
    match = _QUESTION.search(asked)
    if not dot or match is None or _UNKNOWN_LAW.search(question):
        return None
    ledger = _Ledger()
    for sentence in _multiply_groups(story, ledger).split(". "):
        _read_sentence(sentence, ledger)
    value = _look_up(match, ledger)
    if value is None:
        return None
    return Working("; ".join(ledger.steps) or f"counting the {match['thing']}", value)


def _multiply_groups(story: str, ledger: _Ledger) -> str:
    def product(match: re.Match[str]) -> str:
        value = read(match[1]) * read(match[2])
        ledger.steps.append(f"{match[1]} × {match[2]} = {write(value)}")
        return f"{value} {match[3]}"

    return _GROUPS.sub(product, story)


def _read_sentence(sentence: str, ledger: _Ledger) -> None:
    if match := _TIMES.search(sentence):
        factor = Fraction(2) if match["factor"] == "twice" else read(match["factor"])
        base = ledger.get(match["other"], match["thing"])
        ledger.steps.append(f"{write(factor)} × {write(base)} = {write(factor * base)}")
        ledger.put(match["who"], match["thing"], factor * base)
        return
    if named := re.match(r"[A-Z][a-z]+", sentence):
        ledger.who = named[0]
    ledger.verb = "has"
    for match in _CLAUSE.finditer(sentence):
        _read_clause(match, ledger)


def _read_clause(match: re.Match[str], ledger: _Ledger) -> None:
    number = read(match["number"])
    if match["thing"]:
        ledger.thing = match["thing"]
    if match["who"] and match["verb"]:
        ledger.who = match["who"]
    ledger.verb = match["verb"] or ledger.verb
    who, thing = ledger.who, ledger.thing
    if match["link"] == "than" and match["more"]:
        ledger.add(who, thing, Fraction())
        base = ledger.get(match["other"], thing)
        ledger.put(match["other"], thing, base)
        value = base + number if match["more"] == " more" else base - number
        ledger.steps.append(f"{write(base)} {'+' if value > base else '−'} {write(number)} = {write(value)}")
        ledger.put(who, thing, value)
    elif ledger.verb in _LOSES.split("|"):
        ledger.add(who if (who, thing) in ledger.held else _holder(thing, ledger) or who, thing, -number)
        if match["link"] == "to":
            ledger.add(match["other"], thing, number)
    elif ledger.verb in _GAINS.split("|"):
        ledger.add(who, thing, number)
    else:
        ledger.put(who, thing, number)


def _holder(thing: str, ledger: _Ledger) -> str | None:
    return next((who for who, held in ledger.held if held == thing), None)


def _look_up(question: re.Match[str], ledger: _Ledger) -> Fraction | None:
    thing, rest = question["thing"], question["rest"]
    names = re.findall(r"\b[A-Z][a-z]+\b", rest)
    held = {who: number for (who, what), number in ledger.held.items() if what == thing}
    if question["more"] and len(names) == 2 and all(name in held for name in names):
        ledger.steps.append(f"{write(held[names[0]])} − {write(held[names[1]])}")
        return held[names[0]] - held[names[1]]
    if re.search(r"\bthey\b|altogether|in total", rest):
        ledger.steps.append(" + ".join(map(write, held.values())))
        return sum(held.values(), Fraction()) if held else None
    if len(names) == 1:
        return held.get(names[0])
    return next(iter(held.values())) if len(held) == 1 or (held and not names) else None
