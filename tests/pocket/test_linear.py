"""Products of matrices against PyTorch: all numbers of dimensions, broadcast batches, any layout."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import handson.pocket as pocket
from tests.pocket.agreement import FLOATS, LAYOUTS, Case, agree, computed, example, listed

SMALL = settings(max_examples=80, deadline=None, derandomize=True)
LOOSE = 1e-4


@st.composite
def factors(draw: st.DrawFn) -> tuple[Case, Case]:
    """Two tensors that `matmul` takes."""
    m, k, n = (draw(st.integers(0, 6)) for _ in range(3))
    batch = draw(st.lists(st.integers(1, 3), max_size=2))
    left, right = (
        [1 if draw(st.booleans()) else b for b in batch][draw(st.integers(0, len(batch))) :] for _ in range(2)
    )
    a = [k] if draw(st.booleans()) and not left else [*left, m, k]
    b = [k] if draw(st.booleans()) and not right else [*right, k, n]
    dtype = draw(st.sampled_from(FLOATS))
    return tuple(example(s, dtype, draw(st.sampled_from(LAYOUTS)), seed=q) for q, s in enumerate((a, b)))  # type: ignore[return-value]


@SMALL
@given(pair=factors())
def test_matmul(pair: tuple[Case, Case]) -> None:
    agree(lambda t, x, y: x @ y, *pair, tolerance=LOOSE)


@pytest.mark.parametrize("shape", [(17, 33, 5), (64, 64, 64), (1, 300, 2), (130, 1, 7), (3, 257, 129)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_larger_matrices(shape: tuple[int, int, int], layout: str) -> None:
    m, k, n = shape
    for dtype in FLOATS:
        agree(
            lambda t, x, y: x @ y / math.sqrt(k),
            example((m, k), dtype, layout),
            example((k, n), dtype, layout, seed=1),
            tolerance=LOOSE,
        )


def test_shapes_that_do_not_fit() -> None:
    shapes = [(), (3,), (4,), (2, 3), (3, 2), (2, 2, 3), (3, 3, 2), (2, 1, 3, 2)]
    for a in shapes:
        for b in shapes:
            for text in (
                "x @ y",
                "t.mm(x, y)",
                "t.bmm(x, y)",
                "t.mv(x, y) if x.ndim and y.ndim else 0",
                "t.dot(x, y)",
                "t.outer(x, y)",
            ):
                agree(computed(text), example(a), example(b), tolerance=LOOSE)


def test_whole_numbers_and_mixed_dtypes() -> None:
    for a in ("uint8", "int32", "int64", "float32", "float64"):
        for b in ("int32", "int64", "float32", "float64"):
            agree(computed("x @ y"), example((2, 3), a), example((3, 2), b))
        agree(computed("x @ x"), example((2, 3, 3), a))
        agree(computed("t.dot(x, x)"), example((3,), a))


OF_TWO = """
x.addmm(y, y.T) | t.addmm(x, y, y.T, beta=0.5, alpha=2) | t.addmm(x[0], y, y.T) | t.baddbmm(x[None], y[None], y.T[None], beta=2) | t.tensordot(x, y, 1)
t.tensordot(x, y, ([0], [0])) | t.tensordot(x, y, ([0, 1], [0, 1])) | t.cdist(x, y) | t.cdist(x, y, p=1) | t.cdist(x, y[:2]) | t.cdist(x[None], y[None]) | t.cdist(x, x)
t.cross(x, y, dim=1) | t.cross(x, y, dim=0) | t.linalg.cross(x, y) | t.trace(x @ y) | t.outer(x[0], y[1]) | x[0].dot(y[0]) | x.mv(y[0]) | x.mm(y) | t.mm(x.T, y) | x.matmul(y[0])
t.linalg.inv(x.detach() + 5 * t.eye(3)) | t.inverse(x.detach() + 5 * t.eye(3)) | t.linalg.inv(x.detach()[:2]) | x @ 3 | x @ [1, 2]
t.einsum("ij,jk->ik", x, y) | t.einsum("ij,ij->", x, y) | t.einsum("ij->ji", x) | t.einsum("ii", x) | t.einsum("ii->i", x) | t.einsum("ij,kj", x, y) | t.einsum("i,j->ij", x[0], y[0])
t.einsum("ij,jk,kl->il", x, y, x) | t.einsum("ij,jk->i", x, y) | t.einsum("bij,bjk->bik", x[None], y[None]) | t.einsum("ij,ij->ij", x, y) | t.einsum("ij->", x) | t.einsum("ij->j", x)
t.einsum("ij,j->i", x, y[0]) | t.einsum("ij,jk", x) | t.einsum("ijk,jk->i", x, y) | t.einsum("ij,jk->ik", [x, y]) | t.einsum(" i j , j k -> i k ", x, y) | t.einsum("ik,kj->ij", x, y[:2])
"""


@pytest.mark.parametrize("text", listed(OF_TWO))
@pytest.mark.filterwarnings("ignore:Using torch.cross without")
def test_of_two_matrices(text: str) -> None:
    for layout in LAYOUTS:
        for dtype in FLOATS:
            if layout != "spread" or "cdist" not in text:
                agree(
                    computed(text),
                    example((3, 3), dtype, layout),
                    example((3, 3), dtype, layout, seed=1),
                    tolerance=LOOSE,
                )


def test_matrices_without_rows() -> None:
    for a, b in (((0, 3), (3, 2)), ((2, 0), (0, 3)), ((2, 3), (3, 0)), ((0, 2, 3), (3, 1)), ((0,), (0,))):
        agree(computed("x @ y"), example(a), example(b))


def test_a_matrix_without_an_inverse() -> None:
    with pytest.raises(pocket.linalg.LinAlgError, match="singular"):
        pocket.linalg.inv(pocket.zeros(2, 2))
