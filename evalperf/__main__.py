"""`python -m evalperf`, and the entry point of the `evalperf` command."""

from __future__ import annotations

from evalperf.cli.app import app

__all__ = ["main"]


def main() -> None:
    """Runs the command line of this process and ends it with the command's exit code."""
    app(prog_name="evalperf")


if __name__ == "__main__":
    main()
