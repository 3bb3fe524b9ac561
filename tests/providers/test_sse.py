"""The event parser against the rules of the standard."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.providers.sse import EventParser, EventTooLongError, ServerEvent


def parse(*pieces: bytes, max_event_bytes: int = 1000) -> list[ServerEvent]:
    parser = EventParser(max_event_bytes)
    return [event for piece in pieces for event in parser.feed(piece)] + parser.finish()


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_line_end_of_the_standard_ends_a_line(end: bytes) -> None:
    assert parse(b"data: a" + end + end + b"data: b" + end + end) == [("message", b"a"), ("message", b"b")]


def test_comments_and_unknown_fields_are_read_over() -> None:
    assert parse(b": ping\n\nid: 7\nretry: 10\nodd\ndata: x\n\n") == [("message", b"x")]


def test_several_data_lines_are_one_event() -> None:
    assert parse(b"data: a\ndata:\ndata: b\n\n") == [("message", b"a\n\nb")]


def test_only_one_space_after_the_colon_is_taken_away() -> None:
    assert parse(b"data:  a\n\ndata:b\n\n") == [("message", b" a"), ("message", b"b")]


def test_a_name_counts_for_its_own_event_only() -> None:
    assert parse(b"event: error\ndata: x\n\ndata: y\n\n") == [("error", b"x"), ("message", b"y")]


def test_an_event_without_data_is_none() -> None:
    assert parse(b"event: ping\n\ndata: x\n\n") == [("message", b"x")]
    assert parse(b"data:\n\ndata: x\n\n") == [("message", b"x")]


def test_a_byte_order_mark_is_not_part_of_the_first_line() -> None:
    assert parse(b"\xef\xbb", b"\xbfdata: x\n\n") == [("message", b"x")]


def test_only_the_first_bytes_of_a_stream_can_be_a_byte_order_mark() -> None:
    assert parse(b"\n", b"\xef\xbb\xbfdata: x\n\n") == []
    assert parse(b"\r", b"\n\xef\xbb\xbfdata: x\n\n") == []


def test_the_end_of_the_stream_completes_the_last_event() -> None:
    assert parse(b"data: [DONE]") == [("message", b"[DONE]")]


@pytest.mark.parametrize(
    "piece",
    [b"data: " + b"x" * 2000, b"data: " + b"x" * 600 + b"\ndata: " + b"x" * 600 + b"\n", b"data:\n" * 2000],
)
def test_an_event_that_never_ends_is_refused(piece: bytes) -> None:
    with pytest.raises(EventTooLongError):
        parse(piece)


STREAM = b": hi\r\nevent: a\r\ndata: 1\r\ndata: 2\r\n\r\ndata: {}\n\ndata: \xe2\x82\xac\r\rdata: [DONE]\n\n"


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_where_the_stream_is_cut_makes_no_difference(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[start:end] for start, end in itertools.pairwise(edges)]
    assert parse(*pieces) == parse(STREAM)
