"""Outside code: only what the configuration names is ever imported."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from evalperf.config.problems import did_you_mean
from evalperf.errors import ConfigError

__all__ = ["load_entry_point", "load_object"]


def load_object(reference: str, *, search_dir: Path | None = None) -> Any:
    """The object that `"package.module:name"` names; `name` may be dotted.

    `search_dir` (the folder of the configuration) is put on the import path, so that a module beside the configuration
    is found. Raises ConfigError if the module or the name does not exist; an error inside the module is the user's own
    and is shown as it is.
    """
    module_name, _, attribute = reference.partition(":")
    if not module_name or not attribute:
        raise ConfigError(f'"{reference}" does not name Python code', hint='write it as "package.module:name"')
    if search_dir is not None and str(search_dir) not in sys.path:
        sys.path.insert(0, str(search_dir))
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not (module_name + ".").startswith(error.name + "."):
            raise
        raise ConfigError(
            f'no module "{error.name}" for "{reference}"',
            hint="install it, or put the file beside the configuration",
        ) from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ConfigError(f'module "{module_name}" has no "{attribute}"')
        found = getattr(found, part)
    return found


def load_entry_point(group: str, name: str) -> Any:
    """The object that an installed package offers under this name in a group such as `evalperf.scorers`.

    Raises ConfigError if none or more than one does; an error of the package's own is shown as it is.
    """
    offered = entry_points(group=group)
    found = list(offered.select(name=name))
    if len(found) > 1:
        packages = " and ".join(sorted(entry.dist.name for entry in found if entry.dist is not None))
        raise ConfigError(
            f'"{name}" is offered by several packages: {packages}', hint='name it as "package.module:name"'
        )
    if not found:
        close = did_you_mean(name, sorted(offered.names))
        known = ", ".join(sorted(offered.names)) or "there are none"
        raise ConfigError(
            f'"{name}" is no installed entry point of {group} ({known})',
            hint=close if close is not None else 'code of your own is named as "package.module:name"',
        )
    return found[0].load()
