"""What journals say, in their order, and how it is carried into one."""

from pathlib import Path

import pytest

from evalperf.results.disk import LocalDisk
from evalperf.results.facts import Facts, carry_over, journal_name, journal_number, read_facts
from evalperf.results.frames import ABORT, BASE, DOUBT, INTENT, RESPONSE, TALLY, Frame, encode_frame
from tests.results.helpers import HASH


def journal(folder: Path, number: int, *frames: Frame) -> None:
    (folder / journal_name(number)).write_bytes(b"".join(map(encode_frame, frames)))


def read(folder: Path, *done: int, ever_in_doubt: int = 0) -> Facts:
    return read_facts(LocalDisk(), folder, lambda key: key in done, ever_in_doubt=ever_in_doubt)[0]


@pytest.mark.parametrize("name", ["000001.wal.tmp", "notes.wal", "000001", "1.gz"])
def test_other_files_are_no_journals(name: str) -> None:
    assert journal_number(name) is None
    assert journal_number("000012.wal") == 12


def test_every_call_is_a_fact_of_its_own(tmp_path: Path) -> None:
    journal(tmp_path, 1, Frame(INTENT, 1, 0, 1), Frame(INTENT, 1, 1, 1), Frame(INTENT, 2, 0, 1), Frame(INTENT, 2, 0, 2))
    journal(tmp_path, 2, Frame(RESPONSE, 1, 1, 1, HASH, b"answer"), Frame(ABORT, 2, 0, 1))
    facts = read(tmp_path)
    assert dict(facts.doubts) == {(1, 0, 1): 1, (2, 0, 2): 1}
    assert (facts.in_doubt, facts.ever_in_doubt, facts.replayable, facts.keys()) == (2, 2, 1, {1, 2})
    assert facts.responses[1][1].payload == b"answer"


def test_facts_of_done_cases_are_left_out_and_the_last_answer_counts(tmp_path: Path) -> None:
    answers = [Frame(RESPONSE, 2, 0, attempt, HASH, b"%d" % attempt) for attempt in (1, 2)]
    journal(tmp_path, 1, Frame(INTENT, 1, 0, 1), *answers)
    facts = read(tmp_path, 1)
    assert (facts.in_doubt, facts.replayable) == (0, 1)
    assert facts.responses[2][0].payload == b"2"


def test_an_answer_without_its_intent_does_not_settle_another_call(tmp_path: Path) -> None:
    journal(tmp_path, 1, Frame(RESPONSE, 1, 0, 1), Frame(ABORT, 1, 0, 2), Frame(INTENT, 2, 0, 1))
    facts = read(tmp_path)
    assert (facts.in_doubt, facts.ever_in_doubt) == (1, 1)


def test_frames_of_a_kind_that_is_not_known_tell_nothing(tmp_path: Path) -> None:
    journal(tmp_path, 1, Frame(7, 1, 0, 1, HASH, b"answer"), Frame(0, 2))
    assert read(tmp_path).keys() == set()


@pytest.mark.parametrize("end", [ABORT, RESPONSE])
def test_an_end_settles_one_call_only(tmp_path: Path, end: int) -> None:
    """Attempts beyond those that a frame can count have the same number."""
    journal(tmp_path, 1, Frame(INTENT, 1, 0, 70_000), Frame(INTENT, 1, 0, 70_001), Frame(end, 1, 0, 70_000))
    assert read(tmp_path).in_doubt == 1


def test_a_base_stands_for_all_before_it(tmp_path: Path) -> None:
    journal(tmp_path, 1, Frame(TALLY, 3), Frame(INTENT, 1, 0, 1), Frame(RESPONSE, 2, 0, 1), Frame(DOUBT, 3, 0, 1))
    journal(tmp_path, 2, Frame(BASE, 0), Frame(DOUBT, 1, 0, 1))
    facts = read(tmp_path)
    assert (facts.in_doubt, facts.replayable, facts.ever_in_doubt) == (1, 0, 3)


def test_the_highest_tally_counts_wherever_it_is_known_from(tmp_path: Path) -> None:
    journal(tmp_path, 1, Frame(TALLY, 3), Frame(TALLY, 2))
    assert read(tmp_path).ever_in_doubt == 3
    assert read(tmp_path, ever_in_doubt=7).ever_in_doubt == 7


def test_what_is_carried_over_is_read_as_it_was(tmp_path: Path) -> None:
    doubts = [Frame(INTENT, 1, 0, 1), Frame(DOUBT, 1, 0, 1), Frame(DOUBT, 1, 0, 1)]
    journal(tmp_path, 4, *doubts, Frame(RESPONSE, 2, 3, 1, HASH, b"answer"))
    facts = read(tmp_path)
    assert (facts.doubts[1, 0, 1], facts.ever_in_doubt) == (3, 1)
    assert carry_over(LocalDisk(), tmp_path, facts, [4]) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["000005.wal"]
    again = read(tmp_path)
    assert (again.doubts, again.responses, again.ever_in_doubt) == (facts.doubts, facts.responses, 1)


def test_nothing_to_say_needs_no_journal(tmp_path: Path) -> None:
    journal(tmp_path, 1, Frame(BASE, 0))
    assert carry_over(LocalDisk(), tmp_path, Facts(), [1]) == 2
    assert carry_over(LocalDisk(), tmp_path, Facts(), []) == 1
    assert list(tmp_path.iterdir()) == []
    carry_over(LocalDisk(), tmp_path, Facts(2), [])
    assert read(tmp_path).ever_in_doubt == 2


def test_damage_between_frames_is_told_and_a_torn_end_is_none(tmp_path: Path) -> None:
    assert Facts().damage == ()
    frame = encode_frame(Frame(RESPONSE, 1, 0, 1, HASH, b"answer"))
    (tmp_path / journal_name(1)).write_bytes(frame + b"x" * 7 + frame + frame[:-1])
    (tmp_path / journal_name(2)).write_bytes(b"yyy" + frame)
    assert read(tmp_path).damage == (
        f"journal/000001.wal: 7 bytes from byte {len(frame)} tell of calls, and can't be read",
        "journal/000002.wal: 3 bytes from byte 0 tell of calls, and can't be read",
    )
