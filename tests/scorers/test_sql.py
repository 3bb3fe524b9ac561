"""`sql`: what counts, what does not, and what can't be read."""

from __future__ import annotations

import sys

import pytest

from evalperf.errors import ConfigError
from evalperf.scorers.sql import sql_judge
from tests.scorers.samples import ADAPTER, make_case, make_response

pytest.importorskip("sqlglot")


def judged(answer, *targets, **options):
    return sql_judge(ADAPTER.validate_python({"type": "sql", **options}))(answer, targets)


SAME = {
    "keywords, white space, semicolon": ("select a\nfrom t where x=1;", "SELECT a FROM t WHERE x = 1"),
    "AS": ("select a b from t", "select a as b from t"),
    "INNER": ("select a from t inner join u on t.x = u.x", "select a from t join u on t.x = u.x"),
    "ASC": ("select a from t order by a asc", "select a from t order by a"),
    "names without quotes": ("SELECT A FROM T", "select a from t"),
    "quotes around what is lower case": ('select "a" from t', "select a from t"),
    "comments": ("select a -- this\nfrom t /* that */", "select a from t"),
    "brackets": ("select a from t where (x = 1) and ((y = 2))", "select a from t where x = 1 and y = 2"),
    "spellings of an operator": ("select a from t where x <> 1", "select a from t where x != 1"),
    "spellings of a cast": ("select x::int from t", "select cast(x as int) from t"),
    "a statement that changes data": ("INSERT INTO t (a) VALUES (1)", "insert into t(a) values(1)"),
}
DIFFERENT = {
    "the order of columns": ("select a, b from t", "select b, a from t"),
    "the order of conditions": ("select a from t where x = 1 and y = 2", "select a from t where y = 2 and x = 1"),
    "the case of a literal": ("select 'A'", "select 'a'"),
    "the case of a quoted name": ('select "A" from t', "select a from t"),
    "brackets that change the meaning": ("select (a + b) * c from t", "select a + b * c from t"),
    "a left join": ("select a from t left join u on t.x = u.x", "select a from t join u on t.x = u.x"),
    "the direction": ("select a from t order by a desc", "select a from t order by a"),
    "one statement more": ("select a from t; drop table t", "select a from t"),
}


@pytest.mark.parametrize("what", SAME)
def test_how_it_is_written_does_not_count(what):
    one, other = SAME[what]
    assert judged(one, other).passed
    assert judged(other, one).passed


@pytest.mark.parametrize("what", DIFFERENT)
def test_what_it_says_counts(what):
    one, other = DIFFERENT[what]
    score = judged(one, other)
    assert (score.value, score.passed) == (0.0, False)
    assert score.reason.startswith("reads as ")


def test_simplify_brings_conditions_to_a_normal_form():
    one, other = DIFFERENT["the order of conditions"]
    assert judged(one, other, simplify=True).passed
    assert judged("select a from t where not x > 1", "select a from t where x <= 1", simplify=True).passed


def test_a_dialect_decides_how_names_are_folded():
    assert judged("select `A` from t", "select a from t", dialect="bigquery").passed
    assert not judged("select `A` from t", "select a from t", dialect="mysql").passed


def test_the_statement_of_the_last_fence_counts():
    answer = "First:\n```sql\nselect b from t\n```\nBetter:\n```sql\nselect a from t\n```\nDone."
    assert judged(answer, "select a from t", fences="anywhere").passed
    assert not judged(answer, "select a from t").passed


@pytest.mark.parametrize("answer", ["", "select from", "selec a from t", "I can't write SQL.", "```", "%$§"])
def test_what_is_no_sql_is_wrong_and_says_so(answer):
    score = judged(answer, "select a from t")
    assert (score.value, score.passed) == (0.0, False)
    assert score.reason


def test_a_target_that_is_no_sql_leaves_no_value():
    score = judged("select a from t", "select from")
    assert score.value is None
    assert score.reason.startswith("the target can't be read: Expected table name")
    assert judged("select a from t", "select from", "select a from t").passed


def test_an_answer_that_is_nested_too_deeply_is_not_scored():
    """It may be right: the limit is the reader's."""
    score = judged("select " + "(" * 1000 + "1" + ")" * 1000, "select 1")
    assert (score.value, score.reason) == (None, "the answer is nested too deeply to be read")


async def test_it_runs_in_a_process(open_one):
    scorer = await open_one("sql")
    assert (await scorer.score(make_case("select a from t"), make_response("SELECT a FROM t"))).passed
    assert "sqlglot.optimizer" not in sys.modules or scorer._judge is None


async def test_an_unknown_dialect_is_named_when_opened(open_one):
    with pytest.raises(ConfigError, match="Unknown dialect 'postgre'"):
        await open_one({"type": "sql", "dialect": "postgre"})


async def test_a_missing_library_names_the_extra(open_one, monkeypatch):
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    with pytest.raises(ConfigError) as caught:
        await open_one("sql")
    assert caught.value.hint == 'pip install "evalperf[sql]"'
