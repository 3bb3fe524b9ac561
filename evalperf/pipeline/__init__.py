"""How a case is taken from its line to its result."""
