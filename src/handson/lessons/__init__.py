"""Lessons: find, read, render, run and check them. What an author relies on."""

import sys

# nbformat imports jsonschema, which builds a grammar for one format of web addresses at every import, for two
# seconds. No notebook needs that format, and jsonschema does without it where the module cannot be imported.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # None: "cannot be imported"
