"""Figures: what they draw, what they say to those who do not see them, and that both themes can be read."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from handson.lab import style
from handson.lab.axis import Axis, log_ticks, spread, ticks
from handson.lab.figure import Figure, bars, heatmap, plot, scatter
from handson.lab.style import number
from handson.lab.vegalite import VEGA_LITE_MIME

FIGURES = {
    "lines": plot(
        {"training": [3, 2, 1], "test": [(1, 3.1), (3, 1.5)]}, x_label="epoch", y_label="loss", title="Falling"
    ),
    "a logarithmic axis": plot({"error": [1, 0.1, 0.001]}, log=True),
    "percent and a level": plot({"net": [0.9, 0.985]}, percent=True, levels={"target": 0.99}),
    "gaps": plot({"net": [float("nan"), 1.0, float("inf"), 2.0]}),
    "one point": plot({"net": [1.0]}),
    "bars": bars({"plain": 0.91, "better": 0.99}, percent=True, highlight="better"),
    "bars to both sides": bars({"up": 0.3, "down": -0.4}),
    "a confusion matrix": heatmap(torch.tensor([[9, 1], [0, 8]]), ["cat", "dog"], ["cat", "dog"], y_label="it is"),
    "a table": heatmap([[0.1, 0.2, 0.3]], ["a"], ["x", "y", "z"]),
    "points": scatter(torch.rand(20, 2), groups=["a", "b"] * 10, labels={0: "first"}),
}


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES.keys())
def test_each_kind_of_figure_is_drawn_without_a_warning_and_saved(figure: Figure, tmp_path: Path) -> None:
    drawn = figure.svg()
    assert "NaN" not in drawn
    assert "undefined" not in drawn
    with Image.open(figure.save(tmp_path / "figure.png", scale=1)) as still:
        assert still.width > 100


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES.keys())
def test_a_figure_comes_with_its_alternative_as_text_and_needs_no_button(figure: Figure) -> None:
    bundle = figure._repr_mimebundle_()
    assert bundle["text/plain"] == bundle[VEGA_LITE_MIME]["description"] == figure.alt
    assert len(figure.alt) > 10
    assert not bundle[VEGA_LITE_MIME]["usermeta"]["embedOptions"]["actions"]
    assert json.loads(json.dumps(figure.spec)) == figure.spec


def test_names_below_a_table_are_broken_after_commas() -> None:
    drawn = heatmap([[0.1, 0.2]], ["a"], ["small, pruned", "large"], cell=200).svg()
    assert ">small<" in drawn
    assert ">pruned<" in drawn
    assert ">large<" in drawn


def test_lines_are_named_at_their_ends_and_not_in_a_legend() -> None:
    drawn = FIGURES["lines"].svg()
    assert ">training<" in drawn
    assert ">test<" in drawn
    assert "legend" not in drawn


def test_names_of_lines_that_end_together_do_not_overlap() -> None:
    assert spread([50, 51, 52], gap=18, low=0, high=60) == [24, 42, 60]
    assert spread([10, 100], gap=18, low=0, high=120) == [10, 100]


def test_all_that_is_neutral_takes_the_ink_of_the_theme() -> None:
    light, dark = FIGURES["lines"].svg("light"), FIGURES["lines"].svg("dark")
    assert style.INK not in light + dark
    assert light != dark
    assert style.BLUE in light
    assert style.BLUE in dark


def test_the_still_has_the_background_of_its_theme(tmp_path: Path) -> None:
    for theme, corner in (("light", (255, 255, 255)), ("dark", (17, 17, 17))):
        with Image.open(FIGURES["bars"].save(tmp_path / f"{theme}.png", theme=theme)) as still:  # type: ignore[arg-type]
            assert still.convert("RGB").getpixel((2, 2)) == corner


def test_the_alternative_says_what_the_figure_shows() -> None:
    assert FIGURES["bars"].alt == "Bars: plain 91 %; better 99 %."
    assert "training goes from 3 to 1" in FIGURES["lines"].alt
    assert plot({"a": [1, 2]}, alt="Mine.").alt == "Mine."


def test_in_a_confusion_matrix_mistakes_have_a_colour_and_a_scale_of_their_own() -> None:
    cells = {(c["row"], c["column"]): c for c in FIGURES["a confusion matrix"].spec["data"]["values"]}
    assert cells["cat", "cat"]["_color"] == style.BLUE
    assert cells["cat", "dog"]["_color"] == style.ORANGE
    assert cells["cat", "dog"]["_strength"] == 1
    assert cells["dog", "cat"]["_strength"] < 0.1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: plot({"a": [float("nan")]}), "nothing to draw"),
        (lambda: plot({"a": [-1.0]}, log=True), "nothing to draw"),
        (lambda: plot({str(i): [1, 2] for i in range(7)}), "at most 6"),
        (lambda: bars({}), "no values"),
        (lambda: bars({"a": 1}, highlight="b"), r"\['b'\].*the bars are \['a'\]"),
        (lambda: heatmap([[1, 2]], ["a"], ["x"]), "1 × 2.*1 row names and 1 column names"),
        (lambda: scatter([(1, 2)], groups=["a", "b"]), "1 points but 2 groups"),
        (lambda: scatter([]), "no point"),
        (lambda: Figure({"width": 1}, " "), "text alternative"),
        (lambda: FIGURES["bars"].save("x.pdf"), r"\.png or \.svg, not as \.pdf"),
        (lambda: FIGURES["bars"].svg("sepia"), "light, dark"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_drawn_is_told(wrong, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        wrong()


def test_axes_carry_few_round_numbers_that_hold_the_values() -> None:
    assert ticks(0.03, 2.9) == [0, 1, 2, 3]
    assert ticks(0.91, 0.99) == [0.9, 0.925, 0.95, 0.975, 1]
    assert ticks(1, 4, whole=True) == [1, 2, 3, 4]
    assert ticks(5, 5)[0] < 5 < ticks(5, 5)[-1]
    assert log_ticks(0.009, 2.5) == [0.01, 0.1, 1]
    assert log_ticks(0.09, 0.6) == [0.1, 0.2, 0.5]
    for low, high in itertools.combinations((-3e7, -2.0, 0.0, 1e-9, 0.7, 3.0, 8e8), 2):
        axis = Axis.around([low, high])
        assert axis.low <= low + 1e-6 * (high - low)
        assert axis.high >= high - 1e-6 * (high - low)
        assert 2 <= len(axis.values) <= 5


def test_numbers_are_written_as_people_write_them() -> None:
    written = [number(v) for v in (0, 0.3, 12345.6, -0.42, 1e-7, 2.5e9, float("nan"), float("-inf"))]
    assert written == ["0", "0.3", "12,346", "−0.42", "1e−7", "2.5e9", "not a number", "−∞"]
    assert [number(v, percent=True) for v in (0.5, 0.9876, 0.9905, 1)] == ["50 %", "98.8 %", "99.05 %", "100 %"]


def test_the_colours_can_be_read_on_both_backgrounds() -> None:
    for ink, paper in itertools.product((*style.PALETTE, style.SLATE), style.BACKGROUNDS.values()):
        assert _contrast(ink, paper) >= 3, (ink, paper)


@pytest.mark.parametrize("kind", ["normal", "protanopia", "deuteranopia", "tritanopia"])
def test_the_colours_can_be_told_apart_by_the_colour_blind(kind: str) -> None:
    seen = [_lab(color, kind) for color in style.PALETTE]
    assert min(_distance(a, b) for a, b in itertools.combinations(seen, 2)) >= 19


# Machado, Oliveira, Fernandes 2009, severity 1, on linear RGB.
SIMULATION = {
    "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def _linear(color: str) -> list[float]:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]


def _contrast(a: str, b: str) -> float:
    """WCAG 2.2's contrast ratio."""
    luminances = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (_linear(a), _linear(b)))
    return (luminances[1] + 0.05) / (luminances[0] + 0.05)


def _lab(color: str, kind: str) -> tuple[float, float, float]:
    """CIELAB (D65) of a colour as seen with `kind`."""
    linear = _linear(color)
    r, g, b = (min(1, max(0, sum(m * c for m, c in zip(row, linear, strict=True)))) for row in SIMULATION[kind])
    x, y, z = (
        t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116
        for t in (
            (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047,
            0.2126 * r + 0.7152 * g + 0.0722 * b,
            (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883,
        )
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _distance(a: tuple[float, float, float], b: tuple[float, float, float]) -> float:
    return sum((p - q) ** 2 for p, q in zip(a, b, strict=True)) ** 0.5
