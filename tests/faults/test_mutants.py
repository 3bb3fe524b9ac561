"""What `mutants.py` changes, and what it leaves alone."""

from tests.faults.mutants import Defaults, mutants

SOURCE = '''
LIMIT = 3

class Queue:
    def take(self, count: int = 1) -> list[str]:
        """Words."""
        rest: int
        if not self.closed and count < LIMIT:
            raise ValueError(f"{count} + 1 in all")
        return self.rows[:count]

    def wait(self):
        while True:
            self.take(count=2)
            break
'''


def changes(source: str) -> list[str]:
    return [mutant.name.removeprefix("queue.py: ") for mutant in mutants("queue.py", source, Defaults([source]))]


def test_every_small_change_is_made_once_and_only_inside_functions() -> None:
    assert changes(SOURCE) == [
        "Queue.take: not self.closed and count < LIMIT → True",
        "Queue.take: not self.closed and count < LIMIT → False",
        "Queue.take: not self.closed and count < LIMIT → (not self.closed or count < LIMIT)",
        "Queue.take: not self.closed → (self.closed)",
        "Queue.take: count < LIMIT → (count <= LIMIT)",
        "Queue.take: raise ValueError(f'{count} + 1 in all')",
        "Queue.take: return self.rows[:count]",
        "Queue.wait: True → False",
        "Queue.wait: self.take(count=2)",
        "Queue.wait: self.take(count=2) → self.take()",
        "Queue.wait: count=2 → count=3",
        "Queue.wait: count=2 → count=1",
        "Queue.wait: break",
        "Queue.wait: break → continue",
    ]


def test_a_mutant_is_the_whole_source_with_one_change() -> None:
    (mutant,) = (m for m in mutants("queue.py", SOURCE, Defaults([SOURCE])) if m.name.endswith("→ (count <= LIMIT)"))
    assert mutant.changed == SOURCE.replace("count < LIMIT", "(count <= LIMIT)")
    assert (mutant.function, mutant.line, mutant.removal) == ("Queue.take", 8, False)


def test_changes_of_the_same_words_are_numbered() -> None:
    assert changes("def f(a):\n    g(1 < a)\n    g(1 < a)\n")[-1] == "f: 1 < a → 0 < a (2)"


def test_an_argument_without_a_default_is_not_left_out() -> None:
    source = "def g(a, b, *, c, d=0): ...\ndef f():\n    g(1, 2, c=3, d=4)\n"
    assert [name for name in changes(source) if "→ g(" in name and name.count("=") == 3] == [
        "f: g(1, 2, c=3, d=4) → g(1, 2, c=3)"
    ]
