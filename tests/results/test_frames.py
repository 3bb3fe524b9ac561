import random
import struct
import zlib

from hypothesis import given
from hypothesis import strategies as st

from evalperf.results.frames import ABORT, INTENT, RESPONSE, Frame, encode_frame
from tests.results.helpers import frames_in

FRAMES = st.lists(
    st.builds(
        Frame,
        st.sampled_from([INTENT, RESPONSE, ABORT]),
        st.integers(0, 2**48 - 1),
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**16 - 1),
        st.binary(min_size=16, max_size=16),
        st.binary(max_size=200),
    ),
    max_size=8,
)


@given(FRAMES)
def test_frames_round_trip(frames: list[Frame]) -> None:
    assert frames_in(b"".join(map(encode_frame, frames))) == frames


@given(FRAMES, st.binary(max_size=40))
def test_a_torn_end_costs_only_the_frame_that_was_torn(frames: list[Frame], tail: bytes) -> None:
    data = b"".join(map(encode_frame, [*frames, Frame(RESPONSE, 1, payload=tail)]))
    for cut in range(1, 41 + len(tail)):
        assert frames_in(data[:-cut]) == frames


def test_reading_goes_on_behind_any_damage() -> None:
    chance = random.Random(1)
    frames = [Frame(RESPONSE, n, 0, 1, bytes(16), chance.randbytes(60)) for n in range(20)]
    data = b"".join(map(encode_frame, frames))
    for _ in range(500):
        damaged = bytearray(data)
        start = chance.randrange(len(data))
        damaged[start : start + 30] = chance.randbytes(30)
        found = frames_in(bytes(damaged))
        assert len(found) >= 18
        assert all(frame in frames for frame in found)


def test_garbage_is_no_frame() -> None:
    assert frames_in(b"\xe5EPJ" + bytes(50) + b"\xe5EPJ") == []


def test_more_attempts_than_a_frame_can_count_are_its_most() -> None:
    (frame,) = frames_in(encode_frame(Frame(INTENT, 1, 0, 70_000)))
    assert frame.attempt == 65_535


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**16 - 1))
def test_frames_of_the_first_form_read_the_same(key: int, call: int) -> None:
    """They had eight bytes of key and two of call."""
    body = struct.pack("<BQHH16s", RESPONSE, key, call, 3, bytes(range(16))) + b"answer"
    data = struct.pack("<4sII", b"\xe5EPJ", len(body), zlib.crc32(body)) + body
    (frame,) = frames_in(data)
    assert frame == Frame(RESPONSE, key, call, 3, bytes(range(16)), b"answer")
    assert encode_frame(frame) == data
