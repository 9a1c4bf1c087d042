"""What JupyterLite's kernel does of ours before the first cell: the lessons' data are in place, photos are read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from handson.lab.exercises import NotYet
from handson.lab.front import DRIVE
from handson.lab.places import INDEX, cache_dir
from handson.lab.png import Pixels
from handson.page.pictures import pixels_of, read_pictures


def begin() -> None:
    """Called by IPython when it starts (`profile_default/startup` in the site's `handson_jupyter`)."""
    from IPython import get_ipython

    shell = get_ipython()
    write_index(DRIVE if DRIVE.is_dir() else Path.cwd())
    # The one step of a cell that may wait for the browser, which reads photos.
    shell.kernel.lite_transform_manager.line_transforms.append(_with_pictures)
    shell.set_custom_exc((NotYet,), _say_not_yet)
    _keep_nulls(shell)


def _keep_nulls(shell: Any) -> None:
    """What is shown keeps its nulls: the kernel makes `undefined` of None, and a figure without its `"scale": null` is
    another one, over which Vega never ends."""
    from pyodide.ffi import jsnull  # type: ignore[import-not-found,unused-ignore]

    publish, write = shell.display_pub.publish, shell.displayhook.write_format_data

    def published(data: Any, *more: Any, **named: Any) -> None:
        publish(with_nulls(data, jsnull), *more, **named)

    def written(forms: Any, *more: Any, **named: Any) -> None:
        write(forms, *more, **named)
        shell.displayhook.data = with_nulls(shell.displayhook.data, jsnull)

    shell.display_pub.publish, shell.displayhook.write_format_data = published, written


def with_nulls(value: Any, null: object) -> Any:
    """Plain data with `null` in the place of every None."""
    if isinstance(value, dict):
        return {key: with_nulls(inner, null) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [with_nulls(inner, null) for inner in value]
    return null if value is None else value


def write_index(folder: Path) -> None:
    """Tell `handson.lab`, below `folder`, which of the data belong to which name."""
    index = (cache_dir() / "index.json").read_text(encoding="utf-8")
    path = folder / INDEX
    if not path.is_file() or path.read_text(encoding="utf-8") != index:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(index, encoding="utf-8")


def _say_not_yet(_shell: object, _kind: object, error: NotYet, *_: object, **__: object) -> None:
    """Show it as elsewhere, and let "Run All Cells" go on: JupyterLite's kernels end that at any error, whatever the
    cell's tags say (`raises-exception`, an exercise that is open)."""
    print("\n".join(error._render_traceback_()), file=sys.stderr)


async def _with_pictures(lines: list[str]) -> list[str]:
    await read_pictures(_in_worker)
    return lines


async def _in_worker(content: bytes) -> Pixels:
    import js  # type: ignore[import-not-found,unused-ignore]
    from pyodide.ffi import to_js  # type: ignore[import-not-found,unused-ignore]

    return pixels_of(await js.createImageBitmap(js.Blob.new(to_js([content]))))
