"""What networks of sequences are made of: embeddings, attention, the steps of GRU and LSTM."""

from __future__ import annotations

import math

from handson.pocket import creation, dtypes, elementwise, reductions, shapes
from handson.pocket.autograd import Node, recorded
from handson.pocket.dtypes import int32, int64
from handson.pocket.linear import matmul
from handson.pocket.nn.activations import dropout, softmax
from handson.pocket.nn.calls import address, d, declare_both, fits, floating, i, p, typed
from handson.pocket.nn.convolution import linear
from handson.pocket.storage import Storage
from handson.pocket.tensor import Tensor, contiguous, new, new_like, numel

declare_both(
    embedding_forward=(i, (i, i, i, p, p, p)),
    embedding_backward=(None, (i, i, i, p, i, p, p)),
    attention_work=(i, (i,)),
    attention_forward=(None, (i, i, i, i, i, p, p, p, p, i, i, d, p, p, p)),
    attention_backward=(None, (i, i, i, i, i, p, p, p, p, i, i, d, p, p, p, p, p, p, p)),
    gru_cell_forward=(None, (i, i, p, p, p, p, p)),
    gru_cell_backward=(None, (i, i, p, p, p, p, p, p)),
)


def embedding(
    input: Tensor, weight: Tensor, padding_idx: int | None = None, max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Tensor:  # fmt: skip
    """The rows of `weight` with these numbers."""
    if max_norm is not None or scale_grad_by_freq or sparse or norm_type != 2.0:
        raise NotImplementedError(
            "handson.pocket's embedding has neither max_norm nor scale_grad_by_freq nor sparse gradients."
        )
    if input.dtype not in (int64, int32):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"torch.{input.dtype.title}Tensor instead (while checking arguments for embedding)"
        )
    if weight.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    floating("embedding", weight)
    index, table = contiguous(elementwise.to(input, int64)), contiguous(weight.detach())
    sizes = (index.numel(), *table.shape)
    out = new((*index.shape, table.shape[1]), table.dtype)
    if typed("embedding_forward", table.dtype)(*sizes, index.data_ptr(), table.data_ptr(), out.data_ptr()) >= 0:
        raise IndexError("index out of range in self")
    if recorded(weight):
        padding = -1 if padding_idx is None else padding_idx % table.shape[0]

        def back(g: Tensor) -> tuple[Tensor]:
            g, gw = contiguous(g), new_like(table)
            typed("embedding_backward", table.dtype)(*sizes, index.data_ptr(), padding, g.data_ptr(), gw.data_ptr())
            return (gw,)

        out._record(Node("EmbeddingBackward0", (weight,), back, (index,)))
    return out


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Rows with a 1 at the number: (…) → (…, num_classes), int64."""
    if tensor.dtype is not int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if tensor.numel() and int(reductions.amin(tensor)) < 0:
        raise RuntimeError("Class values must be non-negative.")
    most = int(reductions.amax(tensor)) + 1 if tensor.numel() else 0
    if num_classes == -1:
        num_classes = most
    elif most > num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return elementwise.to(shapes.unsqueeze(tensor, -1) == creation.arange(num_classes), int64)


def scaled_dot_product_attention(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:  # fmt: skip
    """softmax(query @ keyᵀ / √d) @ value, for (…, length, d); a mask of bool (True takes part) or to be added."""
    if attn_mask is not None and is_causal:
        raise RuntimeError("scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    _attention_fits(query, key, value)
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    if attn_mask is not None and attn_mask.dtype is dtypes.bool_:
        attn_mask = elementwise.where(attn_mask, creation.zeros((), dtype=query.dtype), -math.inf)
    batch = elementwise.broadcast_shape(query.shape[:-2], key.shape[:-2])
    same = query.shape[:-2] == key.shape[:-2] == value.shape[:-2]
    square = (query.shape[-2], key.shape[-2])
    plain = attn_mask is None or (attn_mask.shape == square and not attn_mask.requires_grad)
    if dropout_p or not same or not plain:
        return _attention_in_parts(query * factor, key, value, attn_mask, dropout_p, is_causal)
    q, k, v = (contiguous(t.detach()) for t in (query, key, value))
    mask = None if attn_mask is None else contiguous(elementwise.to(attn_mask.detach(), q.dtype))
    sizes = (numel(batch), q.shape[-2], k.shape[-2], q.shape[-1], v.shape[-1])
    options = (0, int(is_causal), float(factor))
    out, totals = new((*batch, sizes[1], sizes[4]), q.dtype), new((max(1, sizes[0] * sizes[1]),), q.dtype)
    inputs = (q.data_ptr(), k.data_ptr(), v.data_ptr(), address(mask))
    scratch = Storage(typed("attention_work", q.dtype)(sizes[2]))
    if out.numel():
        typed("attention_forward", q.dtype)(
            *sizes, *inputs, *options, out.data_ptr(), totals.data_ptr(), scratch.address
        )
    if recorded(query, key, value):
        y = out.detach()

        def back(g: Tensor) -> tuple[Tensor, ...]:
            g = contiguous(g)
            gq, gk, gv = new_like(q), new_like(k), new_like(v)
            scratch = Storage(typed("attention_work", q.dtype)(sizes[2]))
            typed("attention_backward", q.dtype)(
                *sizes, *inputs, *options, y.data_ptr(), totals.data_ptr(), g.data_ptr(), gq.data_ptr(), gk.data_ptr(),
                gv.data_ptr(), scratch.address,
            )  # fmt: skip
            return gq, gk, gv

        saved = (q, k, v, y) if mask is None else (q, k, v, y, mask)
        out._record(Node("ScaledDotProductAttentionBackward0", (query, key, value), back, saved))
    return out


def _attention_fits(query: Tensor, key: Tensor, value: Tensor) -> None:
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise RuntimeError(
            f"Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: {query.ndim} "
            f"key.dim: {key.ndim} and value.dim: {value.ndim} instead."
        )
    if not query.dtype is key.dtype is value.dtype:
        raise RuntimeError(
            f"Expected query, key, and value to have the same dtype, but got query.dtype: {query.dtype.name} "
            f"key.dtype: {key.dtype.name} and value.dtype: {value.dtype.name} instead."
        )
    floating("scaled_dot_product_attention", query)
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise RuntimeError(
            f"scaled_dot_product_attention: query (…, L, E), key (…, S, E) and value (…, S, Ev) do not fit together: "
            f"{list(query.shape)}, {list(key.shape)}, {list(value.shape)}"
        )


def _attention_in_parts(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, dropout_p: float, is_causal: bool
) -> Tensor:
    """The same, where batches are broadcast, the mask has a gradient or a batch of its own, or shares are dropped."""
    scores = matmul(query, shapes.transpose(key, -2, -1))
    if is_causal:
        keep = shapes.tril(creation.ones(query.shape[-2], key.shape[-2], dtype=dtypes.bool_))
        scores = elementwise.where(keep, scores, -math.inf)
    shares = softmax(scores if mask is None else scores + mask, -1)
    return matmul(dropout(shares, dropout_p) if dropout_p else shares, value)


def _state_fits(input: Tensor, hidden: Tensor, w_ih: Tensor, w_hh: Tensor) -> None:
    if input.shape[-1:] != w_ih.shape[1:]:
        raise RuntimeError(
            f"input.size(-1) must be equal to input_size. Expected {list(w_ih.shape[1:])}, got {list(input.shape[-1:])}"
        )
    if input.ndim != 2 or hidden.ndim != 2 or w_hh.ndim != 2:
        raise RuntimeError(
            f"Expected input, hidden state and w_hh to be matrices, but got {list(input.shape)}, {list(hidden.shape)} "
            f"and {list(w_hh.shape)}"
        )
    if input.shape[0] != hidden.shape[0]:
        raise RuntimeError(f"Input batch size {input.shape[0]} doesn't match hidden0 batch size {hidden.shape[0]}")
    if hidden.shape[1] != w_hh.shape[1]:
        raise RuntimeError(f"hidden0 has inconsistent hidden_size: got {hidden.shape[1]}, expected {w_hh.shape[1]}")


def gru_cell(
    input: Tensor, hidden: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None, b_hh: Tensor | None = None
) -> Tensor:
    """The next state of a GRU: (N, in), (N, hidden) → (N, hidden); weights (3 · hidden, …) for reset, update and
    new."""
    _state_fits(input, hidden, w_ih, w_hh)
    of_x, of_h = linear(input, w_ih, b_ih), linear(hidden, w_hh, b_hh)
    thrice = (hidden.shape[0], 3 * hidden.shape[1])
    for name, t in (("input @ w_ih.T", of_x), ("hidden @ w_hh.T", of_h)):
        fits(name, t, thrice, hidden.dtype, "{name} is {got}, where three gates of this hidden state need {wanted}")
    a, b, h = (contiguous(t.detach()) for t in (of_x, of_h, hidden))
    sizes = tuple(h.shape)
    out, kept = new_like(h), new((sizes[0], 4 * sizes[1]), h.dtype)
    typed("gru_cell_forward", h.dtype)(
        *sizes, a.data_ptr(), b.data_ptr(), h.data_ptr(), out.data_ptr(), kept.data_ptr()
    )
    if recorded(of_x, of_h, hidden):

        def back(g: Tensor) -> tuple[Tensor, ...]:
            g = contiguous(g)
            ga, gb, gh = new_like(a), new_like(b), new_like(h)
            typed("gru_cell_backward", h.dtype)(
                *sizes, g.data_ptr(), kept.data_ptr(), h.data_ptr(), ga.data_ptr(), gb.data_ptr(), gh.data_ptr()
            )
            return ga, gb, gh

        out._record(Node("GruCellBackward0", (of_x, of_h, hidden), back, (h,)))
    return out


def lstm_cell(
    input: Tensor, state: tuple[Tensor, Tensor], w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The next state (h, c) of an LSTM; weights (4 · hidden, …) for input, forget, cell and output."""
    hidden, cell = state
    for t in (hidden, cell):
        _state_fits(input, t, w_ih, w_hh)
    gates = linear(input, w_ih, b_ih) + linear(hidden, w_hh, b_hh)
    i_gate, f_gate, new_cell, o_gate = shapes.chunk(gates, 4, 1)
    kept = elementwise.sigmoid(f_gate) * cell + elementwise.sigmoid(i_gate) * elementwise.tanh(new_cell)
    return elementwise.sigmoid(o_gate) * elementwise.tanh(kept), kept
