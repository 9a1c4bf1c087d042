"""`handson zoo`: the networks that lessons look into, and your own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from handson.cli.console import AsJson, WorkshopFolder, catalog_of, out, plain, print_json
from handson.errors import HandsonError

if TYPE_CHECKING:
    from handson.lab.zoo import Card, Model

app = typer.Typer(
    name="zoo", help="Networks that lessons look into: list, show, import, export, bench.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="A network of `handson zoo list`.")]
Three = tuple[float, float, float]


@app.command("list")
def list_(as_json: AsJson = False, workshop: WorkshopFolder = None) -> None:
    """List the networks: size, published accuracy, what is here, milliseconds per picture if measured."""
    from handson.lab.zoo import card, names
    from handson.lab.zoo.timing import written_down

    cards, index, measured = [card(name) for name in names()], _index(workshop), written_down()
    if as_json:
        print_json([_described(card, index, measured) for card in cards])
        return
    table = Table("network", box=None, pad_edge=False, header_style="bold")
    for column in ("parameters", "MB", "top-1", "ms", "files"):
        table.add_column(column, no_wrap=True, justify="left" if column == "files" else "right")
    for each in cards:
        accuracy = f"{each.top1:.1%} {each.top1_on}" if each.top1 is not None else "?"
        speed = f"{measured[each.name]:.1f}" if each.name in measured else "?"
        where = "here" if _files(each, index) is not None else "to fetch"
        table.add_row(each.name, f"{each.parameters:,}", f"{each.megabytes:.2f}", accuracy, speed, where)
    out.print(table)
    out.print("\nms: a picture's time on this laptop, as `handson zoo bench` measures it.")
    out.print("to fetch: `handson fetch NETWORK` brings it.")


@app.command()
def show(name: Name, as_json: AsJson = False, workshop: WorkshopFolder = None) -> None:
    """Show a network's card and, where its files are here, its layers with their shapes."""
    from handson.lab.zoo import card
    from handson.lab.zoo.timing import written_down

    with _errors():
        described, index = card(name), _index(workshop)
        entry = _described(described, index, written_down())
        model = _model(described, index) if entry["here"] else None
        layers = model.shapes() if model else {}
    if as_json:
        print_json({**entry, "layers": layers})
        return
    for key, value in entry.items():
        if value not in ("", None, ()):
            out.print(f"{key.replace('_', ' '):>16}  {plain(str(value))}", soft_wrap=True)
    if not layers:
        out.print(f"\nIts layers are shown when its files are here: `handson fetch {described.asset}`.")
        return
    out.print(f"\n{len(layers)} layers, channels × height × width for a picture of {described.size} pixels:")
    for layer, shape in layers.items():
        out.print(f"  {plain(layer)}  [dim]{' × '.join(map(str, shape))}[/]", soft_wrap=True)


@app.command()
def bench(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Networks; all that are here.")] = None,
    seconds: Annotated[float, typer.Option(min=0.1, max=60, help="For each network.")] = 1.0,
    as_json: AsJson = False,
    workshop: WorkshopFolder = None,
) -> None:
    """Measure milliseconds per picture on this laptop, the networks in turns; `handson zoo list` then shows them."""
    import torch

    from handson.lab.zoo import card
    from handson.lab.zoo import names as all_names
    from handson.lab.zoo.timing import side_by_side, write_down

    index = _index(workshop)
    with _errors():
        chosen = [card(name) for name in names or all_names()]
        if not names:
            chosen = [each for each in chosen if _files(each, index) is not None]
        models = {each.name: _model(each, index) for each in chosen}
    measured = side_by_side(models, seconds)
    write_down(measured)
    if as_json:
        print_json({name: round(value, 2) for name, value in measured.items()})
        return
    fastest = min(measured.values())
    for name, value in measured.items():
        out.print(f"{name:>24}  {value:7.1f} ms  {value / fastest:5.1f} ×", soft_wrap=True)
    out.print(f"One picture at a time, median of interleaved runs, {torch.get_num_threads()} threads.")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A deploy file (.prototxt), an .onnx or a .safetensors file.")],
    weights: Annotated[
        Path | None, typer.Argument(help="For a deploy file: its numbers (.caffemodel, or Deep Compression's .net).")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Its name in the zoo (default: the file's).")] = None,
    architecture: Annotated[
        str, typer.Option(help="For .safetensors: the network whose numbers these are, such as resnet-18.")
    ] = "",
    classes: Annotated[str, typer.Option(help="What it tells apart: imagenet, cifar10, or '' (numbers).")] = "",
    logits: Annotated[str, typer.Option(help="The layer with the scores (default: the last but a softmax).")] = "",
    order: Annotated[str | None, typer.Option(help="RGB or BGR.")] = None,
    mean: Annotated[Three | None, typer.Option(help="Subtracted from values of 0 to 255, in that order.")] = None,
    std: Annotated[Three | None, typer.Option(help="Divided into what is left.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="In place of an earlier import of that name.")] = False,
) -> None:
    """Take somebody else's network into your zoo: read it, run it once, keep a copy."""
    from handson.lab.zoo.imported import Wishes, import_network

    with _errors():
        wishes = Wishes(architecture, classes, logits, order, mean, std)
        model = import_network([file, *([weights] if weights else [])], name, wishes, replace=replace)
    card = model.card
    out.print(f"[bold]{card.name}[/]: {card.parameters:,} parameters, {len(model.layers)} layers, read and run once.")
    out.print(
        f"It sees {card.size} × {card.size} pixels, {card.order}, mean {card.mean}, std {card.std}"
        + (" (assumed: --mean, --std and --order say otherwise)." if mean is None else "."),
        soft_wrap=True,
    )
    out.print(f'In a lesson: zoo.load("{card.name}"). Its layers: handson zoo show {card.name}')


@app.command()
def export(
    name: Name,
    to: Annotated[
        Path | None, typer.Option(help="The file to write: .onnx (default: NAME.onnx), or .weights, our own small one.")
    ] = None,
    workshop: WorkshopFolder = None,
) -> None:
    """Write a network as ONNX, its preparation of pictures included: input (N, 3, H, W), RGB in 0..1; output logits.

    With --to NAME.weights, in half precision and small, as the lesson page takes it; zoo.load reads it.
    """
    from handson.lab.zoo import card
    from handson.lab.zoo.compact import ENDING, write_compact
    from handson.lab.zoo.exported import export_onnx
    from handson.lab.zoo.model import class_names

    path, index = to or Path(f"{name}.onnx"), _index(workshop)
    if path.suffix not in (".onnx", ENDING):
        raise HandsonError(f"{path.name} ends in neither .onnx nor {ENDING}.", f"Say --to {name}.onnx, for example.")
    with _errors():
        model = _model(card(name), index)
        if path.suffix == ENDING:
            write_compact(model.network, model.card, path)
        else:
            export_onnx(model, path, class_names(model.card, index))
    out.print(f"{path}: {path.stat().st_size / 1e6:.2f} MB", soft_wrap=True)


@contextmanager
def _errors() -> Iterator[None]:
    """The zoo's errors as the command's."""
    from handson.lab.data import AssetMissing
    from handson.lab.zoo import ZooError

    try:
        yield
    except ZooError as error:
        raise HandsonError(error.cause, error.way_out) from None
    except AssetMissing as missing:
        raise HandsonError(str(missing), "Then try again.") from None


def _index(workshop: Path | None) -> dict[str, Any]:
    from handson.assets import index_for

    return index_for(catalog_of(workshop).manifest)


def _files(card: Card, index: dict[str, Any]) -> dict[str, Path] | None:
    """The network's files, or None if they have to be fetched."""
    from handson.lab.data import AssetMissing
    from handson.lab.zoo.loading import files_of

    try:
        return files_of(card, index)
    except AssetMissing:
        return None


def _model(card: Card, index: dict[str, Any]) -> Model:
    from handson.lab.zoo.loading import build, files_of

    return build(card, files_of(card, index))


def _described(card: Card, index: dict[str, Any], measured: dict[str, float]) -> dict[str, Any]:
    return {**asdict(card), "here": _files(card, index) is not None, "milliseconds": measured.get(card.name)}
