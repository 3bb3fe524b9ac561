"""A model of one's own as a program: each line of stdin is a case, each line of stdout its answer."""

from __future__ import annotations

import json
import re
import sys

for line in sys.stdin:
    case = json.loads(line)
    numbers = [int(number.replace(",", "")) for number in re.findall(r"-?\d[\d,]*", case["input"])]
    sys.stdout.write(json.dumps({"output": f"The answer is {sum(numbers)}."}) + "\n")
    sys.stdout.flush()
