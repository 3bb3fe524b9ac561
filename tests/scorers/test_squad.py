"""`squad_em` and `squad_f1`."""

import pytest


@pytest.mark.parametrize(
    ("answer", "target", "f1"),
    [
        ("David Seville", "David Seville", 1.0),
        ("The man was David Seville!", "seville, david", 2 * 0.5 * 1 / 1.5),
        ("no", "yes", 0.0),
        ("to be or not to be", "to be", 0.5),
        ("the", "the", 0.0),
        ("Seville", ("Lisbon", "the Seville"), 1.0),
    ],
)
async def test_squad_f1_counts_tokens_as_often_as_both_have_them(judge, answer, target, f1):
    """Two texts that are empty in the squad form share no token: 0, as in the script."""
    score = await judge("squad_f1", answer, target)
    assert (score.value, score.passed) == (f1, None)


async def test_squad_f1_passes_at_its_threshold(judge):
    assert (await judge({"type": "squad_f1", "threshold": 0.5}, "to be or not to be", "to be")).passed is True
    assert (await judge({"type": "squad_f1", "threshold": 0.51}, "to be or not to be", "to be")).passed is False


async def test_squad_em_takes_the_best_of_several_targets(judge):
    assert (await judge("squad_em", "The “Seville”", ("Lisbon", "seville"))).passed is False
    assert (await judge("squad_em", 'The "Seville".', ("Lisbon", "seville"))).passed is True
    assert (await judge("squad_em", "the", "a")).passed is True
