"""Scorers for answers in XML and YAML: `xml_valid` and `yaml_valid`."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final
from xml.parsers import expat

from evalperf.config.scorers import XmlValidScorer, YamlValidScorer
from evalperf.errors import ConfigError
from evalperf.records import Case, Score
from evalperf.scorers.base import RIGHT, Scorer, Targets, verdict
from evalperf.scorers.extraction import pattern_scorer, text_scorer
from evalperf.scorers.fences import unfenced
from evalperf.scorers.resources import Resources
from evalperf.scorers.time_limit import TimeLimit

__all__ = ["xml_valid", "yaml_valid"]

_ROOTS: Final = {
    "any": ("ScalarEvent", "MappingStartEvent", "SequenceStartEvent"),
    "mapping": ("MappingStartEvent",),
    "sequence": ("SequenceStartEvent",),
    "collection": ("MappingStartEvent", "SequenceStartEvent"),
}


def xml_valid(config: XmlValidScorer, resources: Resources) -> Scorer:
    """The answer is a well-formed XML 1.0 document, as expat reads it, without a document type definition.

    A definition is refused where it begins, so that no entity of the answer's is ever declared, expanded or fetched.
    """

    def judge(answer: str, _targets: Targets) -> Score:
        try:
            root = _root_element(unfenced(answer, config.fences).strip())
        except _RefusedError as error:
            return verdict(False, reason=str(error))
        except (expat.ExpatError, UnicodeEncodeError) as error:
            return verdict(False, reason=f"not well-formed: {error}")
        if config.root is not None and root != config.root:
            return verdict(False, reason=f"the outermost element is {root!r}")
        return RIGHT

    return text_scorer(config, "xml_valid", judge, resources)


def yaml_valid(config: YamlValidScorer, resources: Resources) -> Scorer:
    """The answer is one or several YAML 1.1 documents, as PyYAML's parser reads them, without aliases.

    Only the syntax is looked at: no value is built, no tag is carried out. Aliases, with which a short text unfolds to
    a huge one, are refused. Raises ConfigError where PyYAML is not installed.
    """
    yaml = _pyyaml()
    roots = tuple(getattr(yaml, name) for name in _ROOTS[config.root])
    other_root = f"a document is not a {config.root}"

    def judge(answer: str, _targets: Targets, _case: Case, limit: TimeLimit) -> Score:
        try:
            at_roots = _roots(yaml, unfenced(answer, config.fences), limit)
            others = [root for root in at_roots if not isinstance(root, roots)]
        except _RefusedError as error:
            return verdict(False, reason=str(error))
        except yaml.YAMLError as error:
            return verdict(False, reason=f"not YAML: {' '.join(str(error).split())}")
        if not at_roots:
            return verdict(False, reason="holds no document")
        return verdict(False, reason=other_root) if others else RIGHT

    return pattern_scorer(config, "yaml_valid", judge, resources)


class _RefusedError(Exception):
    """The answer has what is not read: a document type definition, an alias."""


def _root_element(text: str) -> str:
    """The name of the outermost element."""
    names: list[str] = []

    def started(name: str, _attributes: dict[str, str]) -> None:
        names.append(name)
        parser.StartElementHandler = None  # the first is enough

    def refuse(*_about: Any) -> None:
        raise _RefusedError("has a document type definition")

    parser = expat.ParserCreate()
    parser.StartElementHandler = started
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(text, True)
    return names[0]


def _roots(yaml: Any, text: str, limit: TimeLimit) -> list[Any]:
    """The first event of each document."""
    roots = []
    before: Any = None
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        limit.left_s()
        if isinstance(event, yaml.AliasEvent):
            raise _RefusedError(f"has an alias: *{event.anchor}")
        if isinstance(before, yaml.DocumentStartEvent):
            roots.append(event)
        before = event
    return roots


def _pyyaml() -> Any:
    try:
        return import_module("yaml")  # an extra
    except ImportError:
        raise ConfigError("yaml_valid needs PyYAML", hint='pip install "evalperf[yaml]"') from None
