"""What tests share: a small workshop made on the spot, and the folder that stands in for the internet."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LESSON = """\
# ---
# handson:
#   title: Add
#   promise: You add two numbers.
#   minutes: 5
#   cpu_seconds: 30
#   memory_mb: 600
#   target:
#     full: sum >= 4
#     embedded: sum >= 4
#   picture: sum.png
#   picture_alt: A plus sign.
#   tiers: [laptop]
#   agenda: [60]
#   author: A. Author
#   covers: [adding]
# ---

# %% [markdown]
# # Add
# {{picture}} The sum was {{embedded.sum:.1f}}.

# %% [markdown] tags=["notes"]
# Say it in one breath.

# %%
from pathlib import Path
from handson import lab

# %% tags=["check"]
@lab.checker(reference=lambda a, b: a + b)
def add(answer):
    lab.expect(answer(2, 2) == 4, "2 and 2 make 4.")

# %% tags=["exercise"]
def add(a, b):
    # --- solution
    return a + b
    # --- stub
    # # your line
    # return 0
    # --- end

lab.check(add)

# %% [markdown] tags=["hint"]
# There is a sign for it.

# %% [markdown] tags=["hint"]
# It is +.

# %%
add = lab.use("add")
lab.report(sum=add(2, 2))
Path("pictures").mkdir(exist_ok=True)
Path("pictures/sum.png").write_bytes(b"+")
"""

CAT = f"""
[assets.cat]
what = "A cat."
licence = "CC0"
source = "https://example.org/"
[[assets.cat.files]]
path = "cat.jpg"
urls = ["https://example.org/cat.jpg"]
sha256 = "{"0" * 64}"
bytes = 3
"""
"""A manifest (assets.toml) of one asset that nobody has."""

WORKSHOP = """\
name = "tiny"
title = "A tiny workshop"

[environment]
lock = "requirements.lock"

[agendas.60]
title = "One hour"
lessons = ["add"]

[tracks.numbers]
title = "Numbers"
lessons = ["add"]
"""

FIRST = ("test_lessons", "test_page_lessons", "test_start", "test_page", "test_demos")
"""Files of tests/integration that take minutes, longest first."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Have the long files begin first where files run side by side: a worker takes the next one when it is free."""
    if hasattr(config, "workerinput"):
        places = {ROOT / "tests" / "integration" / f"{name}.py": place for place, name in enumerate(FIRST)}
        items.sort(key=lambda item: places.get(item.path, len(FIRST)))


class Silent:
    """A progress that says nothing of what is fetched."""

    def begin(self, name: str, total: int) -> None: ...

    def at(self, done: int) -> None: ...

    def note(self, text: str) -> None: ...


@pytest.fixture
def make_workshop(tmp_path: Path) -> Callable[..., Path]:
    """Write a workshop of one lesson; `edit` and `edit_workshop` are (old, new) pairs applied to the texts."""

    def make(
        *edit: tuple[str, str], edit_workshop: tuple[tuple[str, str], ...] = (), lesson: str = LESSON, assets: str = ""
    ) -> Path:
        root = tmp_path / "workshop"
        (root / "lessons" / "numbers").mkdir(parents=True, exist_ok=True)
        workshop = WORKSHOP
        for old, new in edit_workshop:
            assert old in workshop
            workshop = workshop.replace(old, new)
        for old, new in edit:
            assert old in lesson
            lesson = lesson.replace(old, new)
        (root / "workshop.toml").write_text(workshop)
        (root / "assets.toml").write_text(textwrap.dedent(assets))
        (root / "lessons" / "numbers" / "01_add.py").write_text(lesson)
        return root

    return make


@pytest.fixture
def mirror() -> Path:
    """The folder that stands in for the internet (HANDSON_MIRROR, or shared/assets beside the repository)."""
    folder = Path(os.environ.get("HANDSON_MIRROR") or ROOT.parent / "shared" / "assets")
    if not folder.is_dir():
        pytest.skip(f"no mirror of the assets at {folder}: set HANDSON_MIRROR to one")
    return folder
