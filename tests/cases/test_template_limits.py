"""Templates that loop or multiply end soon, in little memory, as a failure of their case."""

from __future__ import annotations

import pytest

from evalperf.cases.template_limits import MAX_CHARS
from evalperf.cases.templates import PromptError, compile_template
from evalperf.records import Case

CASE = Case(seq=1, id="a", input="one two\nthree", metadata={"items": [1, 2, 3]})


def rendered(text: str) -> str:
    return compile_template(text, "prompt", {}).render(CASE)


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
        "{{ ('a' * 4000000)|select('upper')|list }}",
        "{{ ('a' * 4000000)|batch(1)|list }}",
    ],
)
def test_a_template_that_loops_runs_out_of_time(text: str) -> None:
    with pytest.raises(PromptError, match="it takes longer than 1 s"):
        rendered(text)


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'a' * 10**9 }}",
        "{{ 10**9 * 'a' }}",
        "{{ [0] * 10**9 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ '%999999999d'|format(1) }}",
        "{{ '{:>999999999}'.format(1) }}",
        "{{ 'x'|replace('x', 'y' * 4000000)|replace('y', 'z' * 4000) }}",
        "{{ ('x' * 4000).replace('x', 'y' * 4000) }}",
        "{{ ('x' * 40000).join(range(1000)|map('string')) }}",
        "{{ range(1000)|join('x' * 40000) }}",
        "{{ ('\t' * 40000).expandtabs(9999) }}",
        "{{ ('\n' * 4000)|indent(9999) }}",
        "{{ range(99999)|map('string')|map('center', 9999)|list }}",
        "{% set ns = namespace(x='a') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x='a') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x }}",
        "{% macro f() %}{% for i in range(999) %}{{ 'x' * 99999 }}{% endfor %}{% endmacro %}{{ f() }}",
        "{% set y %}{% for i in range(9999) %}{{ 'x' * 9999 }}{% endfor %}{% endset %}{{ y }}",
        "{% filter upper %}{% for i in range(9999) %}{{ 'x' * 9999 }}{% endfor %}{% endfilter %}",
    ],
)
def test_a_text_that_would_be_too_long_is_not_made(text: str) -> None:
    with pytest.raises(PromptError, match="too long"):
        rendered(text)


@pytest.mark.parametrize("text", ["{{ 9**9**9**9**9**9 }}", "{% set x = 2**4000 %}{{ x * x }}", "{{ 2**99999999 }}"])
def test_a_number_that_would_be_too_large_is_not_computed(text: str) -> None:
    with pytest.raises(PromptError, match="the number would be too large"):
        rendered(text)


@pytest.mark.parametrize(
    "text", ["{{ 'x'|center(10**9) }}", "{{ 'x'.ljust(10**9) }}", "{{ input|tojson(indent=10**9) }}"]
)
def test_a_width_that_is_no_width_is_refused(text: str) -> None:
    with pytest.raises(PromptError, match="too large here"):
        rendered(text)


def test_a_slow_filter_gets_no_long_text() -> None:
    with pytest.raises(PromptError, match="too many for sort"):
        rendered("{{ ('a' * 1000000)|sort }}")


def test_the_time_begins_anew_with_each_text() -> None:
    template = compile_template("{% for i in range(2000) %}{% endfor %}{{ id }}", "prompt", {})
    assert [template.render(CASE) for _ in range(300)] == ["a"] * 300


def test_what_templates_usually_do_is_as_it_was() -> None:
    assert rendered('{{ input[:3] ~ "-" ~ id }}') == "one-a"
    assert (
        rendered("{% for i in items %}{{ loop.index }}:{{ i }}{{ ', ' if not loop.last }}{% endfor %}")
        == "1:1, 2:2, 3:3"
    )
    assert rendered("{{ items|join(', ') }} {{ items|map('string')|list|length }} {{ items|sum }}") == "1, 2, 3 3 6"
    assert rendered("{{ '%s-%d'|format('a', 3) }} {{ '{}!'.format(id) }} {{ '%.2f' % 1.5 }}") == "a-3 a! 1.50"
    assert rendered("{{ input|replace('one', '1')|indent(2) }}") == "1 two\n  three"
    assert (
        rendered("{{ input|truncate(6, true, '…') }} {{ 2 + 3 * 4 ** 2 }} {{ items + [4] }}")
        == "one t… 50 [1, 2, 3, 4]"
    )
    assert (
        rendered("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(1) }}{% set y %}a{{ id }}{% endset %}{{ y }}") == "<1>aa"
    )
    assert rendered("{{ '-'.join(['a', 'b']) }} {{ input|wordcount }} {{ items|tojson }}") == "a-b 3 [1, 2, 3]"
    assert (
        rendered("{% for k, v in {'a': 1}|dictsort %}{{ k }}{{ v }}{% endfor %}{{ items|batch(2)|list }}")
        == "a1[[1, 2], [3]]"
    )


def test_a_text_up_to_the_limit_is_made() -> None:
    assert len(rendered(f"{{{{ 'a' * {MAX_CHARS} }}}}")) == MAX_CHARS
