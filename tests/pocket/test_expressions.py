"""The expressions that are evaluated in the browser as well (tests/page/test_pocket.py), here with the native library."""

from __future__ import annotations

import pytest
import torch

import handson.pocket as pocket
from tests.pocket.expressions import EXPRESSIONS, difference, evaluate

TOLERANCE = 2e-5
"""Relative, in float32: sums of some hundred numbers in another order."""


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_and_its_gradients(expression: str) -> None:
    assert difference(evaluate(pocket, expression), evaluate(torch, expression)) < TOLERANCE


def test_a_difference_would_be_seen() -> None:
    right = evaluate(torch, EXPRESSIONS[0])
    wrong = {**right, "gradients": [[v + 0.1 for v in gradient] for gradient in right["gradients"]]}
    assert difference(wrong, right) > TOLERANCE
