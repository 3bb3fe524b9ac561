"""Problems told as stories."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from evalperf.simulator.problems.wording import NAMES, THINGS, grouped, plural

__all__ = ["comparisons", "distractors", "gain_and_loss", "groups", "sharing", "shopping", "steps", "travel"]


def gain_and_loss(rng: Random) -> tuple[str, int]:
    """One change, up or down."""
    (who, other), thing = rng.sample(NAMES, 2), rng.choice(THINGS)
    a, b = rng.randint(20, 90), rng.randint(3, 18)
    left = f"How many {thing} does {who} have left?"
    now = f"How many {thing} does {who} have now?"
    remain = f"How many {thing} are left?"
    return rng.choice(
        [
            (
                f"{who} has {a} {thing}. {who} gives {b} of them to {other}. {left}",
                a - b,
            ),
            (f"{who} had {a} {thing} and found {b} more. {now}", a + b),
            (f"{who} has {a} {thing}. {other} has {b} {thing}. How many {thing} do they have together?", a + b),
            (f"There were {a} {thing} in a box. {who} took {b} {thing} out. {remain}", a - b),
            (
                f"{who} collects {thing}. After buying {b} {thing}, {who} has {a}. How many did {who} have before?",
                a - b,
            ),
            (f"{who} lost {b} {thing} on the way home. At the start there were {a}. How many {thing} remain?", a - b),
        ]
    )


def groups(rng: Random) -> tuple[str, int]:
    """Equal groups, put together or taken apart."""
    who, thing = rng.choice(NAMES), rng.choice(THINGS)
    a, b = rng.randint(3, 12), rng.randint(4, 25)
    return rng.choice(
        [
            (f"{who} has {a} boxes with {b} {thing} each. How many {thing} does {who} have?", a * b),
            (f"There are {b} {thing} in each bag. How many {thing} are in {a} bags?", a * b),
            (f"{who} shares {a * b} {thing} equally among {a} friends. How many {thing} does each friend get?", b),
            (f"{a * b} {thing} are packed into boxes of {b}. How many boxes are filled?", a),
            (f"A hall has {a} rows of {b} seats. How many seats are there?", a * b),
            (f"{who} reads {b} pages a day. How many pages does {who} read in {a} days?", a * b),
        ]
    )


def steps(rng: Random) -> tuple[str, int]:
    """Two to four steps."""
    (who, other), thing = rng.sample(NAMES, 2), rng.choice(THINGS)
    a, b, c, d = rng.randint(40, 120), rng.randint(3, 20), rng.randint(3, 20), rng.randint(2, 9)
    left = f"How many {thing} does {who} have left?"
    now = f"How many {thing} does {who} have now?"
    remain = f"How many {thing} are left?"
    return rng.choice(
        [
            (
                f"{who} has {a} {thing}. {who} gives {b} to {other} and then buys {c} more. {now}",
                a - b + c,
            ),
            (
                f"{who} buys {d} boxes with {b} {thing} each and loses {d} {thing}. {left}",
                d * b - d,
            ),
            (
                (
                    f"{who} has {a} {thing} and {other} has {b} {thing}. {who} gives {c} {thing} to {other}. "
                    f"How many {thing} does {other} have now?"
                ),
                b + c,
            ),
            (
                (
                    f"{who} picked {a} {thing} in the morning and {b} {thing} in the afternoon. "
                    f"{who} then ate {d} of them. {remain}"
                ),
                a + b - d,
            ),
            (
                f"{who} had {a} {thing}. {who} gave away {b} {thing}, found {c} {thing}, and sold {d} {thing}. {now}",
                a - b + c - d,
            ),
            (
                (
                    f"{who} has {2 * a} {thing}. Half of them are red and {b} are blue. "
                    f"How many {thing} are neither red nor blue?"
                ),
                a - b,
            ),
        ]
    )


def distractors(rng: Random) -> tuple[str, int]:
    """Stories with numbers that have no part in the answer."""
    (who, other), (thing, noise) = rng.sample(NAMES, 2), rng.sample(THINGS, 2)
    a, b, c, age = rng.randint(30, 90), rng.randint(3, 20), rng.randint(2, 40), rng.randint(6, 60)
    left = f"How many {thing} does {who} have left?"
    now = f"How many {thing} does {who} have now?"
    return rng.choice(
        [
            (
                f"{who}, who is {age} years old, has {a} {thing}. {who} loses {b} {thing}. {left}",
                a - b,
            ),
            (
                f"{who} has {a} {thing} and {c} {noise}. {who} gives {b} {thing} to {other}. {now}",
                a - b,
            ),
            (
                f"On day {c}, {who} had {a} {thing}. Then {who} bought {b} more {thing}. {now}",
                a + b,
            ),
            (
                (
                    f"{who} lives at number {age}. {who} has {a} {thing}, and {other} has {b} {thing} and {c} {noise}. "
                    f"How many {thing} do they have altogether?"
                ),
                a + b,
            ),
            (
                (
                    f"{who} walks {c} km to school every day. {who} found {a} {thing} and gave {b} {thing} to {other}. "
                    f"{left}"
                ),
                a - b,
            ),
            (
                (
                    f"{who} bought {a} {thing}. {b} of the {c + b} {noise} in the shop were broken. "
                    f"How many {thing} did {who} buy?"
                ),
                a,
            ),
        ]
    )


def shopping(rng: Random) -> tuple[str, Fraction]:
    """Prices, totals and change."""
    who, (first, second) = (
        rng.choice(NAMES),
        rng.sample(("notebooks", "pens", "mugs", "candles", "scarves", "lamps"), 2),
    )
    n, m = rng.randint(2, 9), rng.randint(2, 6)
    p, q = Fraction(rng.randint(4, 48), 4), Fraction(rng.randint(2, 30), 2)
    total = n * p
    note = next(value for value in (10, 20, 50, 100, 200) if value > total)
    return rng.choice(
        [
            (f"{who} buys {n} {first} at ${float(p):.2f} each. How much does {who} pay?", total),
            (
                (
                    f"{who} buys {n} {first} at ${float(p):.2f} each and {m} {second} at ${float(q):.2f} each. "
                    f"How much does {who} pay in total?"
                ),
                total + m * q,
            ),
            (
                (
                    f"{who} buys {n} {first} for ${float(p):.2f} each and pays with a ${note} note. "
                    f"How much change does {who} get?"
                ),
                note - total,
            ),
            (f"One of the {first} costs ${float(p):.2f}. How much do {n} of them cost?", total),
            (f"{n} {first} cost ${float(total):.2f}. What does one of them cost?", p),
            (f"{who} earns ${n} an hour and works {m + 20} hours. How much does {who} earn?", Fraction(n * (m + 20))),
        ]
    )


def travel(rng: Random) -> tuple[str, Fraction]:
    """Speed, time and distance."""
    speed, hours = rng.choice((12, 40, 60, 72, 80, 90, 120)), rng.randint(2, 9)
    minutes = rng.choice((15, 30, 45))
    vehicle = rng.choice(("train", "bus", "car", "ferry"))
    return rng.choice(
        [
            (
                f"A {vehicle} travels at {speed} km/h for {hours} hours. How many kilometres does it travel?",
                Fraction(speed * hours),
            ),
            (
                f"A {vehicle} travels {speed * hours} km in {hours} hours. What is its average speed in km/h?",
                Fraction(speed),
            ),
            (f"A {vehicle} travels {speed * hours} km at {speed} km/h. How many hours does it take?", Fraction(hours)),
            (
                (
                    f"A {vehicle} travels at {speed} km/h for {hours} hours and {minutes} minutes. "
                    "How far does it travel, in kilometres?"
                ),
                speed * (hours + Fraction(minutes, 60)),
            ),
            (
                (
                    f"A {vehicle} leaves at {hours}:{minutes} and travels for 2 hours and 10 minutes. "
                    f"How many minutes after {hours} o'clock does it arrive?"
                ),
                Fraction(minutes + 130),
            ),
        ]
    )


def comparisons(rng: Random) -> tuple[str, int]:
    """More, fewer, times as many."""
    (who, other), thing = rng.sample(NAMES, 2), rng.choice(THINGS)
    a, b, times = rng.randint(12, 60), rng.randint(2, 11), rng.randint(3, 6)
    other_has = f"How many {thing} does {other} have?"
    return rng.choice(
        [
            (
                f"{who} has {a} {thing}. {other} has {b} more {thing} than {who}. {other_has}",
                a + b,
            ),
            (
                f"{who} has {a} {thing}. {other} has {b} fewer {thing} than {who}. {other_has}",
                a - b,
            ),
            (
                f"{who} has {a} {thing}. {other} has {times} times as many {thing} as {who}. {other_has}",
                a * times,
            ),
            (
                (
                    f"{who} has {a} {thing}. {other} has twice as many {thing} as {who}. "
                    f"How many {thing} do they have together?"
                ),
                3 * a,
            ),
            (
                (
                    f"{who} has {a + b} {thing} and {other} has {a} {thing}. "
                    f"How many more {thing} does {who} have than {other}?"
                ),
                b,
            ),
            (
                f"{who} is {a} years old. {other} is {b} years younger. How old will {other} be in {times} years?",
                a - b + times,
            ),
        ]
    )


def sharing(rng: Random) -> tuple[str, int]:
    """Division with something left over."""
    who, thing = rng.choice(NAMES), rng.choice(THINGS)
    size, full, left = rng.randint(6, 15), rng.randint(4, 20), rng.randint(1, 5)
    many = size * full + left
    return rng.choice(
        [
            (f"{who} packs {plural(many, thing)} into boxes of {size}. How many boxes are full?", full),
            (f"{who} puts {plural(many, thing)} into bags of {size}. How many {thing} are left over?", left),
            (f"A bus holds {size} people. How many buses are needed for {many} people?", full + 1),
            (f"What is the remainder when {grouped(many)} is divided by {size}?", left),
        ]
    )
