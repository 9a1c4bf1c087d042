"""Products of matrices, and what is made of them."""

from __future__ import annotations

import math
from typing import Any

from handson.pocket import elementwise, shapes
from handson.pocket.autograd import Node, recorded
from handson.pocket.dtypes import float32
from handson.pocket.kernels import C, d, declare, i, p
from handson.pocket.storage import Storage
from handson.pocket.tensor import Tensor, copied, fill, make, new, numel

for _name in ("f32", "f64"):
    declare(**{f"gemm_batched_{_name}": (None, (i, i, i, i, i, i, d, p, i, i, p, i, i, d, p, i, i, p))})
    declare(**{f"gemm_{_name}": (None, (i, i, i, i, i, d, p, i, p, i, d, p, i, p))})
    declare(**{f"gemm_work_{_name}": (i, ())})


def _matrix(t: Tensor) -> tuple[Tensor, int, int]:
    """A (…, rows, columns) tensor whose matrices C can read: (tensor, transposed, distance of its rows)."""
    rows, columns = t.shape[-2:]
    down, right = t._strides[-2:]
    if (right == 1 or columns == 1) and (down >= columns or rows == 1):
        return t, 0, max(down, columns, 1) if rows > 1 else max(columns, 1)
    if (down == 1 or rows == 1) and (right >= rows or columns == 1):
        return t, 1, max(right, rows, 1) if columns > 1 else max(rows, 1)
    return copied(t), 0, max(columns, 1)


def _batch_stride(t: Tensor, batch: tuple[int, ...]) -> int | None:
    """The one step from matrix to matrix over all the batch, if there is one; 0 where all are the same matrix."""
    own = t.shape[:-2]
    if numel(own) == 1:
        return 0
    if own != batch:
        return None
    step = None
    expected = 0
    for length, stride in zip(reversed(own), reversed(t._strides[:-2]), strict=True):
        if length == 1:
            continue
        if step is None:
            step, expected = stride, stride * length
        elif stride != expected:
            return None
        else:
            expected = stride * length
    return step or 0


def product(a: Tensor, b: Tensor) -> Tensor:
    """(…, m, k) @ (…, k, n) → (…, m, n) of one floating dtype, batches broadcast; not recorded."""
    if a.dtype is not b.dtype:
        raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {_c_name(a)} != {_c_name(b)}")
    batch = elementwise.broadcast_shape(a.shape[:-2], b.shape[:-2])
    m, k, n = a.shape[-2], a.shape[-1], b.shape[-1]
    out = new((*batch, m, n), a.dtype)
    if not out.numel():
        return out
    if not k:
        fill(out, 0)
        return out
    if (
        len(batch) and numel(b.shape[:-2]) == 1 and a.is_contiguous()
    ):  # one matrix for the whole batch: one tall product
        flat = product(
            make(a._storage, a._offset, (numel(batch) * m, k), (k, 1), a.dtype), shapes.reshape(b, b.shape[-2:])
        )
        return make(flat._storage, 0, out.shape, out._strides, out.dtype)
    a, ta, lda = _matrix(a)
    b, tb, ldb = _matrix(b)
    count = numel(batch)
    f = "f32" if out.dtype is float32 else "f64"
    work = Storage(getattr(C, f"gemm_work_{f}")())
    if count == 1:
        getattr(C, f"gemm_{f}")(
            ta, tb, m, n, k, 1.0, a.data_ptr(), lda, b.data_ptr(), ldb, 0.0, out.data_ptr(), n, work.address
        )
        return out
    step_a, step_b = _batch_stride(a, batch), _batch_stride(b, batch)
    if step_a is None:
        a, ta, lda = _matrix(copied(shapes.expand(a, (*batch, m, k))))
        step_a = m * k
    if step_b is None:
        b, tb, ldb = _matrix(copied(shapes.expand(b, (*batch, k, n))))
        step_b = k * n
    getattr(C, f"gemm_batched_{f}")(
        count, ta, tb, m, n, k, 1.0, a.data_ptr(), lda, step_a, b.data_ptr(), ldb, step_b, 0.0, out.data_ptr(), n,
        m * n,
        work.address,
    )  # fmt: skip
    return out


def _product_of_any(a: Tensor, b: Tensor) -> Tensor:
    if a.dtype.is_floating_point:
        return product(a, b)
    # Whole numbers: one by one, for small matrices.
    result: Tensor = elementwise.mul(shapes.unsqueeze(a, -1), shapes.unsqueeze(b, -3)).sum(-2).to(a.dtype)
    return result


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product, PyTorch's rules for vectors and batches."""
    if not isinstance(other, Tensor) or not isinstance(input, Tensor):
        raise TypeError(f"matmul(): argument 'other' must be Tensor, not {type(other).__name__}")
    if not input.ndim or not other.ndim:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {input.ndim}D and {other.ndim}D"
        )
    if input.dtype is not other.dtype:
        raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {_c_name(input)} != {_c_name(other)}")
    a = shapes.unsqueeze(input, 0) if input.ndim == 1 else input
    b = shapes.unsqueeze(other, 1) if other.ndim == 1 else other
    if a.shape[-1] != b.shape[-2]:
        raise RuntimeError(_no_product(input, other, a, b))
    out = _product_of_any(a, b)
    if recorded(a, b):
        va, vb = a.detach(), b.detach()
        need_a, need_b = a.requires_grad, b.requires_grad

        def back(g: Tensor) -> tuple[Tensor | None, Tensor | None]:
            ga = _gradient_of_left(g, va, vb) if need_a else None
            gb = _gradient_of_right(g, va, vb) if need_b else None
            return ga, gb

        saved = tuple(v for v, needed in ((va, need_b), (vb, need_a)) if needed)
        out._record(Node("MmBackward0", (a, b), back, saved))
    if input.ndim == 1:
        out = shapes.squeeze(out, -2)
    if other.ndim == 1:
        out = shapes.squeeze(out, -1)
    return out


def _gradient_of_left(g: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return elementwise.unbroadcast(product(g, shapes.transpose(b, -2, -1)), a.shape)


def _gradient_of_right(g: Tensor, a: Tensor, b: Tensor) -> Tensor:
    if b.ndim == 2 and a.ndim > 2:  # summed over the batch: one product of tall matrices
        a, g = shapes.reshape(a, -1, a.shape[-1]), shapes.reshape(g, -1, g.shape[-1])
    return elementwise.unbroadcast(product(shapes.transpose(a, -2, -1), g), b.shape)


def _c_name(t: Tensor) -> str:
    return {"float32": "float", "float64": "double", "int64": "long", "int32": "int", "uint8": "unsigned char"}.get(
        t.dtype.name, t.dtype.name
    )


def _no_product(input: Tensor, other: Tensor, a: Tensor, b: Tensor) -> str:
    if input.ndim == other.ndim == 1:
        return (
            f"inconsistent tensor size, expected tensor [{input.shape[0]}] and src [{other.shape[0]}] to have the "
            f"same number "
            f"of elements, but got {input.shape[0]} and {other.shape[0]} elements respectively"
        )
    if other.ndim == 1:
        return f"size mismatch, got input ({a.shape[-2]}), mat ({a.shape[-2]}x{a.shape[-1]}), vec ({other.shape[0]})"
    rows = numel(a.shape[:-1]) if b.ndim == 2 else a.shape[-2]
    return f"mat1 and mat2 shapes cannot be multiplied ({rows}x{a.shape[-1]} and {b.shape[-2]}x{b.shape[-1]})"


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices."""
    if input.ndim != 2:
        raise RuntimeError("self must be a matrix")
    if mat2.ndim != 2:
        raise RuntimeError("mat2 must be a matrix")
    return matmul(input, mat2)


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of the matrices of two batches."""
    if input.ndim != 3 or mat2.ndim != 3:
        raise RuntimeError("batch1 must be a 3D tensor" if input.ndim != 3 else "batch2 must be a 3D tensor")
    if input.shape[0] != mat2.shape[0] or input.shape[2] != mat2.shape[1]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{input.shape[0]}, {input.shape[2]}] "
            f"but got: "
            f"[{mat2.shape[0]}, {mat2.shape[1]}]."
        )
    return matmul(input, mat2)


def mv(input: Tensor, vec: Tensor) -> Tensor:
    """The product of a matrix and a vector."""
    if input.ndim != 2 or vec.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got 1, {input.ndim}, {vec.ndim}")
    return matmul(input, vec)


def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """The inner product of two vectors."""
    if input.ndim != 1 or tensor.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {input.ndim}D and {tensor.ndim}D tensors")
    return matmul(input, tensor)


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """The product of each element of one vector with each of the other."""
    for name, vector in (("self", input), ("vec2", vec2)):
        if vector.ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {vector.ndim}-D")
    return shapes.unsqueeze(input, 1) * shapes.unsqueeze(vec2, 0)


def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta · input + alpha · mat1 @ mat2."""
    result = matmul(mat1, mat2)
    return (input if beta == 1 else input * beta) + (result if alpha == 1 else result * alpha)


def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """beta · input + alpha · batch1 @ batch2."""
    return addmm(input, batch1, batch2, beta=beta, alpha=alpha)


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """The product over several dimensions."""
    if isinstance(dims, int):
        over_a, over_b = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    else:
        over_a, over_b = [list(x) if not isinstance(x, int) else [x] for x in dims]
    over_a, over_b = [x % a.ndim for x in over_a], [x % b.ndim for x in over_b]
    rest_a, rest_b = [x for x in range(a.ndim) if x not in over_a], [x for x in range(b.ndim) if x not in over_b]
    left = shapes.permute(a, rest_a + over_a).reshape(-1, numel([a.shape[x] for x in over_a]))
    right = shapes.permute(b, over_b + rest_b).reshape(numel([b.shape[x] for x in over_b]), -1)
    return matmul(left, right).reshape([a.shape[x] for x in rest_a] + [b.shape[x] for x in rest_b])  # type: ignore[no-any-return]


def einsum(equation: str, *operands: Any) -> Tensor:
    """Products summed over named dimensions, such as "ij,jk->ik". Letters and one "->"; "..." is not understood
    here."""
    tensors = list(operands[0]) if len(operands) == 1 and not isinstance(operands[0], Tensor) else list(operands)
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if "." in equation:
        raise NotImplementedError(
            "handson.pocket's einsum understands letters only; name the dimensions that '...' stands for."
        )
    if len(terms) != len(tensors):
        how = "more" if len(tensors) > len(terms) else "fewer"
        raise RuntimeError(f"einsum(): {how} operands were provided than specified in the equation")
    for k, (term, tensor) in enumerate(zip(terms, tensors, strict=True)):
        if len(term) != tensor.ndim:
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({len(term)}) does not match the number of "
                f"dimensions "
                f"({tensor.ndim}) for operand {k} and no ellipsis was given"
            )
    letters = "".join(terms)
    result = right if arrow else "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    term, value = _without_repeats(terms[0], tensors[0])
    for k in range(1, len(tensors)):
        other_term, other = _without_repeats(terms[k], tensors[k])
        needed = set(result).union(*terms[k + 1 :]) if terms[k + 1 :] else set(result)
        term, value = _contracted(term, value, other_term, other, needed)
    gone = [k for k, c in enumerate(term) if c not in result]
    if gone:
        value = value.sum(gone)
        term = "".join(c for c in term if c in result)
    return shapes.permute(value, [term.index(c) for c in result])


def _without_repeats(term: str, tensor: Tensor) -> tuple[str, Tensor]:
    for letter in dict.fromkeys(term):
        while term.count(letter) > 1:
            a, b = term.index(letter), term.rindex(letter)
            tensor = shapes.diagonal(tensor, 0, a, b)
            term = "".join(c for k, c in enumerate(term) if k not in (a, b)) + letter
    return term, tensor


def _contracted(term_a: str, a: Tensor, term_b: str, b: Tensor, needed: set[str]) -> tuple[str, Tensor]:
    """Two operands as one product of matrices: letters of both that are needed later are its batch."""
    for own, tensor in ((0, a), (1, b)):  # sums over letters of one operand alone come first
        term, other = (term_a, term_b) if own == 0 else (term_b, term_a)
        alone = [k for k, c in enumerate(term) if c not in other and c not in needed]
        if alone:
            summed = tensor.sum(alone)
            term = "".join(c for c in term if c in other or c in needed)
            if own == 0:
                term_a, a = term, summed
            else:
                term_b, b = term, summed
    batch = [c for c in term_a if c in term_b and c in needed]
    inner = [c for c in term_a if c in term_b and c not in needed]
    rows, columns = [c for c in term_a if c not in term_b], [c for c in term_b if c not in term_a]
    length = {**dict(zip(term_b, b.shape, strict=True)), **dict(zip(term_a, a.shape, strict=True))}

    def size(letters: list[str]) -> int:
        return math.prod(length[c] for c in letters)

    left = shapes.permute(a, [term_a.index(c) for c in batch + rows + inner])
    right = shapes.permute(b, [term_b.index(c) for c in batch + inner + columns])
    out = matmul(
        left.reshape(size(batch), size(rows), size(inner)), right.reshape(size(batch), size(inner), size(columns))
    )
    letters = batch + rows + columns
    return "".join(letters), out.reshape([length[c] for c in letters])


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0) -> Tensor:
    """The distance of each row of x1 to each row of x2."""
    apart = shapes.unsqueeze(x1, -2) - shapes.unsqueeze(x2, -3)
    result: Tensor = apart.norm(p, dim=-1)
    return result


def cross(input: Tensor, other: Tensor, dim: int = -1) -> Tensor:
    """The vector product in three dimensions."""
    a, b = shapes.unbind(input, dim), shapes.unbind(other, dim)
    return shapes.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]], dim)


def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal."""
    if input.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input.ndim}")
    result: Tensor = shapes.diagonal(input).sum()
    return result


class LinAlgError(RuntimeError):
    """A matrix for which there is no result."""


def inv(A: Tensor) -> Tensor:  # noqa: N803  # PyTorch's name
    """The inverse of a small matrix, by elimination with pivots, in double; not recorded."""
    n = A.shape[-1]
    if A.ndim != 2 or A.shape[0] != n:
        raise RuntimeError(
            f"linalg.inv: A must be batches of square matrices, but they are {A.shape[0]} by {n} matrices"
        )
    rows = [[float(v) for v in row] + [float(k == j) for j in range(n)] for k, row in enumerate(A.tolist())]
    for k in range(n):
        pivot = max(range(k, n), key=lambda r: abs(rows[r][k]))
        if rows[pivot][k] == 0:
            raise LinAlgError(
                f"linalg.inv: The diagonal element {k + 1} is zero, the inversion could not be completed because "
                f"the input matrix "
                "is singular."
            )
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [v / rows[k][k] for v in rows[k]]
        for r in range(n):
            if r != k and rows[r][k]:
                factor = rows[r][k]
                rows[r] = [v - factor * w for v, w in zip(rows[r], rows[k], strict=True)]
    from handson.pocket.creation import tensor

    return tensor([row[n:] for row in rows], dtype=A.dtype)
