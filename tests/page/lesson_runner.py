"""Run as a program: a lesson's cells by the page's own session, in a Python that has what the page has.

    python lesson_runner.py CELLS.json MESSAGES.jsonl [--quick] [--torch]

Libraries that the page lacks cannot be imported. --quick: trainings take a few steps only; --torch: PyTorch in pocket's
place.
"""

from __future__ import annotations

import asyncio
import importlib.abc
import json
import sys
from pathlib import Path
from typing import Any

MISSING = (
    "PIL", "IPython", "ipykernel", "anywidget", "traitlets", "google", "safetensors", "vl_convert", "skimage",
    "sklearn", "pydantic", "yaml", "jupytext", "nbformat", "httpx", "typer", "rich", "filelock", "psutil",
)  # fmt: skip


class _Missing(importlib.abc.MetaPathFinder):
    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:  # noqa: ARG002
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r} (the page has none)", name=name)


def main() -> int:
    missing = MISSING if "--torch" in sys.argv else (*MISSING, "torch", "numpy")
    sys.meta_path.insert(0, _Missing(missing))
    import importlib.util

    found = importlib.util.find_spec
    importlib.util.find_spec = lambda name, package=None: None if name in missing else found(name, package)

    if "--torch" not in sys.argv:
        from handson import pocket

        pocket.install()
    from handson.lab import front
    from handson.page.session import Session

    if "--quick" in sys.argv:
        from handson.lab import session as lab_session

        lab_session.pace = lambda steps, at_least=0.2: min(steps, 2)
    messages = Path(sys.argv[2]).open("w", encoding="utf-8")  # noqa: SIM115
    session = Session(lambda text: print(text, file=messages, flush=True))
    front.use_page(session.post)
    for number, code in enumerate(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), 1):
        failed = asyncio.run(session.run(code, number))
        if failed:
            print(f"cell {number}:\n{code}\n\n{json.loads(failed)['full'] or json.loads(failed)['traceback']}")
            return 1
    messages.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
