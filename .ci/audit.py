#!/usr/bin/env python3
"""Reads what `pip-audit --format json` has found; fails where a dependency has a vulnerability that a release mends.

Nothing readable, or nothing but dependencies that the service does not know, means that it can't be reached from here:
one line says so, and that is no failure. Advisories without a fixed release are named and don't fail either, because
nobody could do anything about them.
"""

from __future__ import annotations

import json
import sys

try:
    found = json.load(sys.stdin)["dependencies"]
except (ValueError, KeyError):
    found = []
audited = [one for one in found if "skip_reason" not in one]
if not audited:
    print("audit: no service that knows vulnerabilities can be reached; nothing was audited")
    sys.exit(0)
known = [(one, vulnerability) for one in audited for vulnerability in one["vulns"]]
for one, vulnerability in known:
    fixed = ", ".join(vulnerability["fix_versions"]) or "no release yet"
    print(f"audit: {one['name']} {one['version']} has {vulnerability['id']}, mended in {fixed}")
mendable = sum(bool(vulnerability["fix_versions"]) for _, vulnerability in known)
print(f"audit: {len(audited)} of {len(found)} dependencies, {len(known)} vulnerabilities, {mendable} with a fix")
sys.exit(mendable > 0)
