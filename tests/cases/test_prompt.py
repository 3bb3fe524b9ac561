"""A case becomes messages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evalperf.cases import Prompt, PromptError, build_prompt
from evalperf.config.model import PromptConfig
from evalperf.errors import ConfigError, InputError
from evalperf.records import Case

HERE = Path("/")


def case(**fields: Any) -> Case:
    return Case(**{"seq": 1, "id": "a", "input": "2 + 2?", **fields})


def prompt(base_dir: Path = HERE, **config: Any) -> Prompt:
    return build_prompt(PromptConfig(**config), base_dir)


def texts(messages: tuple[dict[str, Any], ...]) -> list[tuple[str, Any]]:
    return [(message["role"], message["content"]) for message in messages]


@pytest.mark.parametrize("config", [{}, {"template": "{{ input }}"}, {"template": "{{input}}"}])
def test_without_a_prompt_the_input_is_the_message(config: dict[str, Any]) -> None:
    assert texts(prompt(**config).render(case())) == [("user", "2 + 2?")]


def test_messages_of_a_case_pass_through_after_the_system_message() -> None:
    messages = (
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    )
    assert prompt().render(case(input=messages)) is messages
    assert texts(prompt(system="Be brief.").render(case(input=messages))) == [
        ("system", "Be brief."),
        ("user", "a"),
        ("assistant", "b"),
        ("user", "c"),
    ]


def test_a_template_sees_the_fields_and_the_parts_of_a_case() -> None:
    template = "{{ id }}/{{ epoch }}/{{ input }}/{{ target }}/{{ tags[0] }}/{{ level }}/{{ choices | join('+') }}\n"
    found = prompt(template=template).render(
        case(target="4", tags=("t",), choices=("3", "4"), metadata={"level": 7}, epoch=2)
    )
    assert texts(found) == [("user", "a/2/2 + 2?/4/t/7/3+4\n")]


def test_text_is_not_escaped() -> None:
    found = prompt(template="<{{ input }}>").render(case(input="<b>&amp; {{ x }}"))
    assert texts(found) == [("user", "<<b>&amp; {{ x }}>")]


def test_a_part_may_be_named_as_the_file_names_it() -> None:
    assert texts(prompt(template="Q: {{ question }}").render(case())) == [("user", "Q: 2 + 2?")]
    mapped = build_prompt(PromptConfig(template="Q: {{ problem }}"), HERE, fields={"input": "problem"})
    assert texts(mapped.render(case())) == [("user", "Q: 2 + 2?")]


def test_a_whole_conversation() -> None:
    messages = [
        {"role": "developer", "content": "rules"},
        {"role": "user", "content": "{{ input }}!"},
        {"role": "assistant", "content": "The answer"},
    ]
    assert texts(prompt(messages=messages).render(case())) == [
        ("developer", "rules"),
        ("user", "2 + 2?!"),
        ("assistant", "The answer"),
    ]
    with pytest.raises(ConfigError, match="no message of the user"):
        prompt(messages=messages[:1])


def test_examples_stand_between_system_and_question(tmp_path: Path) -> None:
    (tmp_path / "shots.jsonl").write_text(
        '{"input": "1+1", "target": "2"}\n\n{"input": "2+1", "target": ["3", "three"]}\n{"input": "x", "target": "y"}\n'
    )
    found = prompt(tmp_path, system="s", template="{{ input }} =", few_shot={"path": "shots.jsonl", "count": 2})
    expected = [("system", "s"), ("user", "1+1 ="), ("assistant", "2"), ("user", "2+1 ="), ("assistant", "3")]
    assert texts(found.render(case())) == [*expected, ("user", "2 + 2? =")]


@pytest.mark.parametrize(
    ("content", "config", "reason"),
    [
        ('{"input": "x"}\n', {}, "has no target"),
        ('{"input": "x", "target": "y"}\n', {"count": 2}, "holds 1 examples, 2"),
        ("", {}, "holds 0 examples"),
        ("{\n", {}, "invalid JSON"),
    ],
)
def test_a_bad_file_of_examples(tmp_path: Path, content: str, config: dict[str, Any], reason: str) -> None:
    (tmp_path / "shots.jsonl").write_text(content)
    with pytest.raises(InputError, match=reason):
        prompt(tmp_path, few_shot={"path": "shots.jsonl", **config})


def test_a_variable_that_no_case_has_is_found_before_the_first_request() -> None:
    broken = prompt(
        system="{{ levl }}", template="{{ input }}: {{ hint | default('') }}{% if x is defined %}!{% endif %}"
    )
    with pytest.raises(ConfigError, match=r"prompt.system: no case has a field for \{\{ levl \}\}") as caught:
        broken.check([case(metadata={"level": 1})])
    assert caught.value.hint == 'did you mean "level"?'
    broken.check([case(), case(metadata={"levl": 1})])
    broken.check([])


def test_a_variable_that_one_case_lacks_is_that_cases_failure() -> None:
    template = prompt(template="{{ level }}")
    assert texts(template.render(case(metadata={"level": 1}))) == [("user", "1")]
    with pytest.raises(PromptError, match=r"prompt.template: 'level' is undefined"):
        template.render(case())


def test_an_absent_target_never_becomes_the_word_none() -> None:
    with pytest.raises(PromptError, match="'target' is undefined"):
        prompt(template="{{ target }}").render(case())


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ metadata.__class__.__init__.__globals__ }}",
        "{{ tags.append(1) }}",
        "{{ metadata.update({'a': 1}) }}",
        "{% for a in range(100000) %}{% for b in range(1000) %}xxxxxxxxxx{% endfor %}{% endfor %}",
        "{{ 1 / 0 }}",
        "{{ input | int + [] }}",
        "{{ range(10000000) | list | length }}",
    ],
)
def test_the_sandbox_holds_and_tells(template: str) -> None:
    with pytest.raises(PromptError, match=r"prompt\.template"):
        prompt(template=template).render(case())


def test_a_mistake_in_a_template_is_told_with_its_line() -> None:
    with pytest.raises(ConfigError, match=r"prompt\.template:2: "):
        prompt(template="a\n{{ input }")


def test_jinja_is_not_loaded_without_a_template() -> None:
    code = (
        "import sys; from pathlib import Path; from evalperf.cases import build_prompt\n"
        "from evalperf.config.model import PromptConfig\n"
        "build_prompt(PromptConfig(system='Be brief.', template='{{ input }}'), Path('/'))\n"
        "sys.exit('jinja2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[2]).returncode == 0
