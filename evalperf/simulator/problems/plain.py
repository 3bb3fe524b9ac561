"""Problems that are little more than their numbers."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from evalperf.simulator.problems.wording import decimal_text, fraction_text, grouped, number_name

__all__ = [
    "addition",
    "averages",
    "decimals",
    "division",
    "fractions",
    "multiplication",
    "number_words",
    "percentages",
    "precedence",
    "sequences",
    "units",
]


def addition(rng: Random) -> tuple[str, Fraction]:
    """Sums and differences of whole numbers, some below zero."""
    size = rng.choice((90, 900, 9_000, 90_000))
    a, b = rng.randint(11, size), rng.randint(11, size)
    return rng.choice(
        [
            (f"What is {grouped(a)} + {grouped(b)}?", Fraction(a + b)),
            (f"Add {grouped(a)} and {grouped(b)}.", Fraction(a + b)),
            (f"What do you get if you add {grouped(a)} to {grouped(b)}?", Fraction(a + b)),
            (f"Compute {grouped(a)} − {grouped(b)}.", Fraction(a - b)),
            (f"What is {grouped(a)} minus {grouped(b)}?", Fraction(a - b)),
            (f"Subtract {grouped(b)} from {grouped(a)}.", Fraction(a - b)),
            (f"What is -{a} + {grouped(b)}?", Fraction(b - a)),
        ]
    )


def multiplication(rng: Random) -> tuple[str, Fraction]:
    """Products of two whole numbers."""
    a, b = rng.randint(3, 99), rng.randint(12, 999)
    wording = rng.choice(
        ["What is {a} × {b}?", "Multiply {a} by {b}.", "What is the product of {a} and {b}?", "Compute {a} times {b}."]
    )
    return wording.format(a=a, b=b), Fraction(a * b)


def division(rng: Random) -> tuple[str, Fraction]:
    """Quotients, half of them not whole."""
    b = rng.choice((2, 4, 5, 8, 20)) if rng.random() < 0.5 else rng.randint(3, 19)
    a = b * rng.randint(12, 240) if b not in (2, 4, 5, 8, 20) else rng.randint(21, 999)
    wording = rng.choice(
        ["What is {a} ÷ {b}?", "Divide {a} by {b}.", "Compute {a} / {b}.", "What is {a} divided by {b}?"]
    )
    return wording.format(a=grouped(a), b=b), Fraction(a, b)


def decimals(rng: Random) -> tuple[str, Fraction]:
    """Sums, differences and products of decimal numbers."""
    a, b = Fraction(rng.randint(101, 9999), 100), Fraction(rng.randint(11, 999), 10)
    a_text, b_text = f"{float(a):.2f}", f"{float(b):.1f}"
    return rng.choice(
        [
            (f"What is {a_text} + {b_text}?", a + b),
            (f"What is {a_text} - {b_text}?", a - b),
            (f"Compute {b_text} × 0.5.", b / 2),
            (f"Add {a_text} and {b_text}.", a + b),
        ]
    )


def precedence(rng: Random) -> tuple[str, Fraction]:
    """Expressions whose value depends on the order of their operations."""
    a, b, c, d = (rng.randint(2, 20) for _ in range(4))
    text, value = rng.choice(
        [
            (f"{a} + {b} × {c}", a + b * c),
            (f"{a} × {b} + {c} × {d}", a * b + c * d),
            (f"({a} + {b}) × {c}", (a + b) * c),
            (f"{a * b} ÷ {b} + {c}", a + c),
            (f"{a} × ({b} − {c}) + {d}", a * (b - c) + d),
            (f"{a + b} − {c} × {d}", a + b - c * d),
            (f"(({a} + {b}) × {c} − {d}) × 2", ((a + b) * c - d) * 2),
            (f"{a}² + {b}", a * a + b),
        ]
    )
    return rng.choice(["What is {}?", "Compute {}.", "Work out {}."]).format(text), Fraction(value)


def fractions(rng: Random) -> tuple[str, str]:
    """Sums, differences and parts, with fractions; so is the target."""
    b, d = rng.sample((2, 3, 4, 5, 6, 8, 10, 12), 2)
    x, y = Fraction(rng.randint(1, b - 1), b), Fraction(rng.randint(1, d - 1), d)
    whole = b * rng.randint(4, 40)
    left, right = fraction_text(x), fraction_text(y)
    text, answer = rng.choice(
        [
            (f"What is {left} + {right}?", x + y),
            (f"What is {left} − {right}? Give a fraction.", x - y),
            (f"Compute {left} × {right}.", x * y),
            (f"What is {left} of {whole}?", x * whole),
            (f"A tank holds {whole} litres and is {left} full. How many litres are in it?", x * whole),
        ]
    )
    return text, fraction_text(answer)


def percentages(rng: Random) -> tuple[str, Fraction]:
    """Shares, changes by a percentage, and percentages asked for."""
    percent = rng.choice((5, 10, 12, 15, 20, 25, 30, 40, 60, 75))
    base = 20 * rng.randint(2, 60)
    part = Fraction(base * percent, 100)
    return rng.choice(
        [
            (f"What is {percent}% of {grouped(base)}?", part),
            (f"How much is {percent} percent of {grouped(base)}?", part),
            (f"A coat costs ${base}. Its price is reduced by {percent}%. What does it cost now?", base - part),
            (
                f"A town of {grouped(base * 10)} people grows by {percent}%. How many people live there now?",
                (base + part) * 10,
            ),
            (f"What percentage of {grouped(base)} is {decimal_text(part)}?", Fraction(percent)),
            (
                f"A price rises from ${base} to ${decimal_text(base + part)}. By what percentage does it rise?",
                Fraction(percent),
            ),
        ]
    )


def number_words(rng: Random) -> tuple[str, Fraction]:
    """Sums, differences and products in words."""
    a, b = rng.randint(13, 99), rng.randint(2, 40)
    x, y = number_name(a), number_name(b)
    return rng.choice(
        [
            (f"What is {x} plus {y}?", Fraction(a + b)),
            (f"What is {x} minus {y}?", Fraction(a - b)),
            (f"What is {x} times {y}?", Fraction(a * b)),
            (f"Add {y} to {x}.", Fraction(a + b)),
            (f"What is the sum of {x}, {y} and {number_name(a // 2)}?", Fraction(a + b + a // 2)),
        ]
    )


def units(rng: Random) -> tuple[str, Fraction]:
    """One unit in another."""
    a, b = rng.randint(2, 48), rng.randint(2, 59)
    tenths = Fraction(rng.randint(11, 99), 10)
    tenths_text = f"{float(tenths):.1f}"
    return rng.choice(
        [
            (f"How many minutes are {a} hours?", Fraction(60 * a)),
            (f"How many minutes are in {a} hours and {b} minutes?", Fraction(60 * a + b)),
            (f"Convert {tenths_text} kilometres to metres.", tenths * 1000),
            (f"How many grams are {tenths_text} kg?", tenths * 1000),
            (f"How many days are {a} weeks?", Fraction(7 * a)),
            (f"How many seconds are in {b} minutes and {a} seconds?", Fraction(60 * b + a)),
            (f"How many metres are {100 * a + b} centimetres?", Fraction(100 * a + b, 100)),
            (f"How many eggs are {a} dozen?", Fraction(12 * a)),
        ]
    )


def sequences(rng: Random) -> tuple[str, Fraction]:
    """The next number: steps that are equal, grow, or multiply."""
    start, step = rng.randint(1, 30), rng.randint(2, 15)
    kind = rng.choice(("equal", "equal", "equal", "falling", "doubling", "growing"))
    if kind == "equal":
        terms = [start + step * i for i in range(6)]
    elif kind == "falling":
        terms = [start + step * (9 - i) for i in range(6)]
    elif kind == "doubling":
        terms = [start * 2**i for i in range(6)]
    else:
        terms = [start + step * i + i * i for i in range(6)]
    shown = ", ".join(map(str, terms[:5]))
    return rng.choice(["What comes next: {}, …?", "What is the next number in the sequence {}?"]).format(
        shown
    ), Fraction(terms[5])


def averages(rng: Random) -> tuple[str, Fraction]:
    """Means, largest and smallest of a few numbers."""
    numbers = [rng.randint(3, 95) for _ in range(rng.choice((2, 4, 5)))]
    shown = ", ".join(map(str, numbers[:-1])) + f" and {numbers[-1]}"
    mean = Fraction(sum(numbers), len(numbers))
    return rng.choice(
        [
            (f"What is the average of {shown}?", mean),
            (f"What is the mean of the numbers {shown}?", mean),
            (f"What is the sum of {shown}?", Fraction(sum(numbers))),
            (f"Which is the largest of {shown}?", Fraction(max(numbers))),
            (
                f"What is the difference between the largest and the smallest of {shown}?",
                Fraction(max(numbers) - min(numbers)),
            ),
        ]
    )
