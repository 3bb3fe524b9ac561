"""placeholder"""


def validate() -> None:
    """Checks."""
