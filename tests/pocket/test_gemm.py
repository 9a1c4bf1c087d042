"""Products of matrices, against PyTorch's."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pocket.calling import call, close, guarded, untouched, work

SIZES = st.sampled_from([1, 2, 3, 5, 8, 9, 16, 17, 31, 33, 48, 50, 100]) | st.integers(0, 140)
DTYPES = st.sampled_from([torch.float32, torch.float64])


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    SIZES,
    SIZES,
    SIZES,
    st.booleans(),
    st.booleans(),
    st.sampled_from([1.0, 0.5]),
    st.sampled_from([0.0, 1.0, 0.3]),
    DTYPES,
)
def test_gemm(m: int, n: int, k: int, ta: bool, tb: bool, alpha: float, beta: float, dtype: torch.dtype) -> None:
    torch.manual_seed(m * 10007 + n * 101 + k)
    a = torch.randn((k, m) if ta else (m, k), dtype=dtype)
    b = torch.randn((n, k) if tb else (k, n), dtype=dtype)
    c, memory = guarded(m, n, dtype=dtype)
    if beta:
        c.copy_(torch.randn(m, n, dtype=dtype))
    wanted = alpha * ((a.T if ta else a) @ (b.T if tb else b)) + (beta * c if beta else 0)
    lda, ldb = max(1, a.shape[1]), max(1, b.shape[1])
    scratch = work("gemm", dtype=dtype)
    call("gemm", int(ta), int(tb), m, n, k, alpha, a, lda, b, ldb, beta, c, max(1, n), scratch, dtype=dtype)
    close(c, wanted, scale=max(1.0, k**0.5))
    assert untouched(memory)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gemm_over_several_blocks(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    a, b, c = (
        torch.randn(301, 517, dtype=dtype),
        torch.randn(517, 1700, dtype=dtype),
        torch.empty(301, 1700, dtype=dtype),
    )
    call("gemm", 0, 0, 301, 1700, 517, 1.0, a, 517, b, 1700, 0.0, c, 1700, work("gemm", dtype=dtype), dtype=dtype)
    close(c, a @ b, scale=23)


def test_gemm_of_a_part_of_a_matrix() -> None:
    torch.manual_seed(0)
    a, b, c = torch.randn(20, 30), torch.randn(30, 40), torch.zeros(20, 40)
    call("gemm", 0, 0, 7, 11, 13, 1.0, a, 30, b, 40, 0.0, c, 40, work("gemm", dtype=torch.float32), dtype=torch.float32)
    close(c[:7, :11], a[:7, :13] @ b[:13, :11])
    assert not c[7:].any()
    assert not c[:, 11:].any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shared", ["a", "b", ""])
def test_gemm_batched_with_one_operand_for_all(dtype: torch.dtype, shared: str) -> None:
    torch.manual_seed(0)
    a, b = (
        torch.randn(1 if shared == "a" else 3, 5, 6, dtype=dtype),
        torch.randn(1 if shared == "b" else 3, 6, 7, dtype=dtype),
    )
    c = torch.empty(3, 5, 7, dtype=dtype)
    strides = 0 if shared == "a" else 30, 0 if shared == "b" else 42
    scratch = work("gemm", dtype=dtype)
    call("gemm_batched", 3, 0, 0, 5, 7, 6, 1.0, a, 6, strides[0], b, 7, strides[1], 0.0, c, 7, 35, scratch, dtype=dtype)
    close(c, a @ b)


def test_nan_goes_through_and_is_not_kept_by_beta_0() -> None:
    a, b, c = torch.ones(2, 3), torch.ones(3, 2), torch.full((2, 2), torch.nan)
    a[0, 1] = torch.nan
    call("gemm", 0, 0, 2, 2, 3, 1.0, a, 3, b, 2, 0.0, c, 2, work("gemm", dtype=torch.float32), dtype=torch.float32)
    assert c.isnan().tolist() == [[True, True], [False, False]]
