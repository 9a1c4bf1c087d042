"""Workshop, lessons and assets agree with one another, or the disagreement is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from handson.errors import HandsonError
from handson.lessons.catalog import read_catalog
from handson.workshop import find_workshop, own_workshop, read_workshop
from tests.test_cli import CAT, NEEDS_CAT

MakeWorkshop = Callable[..., Path]


def problem(root: Path) -> str:
    with pytest.raises(HandsonError) as raised:
        read_catalog(read_workshop(root))
    assert raised.value.way_out
    return str(raised.value)


def test_a_workshop_that_agrees_is_read(make_workshop: MakeWorkshop) -> None:
    catalog = read_catalog(read_workshop(make_workshop(NEEDS_CAT, assets=CAT)))
    assert catalog.workshop.agendas[60].lessons == ("add",)
    for name in ("add", "01_add", "numbers/01_add.py", "Add"):
        assert catalog.find(name).name == "add"


def test_a_workshop_is_found_from_below_and_named_when_there_is_none(
    make_workshop: MakeWorkshop, tmp_path: Path
) -> None:
    root = make_workshop()
    assert find_workshop(root / "lessons").root == root
    with pytest.raises(HandsonError, match=r"There is no workshop.toml.*\n.*--workshop FOLDER"):
        find_workshop(tmp_path)


def test_outside_any_workshop_the_named_one_or_the_checkouts_own_is_used(
    make_workshop: MakeWorkshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert own_workshop(tmp_path).name == "deep-learning"
    monkeypatch.setenv("HANDSON_WORKSHOP", str(make_workshop()))
    assert own_workshop(tmp_path).name == "tiny"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('title = "A tiny', 'titel = "A tiny', "workshop.toml:2: titel: unknown key. Did you mean 'title'? Valid keys: agendas,"),
        ('lock = "req', 'lok = "req', "workshop.toml:5: environment.lok: unknown key. Did you mean 'lock'?"),
        ('[agendas.60]\ntitle = "One hour"', '[agendas.60]\nname = "One hour"', "workshop.toml:8: agendas.60.name: unknown key"),
        ("[agendas.60]", "[agendas.hour]", "workshop.toml:7: agendas.hour"),
        ('name = "tiny"', "name = tiny", "workshop.toml:1: not valid TOML"),
        ('name = "tiny"\n', "", "name: this key is missing."),
        ('title = "Numbers"\nlessons = ["add"]', 'title = "Numbers"\nlessons = ["add", "add"]', "'add' is listed twice"),
        ('title = "One hour"\nlessons = ["add"]', 'title = "One hour"\nlessons = ["add", "add"]', "'add' is listed twice in [agendas.60]"),
        ('title = "One hour"\nlessons = ["add"]', 'title = "One hour"\nlessons = ["mul"]', "agenda 60 lists 'mul', which is in no track"),
        ('title = "Numbers"\nlessons = ["add"]', 'title = "Numbers"\nlessons = ["add", "mul"]', "lists 'mul', but"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_workshop_toml_is_named(make_workshop: MakeWorkshop, old: str, new: str, message: str) -> None:
    assert message in problem(make_workshop(edit_workshop=((old, new),)))


def test_a_lesson_on_disk_that_is_not_listed_is_named(make_workshop: MakeWorkshop) -> None:
    root = make_workshop()
    (root / "lessons" / "numbers" / "02_mul.py").write_text("")
    assert "02_mul.py is not listed in" in problem(root)


def test_an_agenda_that_takes_more_than_its_minutes_is_named(make_workshop: MakeWorkshop) -> None:
    root = make_workshop(("minutes: 5", "minutes: 61"))
    assert "the lessons of [agendas.60] take 61 minutes: add 61." in problem(root)


def test_a_header_and_the_agendas_that_disagree_are_named(make_workshop: MakeWorkshop) -> None:
    assert "but its header says agenda: [120]" in problem(make_workshop(("agenda: [60]", "agenda: [120]")))
    assert "the header says agenda 120, but" in problem(make_workshop(("agenda: [60]", "agenda: [60, 120]")))


def test_an_asset_that_is_unknown_or_needed_by_nobody_is_named(make_workshop: MakeWorkshop) -> None:
    unknown = problem(make_workshop(("#   tiers: [laptop]", "#   assets: [cta]\n#   tiers: [laptop]"), assets=CAT))
    assert "There is no asset named 'cta' in assets.toml (needed by lessons/numbers/01_add.py)." in unknown
    assert "Did you mean 'cat'?" in unknown
    assert "assets.toml describes 'cat', which no lesson needs." in problem(make_workshop(assets=CAT))
    extra = CAT.replace("[assets.cat]", "[assets.cat]\nextra = true", 1)
    assert extra != CAT
    assert read_catalog(read_workshop(make_workshop(assets=extra))).lessons
