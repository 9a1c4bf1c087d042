"""`handson fetch`: what the lessons use beyond their embedded data."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from handson.cli.console import AsJson, WorkshopFolder, catalog_of, err, out, print_json
from handson.errors import HandsonError, UnknownNameError

if TYPE_CHECKING:
    from handson.assets import Asset, Fetched
    from handson.lessons.catalog import Catalog


def fetch(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Assets by name.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that the lessons need.")] = False,
    as_json: AsJson = False,
    workshop: WorkshopFolder = None,
) -> None:
    """Download what the lessons use beyond their embedded data. HANDSON_MIRROR (a folder or URL) is asked first.

    `pyodide` is NumPy, SciPy, pandas, scikit-learn, matplotlib and Pillow for the lesson page (kit site --with). That
    its host has them under these addresses was not tried where handson is made.
    """
    catalog = catalog_of(workshop)
    if not names and not everything:
        raise HandsonError(
            "Nothing was named to fetch.",
            f"Name assets, or --all. There are: {', '.join(sorted(catalog.manifest.assets))}, pyodide.",
        )
    fetch_and_tell(catalog, [*(catalog.manifest.needed() if everything else []), *(names or [])], as_json)


def fetch_and_tell(catalog: Catalog, names: list[str], as_json: bool = False) -> None:
    """Fetch the assets named; tells where each file came from, or as JSON."""
    fetched = fetch_showing(catalog, names, err if as_json else out)
    if as_json:
        print_json([asdict(file) for file in fetched])
        return
    for name in dict.fromkeys(file.asset for file in fetched):
        new = sum(file.how == "fetched" for file in fetched if file.asset == name)
        out.print(f"{name}: {'was here already' if not new else f'{new} file(s) fetched and verified'}")


def fetch_showing(catalog: Catalog, names: list[str], console: Console) -> list[Fetched]:
    """Fetch the assets named, and show how far it is."""
    from handson.assets import fetch as fetch_assets
    from handson.assets.progress import FetchProgress

    with FetchProgress(console) as progress:
        return fetch_assets(_described(catalog, names), progress)


def _described(catalog: Catalog, names: list[str]) -> dict[str, Asset]:
    """The assets named: the workshop's, and Pyodide's packages, which no workshop describes."""
    for name in names:
        if name not in (valid := {*catalog.manifest.assets, "pyodide"}):
            raise UnknownNameError("asset", name, valid)
    if "pyodide" not in names or "pyodide" in catalog.manifest.assets:
        return catalog.manifest.select(names)
    from handson.kit.frontend import front_end
    from handson.kit.pyodide import asset_of, lock_of

    others = catalog.manifest.select([name for name in names if name != "pyodide"])
    return {**others, "pyodide": asset_of(lock_of(front_end()))}
