"""Charts, described once as Vega-Lite: lines, bars, tables of numbers, points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

from handson.lab import style
from handson.lab.axis import LEVEL_TITLE, Axis, drawable, spread, ticks
from handson.lab.style import number
from handson.lab.vegalite import Figure

__all__ = ["Figure", "bars", "heatmap", "plot", "scatter"]


def plot(
    series: Mapping[str, Iterable[Any]],
    *,
    x_label: str = "",
    y_label: str = "",
    title: str = "",
    alt: str = "",
    log: bool = False,
    percent: bool = False,
    levels: Mapping[str, float] | None = None,
    width: int = style.WIDTH,
    height: int = style.HEIGHT,
) -> Figure:
    """Lines, each with its name at its end.

    series: {"name": [y, …]} (counted from 1) or {"name": [(x, y), …]}; at most six. Values that are not finite (and, if
    `log`, not positive) leave a gap. log: a logarithmic y axis. percent: 0.98 is written 98 %. levels: horizontal
    dashed lines with a name, e.g. {"target": 0.99}. Raises ValueError if nothing can be drawn.
    """
    levels = levels or {}
    lines = {str(name): _points(values) for name, values in series.items()}
    drawn = [(x, y) for points in lines.values() for x, y in points if drawable(y, log)]
    if not drawn:
        raise ValueError("There is nothing to draw: no series has a finite value." + (" (log: > 0)" if log else ""))
    axis = Axis.around([y for _, y in drawn] + list(levels.values()), log=log, percent=percent)
    xs = [x for x, _ in drawn]
    x_axis = {"values": _inner_ticks(xs), "title": x_label or None}
    x_scale = {"domain": [min(xs), max(xs)] if max(xs) > min(xs) else [xs[0] - 1, xs[0] + 1], "nice": False}
    x = {"field": "x", "type": "quantitative", "axis": x_axis, "scale": x_scale}
    y = {"field": "y", "type": "quantitative", "axis": axis.vega(y_label), "scale": axis.vega_scale()}
    marks: list[dict[str, Any]] = []
    if levels:
        marks += _level_marks(levels, y)
    colors = {name: style.color(index) for index, name in enumerate(lines)}
    for name, points in lines.items():
        ink = colors[name]
        rows = [{"x": px, "y": py if drawable(py, log) else None} for px, py in points]
        mark: dict[str, Any] = {"type": "line", "color": ink}
        if len(rows) <= 12:
            mark["point"] = {"color": ink, "size": 60, "filled": True}
        marks.append({"data": {"values": rows}, "mark": mark, "encoding": {"x": x, "y": y}})
    ends = {name: end for name, points in lines.items() if name and (end := _last(points, log))}
    heights = spread([height * (1 - axis.position(y)) for _, y in ends.values()], style.LABEL * 1.25, 0, height)
    for (name, end), label_y in zip(ends.items(), heights, strict=True):
        marks.append(_end_label(name, colors[name], label_y, end[0], x))
    spec = {"width": width, "height": height, "layer": marks}
    if title:
        spec["title"] = title
    return Figure(spec, alt or _plot_alt(title, y_label, lines, log, percent))


def bars(
    values: Mapping[str, float],
    *,
    title: str = "",
    alt: str = "",
    highlight: str | Iterable[str] = (),
    percent: bool = False,
    unit: str = "",
    width: int = style.WIDTH,
) -> Figure:
    """Horizontal bars, in the given order, each with its value; those named in `highlight` in a second colour."""
    if not values:
        raise ValueError("There is nothing to draw: bars() was given no values.")
    strong = {highlight} if isinstance(highlight, str) else set(highlight)
    if unknown := strong - set(values):
        raise ValueError(f"highlight names {sorted(unknown)}, which are no bars; the bars are {list(values)}.")
    numbers = {str(label): float(value) for label, value in values.items()}
    written = {k: number(v, percent=percent) + (f" {unit}" if unit else "") for k, v in numbers.items()}
    rows: list[dict[str, Any]] = [
        {"label": label, "value": value if isfinite(value) else 0, "text": written[label],
         "color": style.ORANGE if label in strong else style.SLATE if strong else style.BLUE}
        for label, value in numbers.items()
    ]  # fmt: skip
    low, high = min([0.0, *(r["value"] for r in rows)]), max([0.0, *(r["value"] for r in rows)])
    axis = {"title": None, "labelOpacity": 1, "domain": False, "labelLimit": 260, "grid": False}
    axis["offset"] = 64 if low < 0 else 0  # room for the number left of a bar
    y = {"field": "label", "type": "nominal", "sort": None, "axis": axis, "scale": {"paddingInner": 0.3}}
    x = {"field": "value", "type": "quantitative", "axis": None, "scale": {"domain": [low, high or 1], "nice": False}}
    own_color = {"field": "color", "type": "nominal", "scale": None}

    def text(side: str) -> dict[str, Any]:
        align = {"align": "right", "dx": -7} if side == "<" else {"align": "left", "dx": 7}
        return {
            "transform": [{"filter": f"datum.value {side} 0"}],
            "mark": {"type": "text", **align, "fontWeight": 600},
            "encoding": {"text": {"field": "text"}, "x": x, "y": y},
        }

    layers = [
        {"mark": {"type": "bar", "cornerRadiusEnd": 3}, "encoding": {"x": x, "y": y, "color": own_color}},
        text(">="),
        *([text("<"), _zero_line(x)] if low < 0 else []),
    ]
    spec: dict[str, Any] = {"data": {"values": rows}, "width": width, "height": 36 * len(rows), "layer": layers}
    if title:
        spec["title"] = title
    said = "; ".join(f"{label} {text}" for label, text in written.items())
    return Figure(spec, alt or f"Bars{_of(title)}: {said}.")


def heatmap(
    matrix: Any,
    rows: Sequence[Any],
    columns: Sequence[Any],
    *,
    x_label: str = "",
    y_label: str = "",
    title: str = "",
    alt: str = "",
    percent: bool = False,
    cell: int | None = None,
) -> Figure:
    """A table of numbers (R, C), tensor or lists, each cell the more coloured the larger its value.

    Where rows and columns have the same names, as in a confusion matrix, the diagonal is blue and all else orange on
    a scale of its own, so that 12 mistakes are seen beside 980 hits. Zeros step back.
    """
    table = [[float(v) for v in row] for row in _lists(matrix)]
    if len(table) != len(rows) or any(len(row) != len(columns) for row in table):
        found = f"{len(table)} × {len(table[0]) if table else 0}"
        raise ValueError(f"The matrix is {found}, but there are {len(rows)} row names and {len(columns)} column names.")
    confusion = [str(r) for r in rows] == [str(c) for c in columns]
    cell = cell or max(34, min(56, style.WIDTH // len(columns)))
    cells: list[dict[str, Any]] = [
        {"row": str(rows[i]), "column": str(columns[j]), "value": v, "text": number(v, percent=percent),
         "_right": confusion and i == j}
        for i, row in enumerate(table) for j, v in enumerate(row)
    ]  # fmt: skip
    most = {
        kind: max([abs(c["value"]) for c in cells if c["_right"] == kind], default=0) or 1 for kind in (True, False)
    }
    for c in cells:
        c["_strength"] = round(0.06 + 0.94 * abs(c["value"]) / most[bool(c["_right"])] if c["value"] else 0.03, 3)
        c["_color"] = style.BLUE if c["_right"] or not confusion else style.ORANGE
        c["_ink"] = "#ffffff" if c["_strength"] > 0.85 else style.INK
        c["_loud"] = 1 if c["value"] else 0.35
        if not c["value"]:
            c["_color"] = style.INK
    on = {"ticks": False, "domain": False, "grid": False, "labelOpacity": 1, "labelAngle": 0}
    x = {"field": "column", "type": "nominal", "sort": None, "scale": {"padding": 0.04},
         "axis": {**on, **_under(columns), "orient": "bottom", "title": x_label or None}}  # fmt: skip
    y = {"field": "row", "type": "nominal", "sort": None, "scale": {"padding": 0.04},
         "axis": {**on, "title": y_label or None, **(LEVEL_TITLE if y_label else {})}}  # fmt: skip
    longest = max(len(str(c["text"])) for c in cells)
    size = {"expr": f"max(9, min({style.LABEL}, width / {len(columns)} * 1.45 / {max(longest, 2)}))"}
    layers = [
        {"mark": {"type": "rect", "cornerRadius": 3},
         "encoding": {"x": x, "y": y, "color": {"field": "_color", "type": "nominal", "scale": None},
                      "opacity": {"field": "_strength", "type": "quantitative", "scale": None, "legend": None}}},
        {"mark": {"type": "text", "fontSize": size},
         "encoding": {"x": x, "y": y, "text": {"field": "text"},
                      "color": {"field": "_ink", "type": "nominal", "scale": None},
                      "opacity": {"field": "_loud", "type": "quantitative", "scale": None, "legend": None}}},
    ]  # fmt: skip
    spec = {
        "data": {"values": cells},
        "width": cell * len(columns),
        "height": min(cell, 44) * len(rows),
        "layer": layers,
    }
    if title:
        spec["title"] = title
    return Figure(spec, alt or _table_alt(title, cells))


def _under(names: Sequence[Any]) -> dict[str, Any]:
    """Names below columns: broken after commas and, where a column is narrow, at blanks; none is wider than its own."""
    wide = f"width / {len(names)}"
    narrow = f"{wide} < {max(len(part) for name in names for part in str(name).split(', ')) * style.LABEL * 0.53:.0f}"
    return {
        "labelExpr": f"split(datum.label, {narrow} ? ' ' : ', ')",
        "labelFontSize": {"expr": f"{narrow} ? {style.SMALL - 1} : {style.LABEL}"},
        "labelLimit": {"expr": f"max(28, {wide} - 4)"},
        "labelOverlap": False,
    }


def scatter(
    points: Any,
    *,
    labels: Sequence[str] | Mapping[int, str] | None = None,
    groups: Sequence[Any] | None = None,
    x_label: str = "",
    y_label: str = "",
    title: str = "",
    alt: str = "",
    width: int = style.WIDTH,
    height: int = 400,
) -> Figure:
    """Points (N, 2), tensor or pairs. labels: a text for each point, or for some of them by index. groups: one name for
    each point; groups have a colour each, and their name stands above them.
    """
    pairs = [(float(x), float(y)) for x, y in _lists(points)]
    finite = [(i, x, y) for i, (x, y) in enumerate(pairs) if isfinite(x) and isfinite(y)]
    if not finite:
        raise ValueError("There is nothing to draw: no point is finite.")
    if groups is not None and len(groups) != len(pairs):
        raise ValueError(f"There are {len(pairs)} points but {len(groups)} groups; each point needs one.")
    texts = dict(labels) if isinstance(labels, Mapping) else dict(enumerate(labels or []))
    names = list(dict.fromkeys(str(g) for g in groups)) if groups is not None else [""]
    of = [str(g) for g in groups] if groups is not None else [""] * len(pairs)
    rows = [
        {"x": x, "y": y, "color": style.color(names.index(of[i])), "text": str(texts.get(i, ""))} for i, x, y in finite
    ]
    across, up = Axis.around([x for _, x, _ in finite]), Axis.around([y for _, _, y in finite])
    x_enc = {
        "field": "x",
        "type": "quantitative",
        "axis": across.vega(x_label, upright=False),
        "scale": across.vega_scale(),
    }
    y_enc = {"field": "y", "type": "quantitative", "axis": up.vega(y_label), "scale": up.vega_scale()}
    own_color = {"field": "color", "type": "nominal", "scale": None}
    size = 90 if len(rows) < 100 else 40 if len(rows) < 1000 else 16
    layers: list[dict[str, Any]] = [
        {"mark": {"type": "circle", "size": size, "opacity": 0.75 if len(rows) < 300 else 0.5},
         "encoding": {"x": x_enc, "y": y_enc, "color": own_color}}
    ]  # fmt: skip
    if texts:
        layers.append(
            {"transform": [{"filter": "datum.text !== ''"}],
             "mark": {"type": "text", "align": "left", "dx": 8, "dy": -1},
             "encoding": {"x": x_enc, "y": y_enc, "text": {"field": "text"}}}
        )  # fmt: skip
    if names != [""]:
        grouped = {n: [r for r in rows if r["color"] == style.color(k)] for k, n in enumerate(names)}
        middles = [_group_name(members, name) for name, members in grouped.items() if members]
        layers.append(
            {"data": {"values": middles},
             "mark": {"type": "text", "fontWeight": 700, "fontSize": style.LABEL + 1, "dy": -14},
             "encoding": {"x": x_enc, "y": y_enc, "text": {"field": "text"}, "color": own_color}}
        )  # fmt: skip
    spec: dict[str, Any] = {"data": {"values": rows}, "width": width, "height": height, "layer": layers}
    if title:
        spec["title"] = title
    groups_said = f" in {len(names)} groups: {', '.join(names)}" if names != [""] else ""
    return Figure(spec, alt or f"{len(rows)} points{_of(title)}{groups_said}.")


def _points(values: Iterable[Any]) -> list[tuple[float, float]]:
    """Pairs as they are; single numbers counted from 1. Tensors are taken as well."""
    listed = _lists(values)
    if listed and isinstance(listed[0], (list, tuple)):
        return [(float(x), float(y)) for x, y in listed]
    return [(float(i), float(y)) for i, y in enumerate(listed, 1)]


def _lists(values: Any) -> list[Any]:
    return list(values.tolist() if hasattr(values, "tolist") else values)


def _last(points: list[tuple[float, float]], log: bool) -> tuple[float, float] | None:
    return next((point for point in reversed(points) if drawable(point[1], log)), None)


def _inner_ticks(xs: Sequence[float]) -> list[float]:
    """Round numbers that lie within `xs`; whole ones where all of `xs` are."""
    low, high = min(xs), max(xs)
    return [t for t in ticks(low, high, 7, whole=all(x == int(x) for x in xs)) if low - 1e-9 <= t <= high + 1e-9]


def _end_label(name: str, ink: str, y: float, at: float, x: dict[str, Any]) -> dict[str, Any]:
    return {
        "data": {"values": [{"x": at, "y": y, "name": name}]},
        "mark": {"type": "text", "align": "left", "dx": 9, "color": ink, "fontWeight": 600},
        "encoding": {"x": x, "y": {"field": "y", "type": "quantitative", "scale": None}, "text": {"field": "name"}},
    }


def _zero_line(x: dict[str, Any]) -> dict[str, Any]:
    return {
        "data": {"values": [{"value": 0}]},
        "mark": {"type": "rule", "color": style.INK, "opacity": 0.4},
        "encoding": {"x": x},
    }


def _level_marks(levels: Mapping[str, float], y: dict[str, Any]) -> list[dict[str, Any]]:
    rows = [{"y": float(value), "name": name} for name, value in levels.items()]
    rule = {"type": "rule", "color": style.INK, "opacity": 0.5, "strokeDash": [5, 5], "strokeWidth": 1.25}
    text = {"type": "text", "align": "left", "baseline": "bottom", "dx": 3, "dy": -4, "opacity": style.MUTED}
    return [
        {"data": {"values": rows}, "mark": rule, "encoding": {"y": y}},
        {"data": {"values": rows}, "mark": {**text, "fontSize": style.SMALL},
         "encoding": {"y": y, "x": {"value": 0}, "text": {"field": "name"}}},
    ]  # fmt: skip


def _group_name(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """Where the name of a group stands: above its topmost point, at the median of x."""
    middle = sorted(r["x"] for r in rows)[len(rows) // 2]
    return {"text": name, "x": middle, "y": max(r["y"] for r in rows), "color": rows[0]["color"]}


def _of(title: str) -> str:
    return f" of {title}" if title else ""


def _plot_alt(
    title: str, y_label: str, lines: Mapping[str, list[tuple[float, float]]], log: bool, percent: bool
) -> str:
    said = []
    for name, points in lines.items():
        seen = [y for _, y in points if drawable(y, log)]
        if seen:
            first, last = number(seen[0], percent=percent), number(seen[-1], percent=percent)
            said.append(f"{name or 'the line'} goes from {first} to {last}")
    return f"Line chart{_of(title or y_label)}: {'; '.join(said)}."


def _table_alt(title: str, cells: list[dict[str, Any]]) -> str:
    top = sorted(cells, key=lambda c: -abs(c["value"]))[:5]
    said = ", ".join(f"{c['row']} / {c['column']}: {c['text']}" for c in top)
    return f"Table{_of(title)}; largest: {said}."
