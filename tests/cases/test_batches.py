"""Cases from files: batches, formats, bad lines, duplicates, limit, sample, epochs, and going on after a stop."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalperf.cases import Rejected, read_batches
from evalperf.config.model import CasesConfig
from evalperf.errors import ConfigError, InputError
from evalperf.records import Case

BIG = 1 << 30


def jsonl(path: Path, *records: Any) -> Path:
    """Records as lines; bytes are lines as they are."""
    lines = [record if isinstance(record, bytes) else orjson.dumps(record) for record in records]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


class Finished:
    """The cases of earlier sessions."""

    def __init__(self, cases: set[tuple[int, int]], epochs: int = 1) -> None:
        self.cases, self.epochs = cases, epochs

    def is_done(self, seq: int, epoch: int) -> bool:
        return (seq, epoch) in self.cases

    def done_until(self, seq: int, end: int) -> int:
        every = range(1, self.epochs + 1)
        return next((n for n in range(seq, end) if not all(self.is_done(n, epoch) for epoch in every)), end)


async def batches_of(path: Path | list[Path], **options: Any) -> list[list[Case]]:
    bounds = {"max_cases": options.pop("max_cases", 1000), "max_bytes": options.pop("max_bytes", BIG)}
    done, on_reject = options.pop("done", None), options.pop("on_reject", None)
    paths = [str(one) for one in path] if isinstance(path, list) else str(path)
    config = CasesConfig(path=paths, **options)
    return [b async for b in read_batches(config, Path("/"), **bounds, done=done, on_reject=on_reject)]


async def cases_of(path: Path | list[Path], **options: Any) -> list[Case]:
    return [case for batch in await batches_of(path, **options) for case in batch]


async def good_and_error(path: Path, **options: Any) -> tuple[list[Case], InputError]:
    """The cases that came before the error."""
    good: list[Case] = []

    async def read_all() -> None:
        async for batch in read_batches(CasesConfig(path=str(path), **options), Path("/"), max_cases=3, max_bytes=BIG):
            good.extend(batch)

    with pytest.raises(InputError) as caught:
        await read_all()
    return good, caught.value


def numbered(count: int) -> list[dict[str, Any]]:
    return [{"id": f"c{n}", "input": f"question {n}", "kind": n % 3} for n in range(1, count + 1)]


# batches ------------------------------------------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(sizes=st.lists(st.integers(0, 300), max_size=40), max_cases=st.integers(1, 9), max_bytes=st.integers(50, 800))
async def test_batches_joined_are_the_input_and_each_keeps_both_bounds(
    tmp_path: Path, sizes: list[int], max_cases: int, max_bytes: int
) -> None:
    records = [{"id": str(n), "input": "x" * size} for n, size in enumerate(sizes)]
    batches = await batches_of(jsonl(tmp_path / "c.jsonl", *records), max_cases=max_cases, max_bytes=max_bytes)
    assert [case.id for batch in batches for case in batch] == [record["id"] for record in records]
    for batch in batches:
        size_bytes = sum(len(orjson.dumps({"id": case.id, "input": case.input})) for case in batch)
        assert len(batch) <= max_cases
        assert size_bytes <= max_bytes or len(batch) == 1


async def test_epochs_of_a_case_follow_each_other(tmp_path: Path) -> None:
    cases = await cases_of(jsonl(tmp_path / "c.jsonl", *numbered(2)), epochs=3)
    assert [(case.seq, case.epoch) for case in cases] == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3)]


async def test_seq_is_the_line_and_runs_over_all_files(tmp_path: Path) -> None:
    """Blank lines are counted and skipped."""
    one = jsonl(tmp_path / "1.jsonl", {"id": "a", "input": "x"}, b"", b" \t", {"id": "b", "input": "x"})
    two = jsonl(tmp_path / "2.jsonl", {"id": "c", "input": "x"})
    assert [(case.seq, case.id) for case in await cases_of([one, two])] == [(1, "a"), (4, "b"), (5, "c")]


async def test_globs_are_sorted_and_paths_start_at_the_folder(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        jsonl(tmp_path / f"{name}.jsonl", {"id": name, "input": "x"})
    config = CasesConfig(path=["c.jsonl", "[ab].jsonl"])
    batches = [b async for b in read_batches(config, tmp_path, max_cases=9, max_bytes=BIG)]
    assert [case.id for batch in batches for case in batch] == ["c", "a", "b"]


async def test_a_glob_without_a_match_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file matches"):
        await cases_of(tmp_path / "*.jsonl")


async def test_an_empty_file_gives_no_batch(tmp_path: Path) -> None:
    for name in ("c.jsonl", "c.csv"):
        (tmp_path / name).write_bytes(b"")
        assert await batches_of(tmp_path / name) == []


# formats ------------------------------------------------------------------------------------------------------------

RECORDS = [
    {"id": "1", "question": 'a "quoted"\nline, é', "answer": "yes"},
    {"id": "2", "question": "b", "answer": "no"},
]
CSV = '\ufeffid,question,answer\r\n1,"a ""quoted""\nline, é",yes\r\n\r\n2,b,no\r\n'
CONTENTS = {
    "jsonl": "\n".join(json.dumps(record) for record in RECORDS),
    "json": json.dumps(RECORDS, indent=2),
    "csv": CSV,
}
PACKERS = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize("form", CONTENTS)
async def test_every_format_gives_the_same_cases(tmp_path: Path, form: str, packing: str) -> None:
    path = tmp_path / f"cases.{form}{packing}"
    path.write_bytes(PACKERS[packing](CONTENTS[form].encode()))
    cases = await cases_of(path)
    assert [(case.seq, case.id, case.input, case.target) for case in cases] == [
        (n, record["id"], record["question"], record["answer"]) for n, record in enumerate(RECORDS, start=1)
    ]


@pytest.mark.parametrize("form", CONTENTS)
async def test_standard_input_in_every_format(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").write_bytes(CONTENTS[form].encode())
    with (tmp_path / "in").open("rb") as file:
        monkeypatch.setattr(sys, "stdin", file)
        config = CasesConfig(path="-", format=form)  # type: ignore[arg-type]
        batches = [b async for b in read_batches(config, tmp_path, max_cases=9, max_bytes=BIG)]
    assert [case.id for batch in batches for case in batch] == ["1", "2"]


async def test_csv_cells_of_lists_are_read_as_lists(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text('id,input,choices,tags\n1,x,"[""a"", ""b""]",hard\n2,[draft] of what?,,\n')
    first, second = await cases_of(path)
    assert (first.choices, first.tags) == (("a", "b"), ("hard",))
    assert (second.input, second.choices, second.tags) == ("[draft] of what?", None, ())


async def test_numbers_in_csv_cells_keep_all_their_digits(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text('id,input,choices\n1,x,"[18446744073709551617, 3.10]"\n')
    (case,) = await cases_of(path)
    assert case.choices == ("18446744073709551617", "3.10")


async def test_a_number_of_5000_digits_in_an_array_is_a_bad_record(tmp_path: Path) -> None:
    """Not the end of the file: where its element ends can be told."""
    path = tmp_path / "c.json"
    path.write_text('[{"input": "a"}, {"input": "b", "n": ' + "9" * 5_000 + '}, {"input": "c"}]')
    _, error = await good_and_error(path)
    assert "invalid JSON" in error.reason
    assert len(await cases_of(path, on_bad_line="skip")) == 2


async def test_a_large_array_is_read_in_pieces(tmp_path: Path) -> None:
    """Elements lie across the pieces that are read; the last is longer than one."""
    records = [{"id": str(n), "input": 'é\\"[{' * (n % 50), "n": n} for n in range(20_000)]
    records.append({"id": "long", "input": "y" * 600_000, "n": 0})
    (tmp_path / "c.json").write_text(json.dumps(records, ensure_ascii=False))
    cases = await cases_of(tmp_path / "c.json")
    assert [(case.id, case.input) for case in cases] == [(record["id"], record["input"]) for record in records]


@pytest.mark.parametrize(
    ("text", "line", "column", "reason", "good"),
    [
        ('{"id": 1}\n{"id": 2}', 1, 1, "an object, not an array", 0),
        ('[\n{"input": "a"},\n {"input": b}]', 3, 12, "invalid JSON", 1),
        ('[{"input": "a"} {"input": "b"}]', 1, 17, 'expected "," or "]"', 1),
        ('[{"input": "a"}', 1, 16, "not closed", 1),
        ('[{"input": "a', 1, 12, "invalid JSON", 0),
        ('[{"input": "a"}] x', 1, 18, "follows the end", 1),
        ("", 1, 1, "is empty", 0),
        ("[" * 5000, 1, 2, "nested too deeply", 0),
        ('[{"input": "a"}, ]', 1, 18, "invalid JSON", 1),
    ],
)
async def test_a_broken_array_names_the_place(
    tmp_path: Path, text: str, line: int, column: int, reason: str, good: int
) -> None:
    (tmp_path / "c.json").write_text(text)
    cases, error = await good_and_error(tmp_path / "c.json", on_bad_line="skip")
    assert (error.line, error.column, len(cases)) == (line, column, good)
    assert reason in error.reason


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("id,input\n1,a\n2,b,c\n", 3, "3 cells, the header names 2"),
        ("id,input\n1,a\n2\n", 3, "1 cells"),
        ('id,input\n1,a\n2,"b"c\n', 3, "broken CSV"),
        ('id,input\n1,a\n2,"b\nc', 3, "broken CSV"),
        ("id,input\n1,a\n2,\udcff\n", 3, "invalid UTF-8"),
        ("id,other\n1,a\n", 2, "no input"),
        ("id,id\n1,a\n", 1, 'names "id" twice'),
        ("id,,x\n1,a,b\n", 1, "without a name"),
    ],
)
async def test_a_bad_row_names_its_line(tmp_path: Path, text: str, line: int, reason: str) -> None:
    (tmp_path / "c.csv").write_bytes(text.encode(errors="surrogateescape"))
    cases, error = await good_and_error(tmp_path / "c.csv")
    assert error.line == line
    assert reason in error.reason
    assert len(cases) == (1 if line == 3 else 0)


# bad lines ----------------------------------------------------------------------------------------------------------

BAD_LINES: dict[str, tuple[bytes, int | None, str]] = {
    "no JSON": (b"hello", 1, "invalid JSON"),
    "cut off": (b'{"input": "x', 13, "invalid JSON"),
    "single quotes": (b"{'input': 'x'}", 2, "invalid JSON"),
    "trailing comma": (b'{"input": "x",}', None, "invalid JSON"),
    "two documents": (b'{"input": "x"} {"input": "y"}', 16, "invalid JSON"),
    "NaN": (b'{"input": "x", "v": NaN}', 21, "NaN and Infinity"),
    "minus Infinity": (b'{"input": "x", "v": -Infinity}', None, "NaN and Infinity"),
    "a number beyond floats": (b'{"input": "x", "v": 1e999}', 21, "invalid JSON"),
    "a raw control character": (b'{"input": "x\x01"}', 13, "invalid JSON"),
    "a lone surrogate": (b'{"input": "\\ud800"}', None, "invalid JSON"),
    "Latin-1": ('{"é": "é", "input": "'.encode() + b'\xe9"}', 22, "invalid UTF-8 (byte 0xe9)"),
    "a second byte order mark": (b'\xef\xbb\xbf{"input": "x"}', 1, "invalid JSON"),
    "NUL": (b"\0\0\0\0", 1, "invalid JSON"),
    "an array": (b'["x"]', None, "an object is expected, found a list"),
    "a text": (b'"x"', None, "an object is expected, found a text"),
    "a number": (b"7", None, "an object is expected, found a number"),
    "null": (b"null", None, "an object is expected, found null"),
    "129 levels": (b'{"input": "x", "v": ' + b"[" * 128 + b"]" * 128 + b"}", None, "levels deep"),
    "a million levels": (b'{"input": ' + b"[" * 1_000_000, None, "levels deep"),
    "no input": (b'{"id": "x"}', None, "no input"),
    "input is null": (b'{"input": null}', None, "no input"),
    "input is a number": (b'{"input": 5}', None, "input is a number"),
    "input is an object": (b'{"input": {"a": 1}}', None, "input is an object"),
    "no messages": (b'{"messages": []}', None, "empty list"),
    "no message": (b'{"messages": ["x"]}', None, "[0] is not a message"),
    "a message without role": (b'{"messages": [{"content": "x"}]}', None, "[0] is not a message"),
    "id is a list": (b'{"input": "x", "id": [1]}', None, "the id is a list"),
    "id is a bool": (b'{"input": "x", "id": true}', None, "the id is true or false"),
    "id is empty": (b'{"input": "x", "id": ""}', None, "the id is an empty text"),
    "choices are a text": (b'{"input": "x", "choices": "ab"}', None, "choices is a text"),
    "tags are a number": (b'{"input": "x", "tags": 1}', None, "tags is a number"),
    "metadata is a list": (b'{"input": "x", "metadata": [1]}', None, "metadata is a list"),
    "too long": (b'{"input": "' + b"x" * 3000 + b'"}', None, "3,013 bytes long"),
}


@pytest.mark.parametrize("kind", BAD_LINES)
async def test_a_bad_line_stops_with_its_place_after_the_cases_before_it(tmp_path: Path, kind: str) -> None:
    line, column, reason = BAD_LINES[kind]
    path = jsonl(tmp_path / "c.jsonl", *numbered(4), line, {"input": "after"})
    limit = 3_000 if kind == "too long" else BIG
    cases, error = await good_and_error(path, max_line_bytes=limit)
    assert [case.id for case in cases] == ["c1", "c2", "c3", "c4"]
    assert (error.path, error.line) == (str(path), 5)
    assert reason in error.reason
    assert error.hint
    if column is not None:
        assert error.column == column


@pytest.mark.parametrize("kind", BAD_LINES)
async def test_a_bad_line_may_be_skipped_and_is_told(tmp_path: Path, kind: str) -> None:
    line, _, reason = BAD_LINES[kind]
    path = jsonl(tmp_path / "c.jsonl", *numbered(2), line, {"id": "after", "input": "x"})
    rejected: list[Rejected] = []
    limit = 3_000 if kind == "too long" else BIG
    cases = await cases_of(path, on_bad_line="skip", on_reject=rejected.append, max_line_bytes=limit)
    assert [case.id for case in cases] == ["c1", "c2", "after"]
    assert [case.seq for case in cases] == [1, 2, 4]
    (one,) = rejected
    assert (one.line, reason in one.reason) == (3, True)
    assert len(one.raw) <= 200


async def test_a_value_that_where_can_not_decide_is_a_bad_line(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "c.jsonl", {"input": "x", "n": 1}, {"input": "y", "n": "1"})
    cases, error = await good_and_error(path, where="n > 0")
    assert (len(cases), error.line) == (1, 2)


async def test_128_levels_are_taken(tmp_path: Path) -> None:
    line = b'{"input": "x", "v": ' + b"[" * 127 + b"]" * 127 + b"}"
    assert len(await cases_of(jsonl(tmp_path / "c.jsonl", line))) == 1


# where, limit, sample -----------------------------------------------------------------------------------------------


async def test_limit_counts_the_cases_that_pass_where(tmp_path: Path) -> None:
    cases = await cases_of(jsonl(tmp_path / "c.jsonl", *numbered(20)), where="kind == 1", limit=3, epochs=2)
    assert [case.seq for case in cases] == [1, 1, 4, 4, 7, 7]


async def test_a_sample_has_its_size_keeps_the_order_and_depends_on_the_seed_alone(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "c.jsonl", *numbered(500))
    draws = {seed: [case.seq for case in await cases_of(path, sample=50, seed=seed)] for seed in (1, 2)}
    assert all(len(draw) == 50 and draw == sorted(set(draw)) for draw in draws.values())
    assert draws[1] != draws[2]
    assert draws[1] == [case.seq for case in await cases_of(path, sample=50, seed=1, max_cases=7)]


async def test_a_sample_is_drawn_from_the_good_lines_that_pass_where(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "c.jsonl", *numbered(30), b"broken", b"")
    rejected: list[Rejected] = []
    options: dict[str, Any] = {"where": "kind == 1", "on_bad_line": "skip", "on_reject": rejected.append}
    cases = await cases_of(path, sample=100, **options)
    assert [case.seq for case in cases] == list(range(1, 31, 3))
    assert [one.line for one in rejected] == [31]


async def test_every_line_is_as_likely_in_a_sample(tmp_path: Path) -> None:
    """400 draws of 5 out of 10: each 200 times, 5 standard deviations to either side."""
    path = jsonl(tmp_path / "c.jsonl", *numbered(10))
    counts = dict.fromkeys(range(1, 11), 0)
    for seed in range(400):
        for case in await cases_of(path, sample=5, seed=seed):
            counts[case.seq] += 1
    assert all(150 <= count <= 250 for count in counts.values()), counts


async def test_a_sample_of_standard_input_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="standard input"):
        await cases_of(Path("-"), sample=3)


# duplicates ---------------------------------------------------------------------------------------------------------


async def test_a_duplicate_id_names_both_lines(tmp_path: Path) -> None:
    one = jsonl(tmp_path / "1.jsonl", *numbered(3))
    two = jsonl(tmp_path / "2.jsonl", {"id": "x", "input": "x"}, {"id": "c2", "input": "x"})
    with pytest.raises(InputError) as caught:
        await cases_of([one, two])
    assert (caught.value.path, caught.value.line) == (str(two), 2)
    assert f"line 2 of {one}" in caught.value.reason


async def test_duplicates_are_numbered_and_never_clash_with_an_id_of_the_file(tmp_path: Path) -> None:
    ids = ["a", "a#2", "a", "b", "a", "a#2"]
    cases = await cases_of(
        jsonl(tmp_path / "c.jsonl", *({"id": id_, "input": "x"} for id_ in ids)), on_duplicate="rename"
    )
    assert [case.id for case in cases] == ["a", "a#2", "a#3", "b", "a#4", "a#2#2"]


async def test_an_id_that_comes_a_thousand_times_is_numbered_to_a_thousand(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "c.jsonl", *({"id": "a", "input": "x"} for _ in range(1000)))
    cases = await cases_of(path, on_duplicate="rename")
    assert [case.id for case in cases] == ["a", *(f"a#{n}" for n in range(2, 1001))]


async def test_the_first_of_duplicates_is_kept_and_the_others_are_told(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "c.jsonl", *({"id": id_, "input": text} for id_, text in ("ax", "by", "az")))
    rejected: list[Rejected] = []
    cases = await cases_of(path, on_duplicate="keep_first", on_reject=rejected.append)
    assert [case.input for case in cases] == ["x", "y"]
    assert [(one.line, one.reason.split(":")[0]) for one in rejected] == [(3, 'duplicate id "a"')]


# going on after a stop ----------------------------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(data=st.data())
async def test_two_sessions_take_what_one_would(tmp_path: Path, data: st.DataObject) -> None:
    """Whatever was done: the rest is the whole minus the done, with the same ids, limits, samples and epochs."""
    ids = data.draw(st.lists(st.sampled_from(["a", "b", "a#2", "c", None]), max_size=14))
    lines: list[Any] = [{"input": f"{n}", **({} if id_ is None else {"id": id_})} for n, id_ in enumerate(ids)]
    for at in data.draw(st.lists(st.integers(0, 14), max_size=3)):
        lines.insert(at, data.draw(st.sampled_from([b"", b"broken"])))
    options = {
        "on_duplicate": data.draw(st.sampled_from(["rename", "keep_first"])),
        "on_bad_line": "skip",
        "epochs": data.draw(st.integers(1, 2)),
        "limit": data.draw(st.none() | st.integers(1, 8)),
        "sample": data.draw(st.none() | st.integers(1, 8)),
        "where": data.draw(st.none() | st.just("int(input) % 3 != 0")),
    }
    path = jsonl(tmp_path / "c.jsonl", *lines)
    whole = await cases_of(path, **options)
    done = set(data.draw(st.lists(st.sampled_from([(c.seq, c.epoch) for c in whole]))) if whole else [])
    rest = await cases_of(path, **options, done=Finished(done, options["epochs"]))
    assert rest == [case for case in whole if (case.seq, case.epoch) not in done]


async def test_done_cases_count_for_the_limit(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "c.jsonl", *numbered(9))
    assert [case.seq for case in await cases_of(path, limit=5, done=Finished({(1, 1), (2, 1)}))] == [3, 4, 5]


async def test_a_duplicate_of_a_done_case_is_still_an_error(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "c.jsonl", {"id": "a", "input": "x"}, {"id": "a", "input": "y"})
    with pytest.raises(InputError, match='duplicate id "a"'):
        await cases_of(path, done=Finished({(1, 1)}))


# mapping ------------------------------------------------------------------------------------------------------------


async def test_a_mapped_field_that_no_line_has_is_found_before_the_first_case(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'cases.fields.target: no line has a field "gld"') as caught:
        await cases_of(
            jsonl(tmp_path / "c.jsonl", *({"input": "x", "gold": str(n)} for n in range(5))), fields={"target": "gld"}
        )
    assert caught.value.hint == 'did you mean "gold"?'


async def test_a_mapped_field_may_be_rare(tmp_path: Path) -> None:
    records = [*numbered(3000), {"id": "last", "input": "x", "note": "rare"}]
    cases = await cases_of(jsonl(tmp_path / "c.jsonl", *records), fields={"tags": "note"})
    assert cases[-1].tags == ("rare",)


async def test_a_cell_that_is_never_closed_ends_the_file(tmp_path: Path) -> None:
    """Whatever becomes of bad lines: nothing behind it can be trusted."""
    path = tmp_path / "c.csv"
    path.write_bytes(b'input,output\nx,y\n"' + b"z\n" * 200)
    with pytest.raises(InputError, match="longer than the limit of 250 characters"):
        await cases_of(path, max_line_bytes=1_000, on_bad_line="skip")


async def test_a_file_of_line_feeds_holds_no_case(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_bytes(b"\n" * 100_000)
    assert await cases_of(path) == []


async def test_an_array_of_nothing_holds_no_case(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(b" [ \n ] ")
    assert await cases_of(path) == []
