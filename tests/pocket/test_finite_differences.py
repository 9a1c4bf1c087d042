"""Gradients against differences, in float64, without PyTorch."""

from __future__ import annotations

from typing import Any

import pytest

import handson.pocket as pocket
from tests.pocket.agreement import listed

SMOOTH = """
x.neg() | x.abs() | x.square() | x.exp() | x.sin() | x.cos() | x.tan() | x.tanh() | x.sigmoid() | x.relu() | x.erf() | x.expm1() | x.atan() | x.sinh() | x.cosh() | (x / 4).asin() | (x / 4).acos() | y.sqrt() | y.rsqrt() | y.log() | y.log1p() | y.log2() | y.log10() | y.reciprocal()
x + y | x - y | x * y | x / y | y**x | x**2 | x**3 | y**2.5 | 2.0**x | t.atan2(x, y) | t.maximum(x, y) | t.minimum(x, y) | x.clamp(-1, 1) | t.where(x > 0, x * y, y) | x.lerp(y, 0.3) | t.hypot(x, y) | x.fmod(1.5) | x.remainder(1.5) | (x / 9 + 0.5).logit() | x.frac() | x.nan_to_num()
x.sum() | x.mean(0) | x.prod() | x.prod(0) | x.var() | x.std(1) | x.amax(0) | x.max() | x.max(1).values | x.min(0).values | x.norm() | x.norm(3) | x.norm(1, 0) | x.logsumexp(1) | x.cumsum(0) | x.cumprod(1) | x.diff() | x.sort(0).values | x.topk(2).values | x.median() | x.quantile(0.3)
x @ y.T | x[0] @ y[1] | x @ y[0] | t.einsum("ij,kj->ik", x, y) | t.cdist(x, y) | t.cross(x[:, :3], y[:, :3], dim=1) | x.view(-1)[1:5] | x.T | x.flip(0) | x.roll(1, 1) | t.cat([x, y]) | x.repeat(2, 1) | x[[0, 0, 1]] | x[:, t.tensor([1, 0])] | x.gather(1, i) | x.scatter(1, i, y) | x.scatter_add(1, i, y) | x.masked_fill(y > 1, 0.0) | x.diagonal() | x.tril() | x.expand(2, 3, 4)
F.gelu(x) | F.gelu(x, approximate="tanh") | F.silu(x) | F.elu(x) | F.selu(x) | F.leaky_relu(x) | F.softplus(x) | F.mish(x) | F.hardswish(x) | F.logsigmoid(x) | F.softmax(x, 1) | F.log_softmax(x, 0) | F.glu(x) | F.normalize(x) | F.cosine_similarity(x, y) | F.pairwise_distance(x, y)
F.mse_loss(x, y) | F.l1_loss(x, y) | F.smooth_l1_loss(x, y) | F.huber_loss(x, y) | F.cross_entropy(x, i[:, 0]) | F.cross_entropy(x, i[:, 0], label_smoothing=0.2) | F.cross_entropy(x, z.softmax(1)) | F.nll_loss(x, i[:, 0]) | F.binary_cross_entropy(x.sigmoid(), z / 4) | F.binary_cross_entropy_with_logits(x, z / 4) | F.kl_div(x, y)
F.linear(x, y, y[:, 0]) | F.conv2d(x[None, None], y[None, None, :2, :2]) | F.conv2d(x[None, None], y[None, None, :2, :3], padding=1, stride=2) | F.conv1d(x[None], y[None, :, :2]) | F.conv_transpose2d(x[None, None], y[None, None, :2, :2], stride=2) | F.max_pool2d(x[None, None], 2) | F.avg_pool2d(x[None, None], 2, 1) | F.adaptive_avg_pool2d(x[None, None], 2)
F.layer_norm(x, (4,), y[0], y[1]) | F.group_norm(x, 2, y[0], y[1]) | F.batch_norm(x, None, None, y[0], y[1], training=True) | F.instance_norm(x[None, None]) | F.local_response_norm(x[None], 2) | F.scaled_dot_product_attention(x[None], y[None], x[None]) | F.embedding(i[:, 0], x) | F.pad(x, (1, 2)) | F.pad(x[None], (1, 2), mode="reflect") | F.interpolate(x[None, None], scale_factor=2, mode="bilinear") | F.interpolate(x[None, None], size=(5, 3)) | F.pixel_shuffle(x.reshape(1, 4, 3, 1), 2)
F.grid_sample(x[None, None], (y[None, :, :2] / 5).reshape(1, 3, 1, 2), align_corners=False) | F.unfold(x[None, None], 2) | F.bilinear(x, y, t.ones(2, 4, 4, dtype=t.float64)) | F.relu6(x) | F.hardtanh(x, -1.1, 1.1) | F.hardsigmoid(x) | F.softmin(x, 1) | F.cosine_embedding_loss(x, y, t.tensor([1.0, -1.0, 1.0], dtype=t.float64)) | F.triplet_margin_loss(x, y, x.flip(0))
"""
STEP = 1e-6


def values(seed: int, low: float, high: float) -> Any:
    pocket.manual_seed(seed)
    return pocket.rand(3, 4, dtype=pocket.float64) * (high - low) + low


@pytest.mark.parametrize("text", listed(SMOOTH))
def test_gradient_is_what_differences_say(text: str) -> None:
    index = pocket.tensor([[1, 0, 3, 2], [2, 3, 1, 0], [0, 1, 2, 3]])
    inputs = [values(3, -2.4, 2.4), values(4, 0.5, 3.5)]

    def compute(x: Any, y: Any) -> Any:
        result = eval(text, {"t": pocket, "F": pocket.nn.functional, "x": x, "y": y, "z": inputs[1], "i": index})
        weights = pocket.linspace(0.5, 1.5, max(1, result.numel()), dtype=pocket.float64).reshape(result.shape)
        return (result * weights).sum()

    tensors = [v.clone().requires_grad_() for v in inputs]
    compute(*tensors).backward()
    for k, name in enumerate("xy"):
        if name not in text.replace("exp", "").replace("max", ""):
            continue
        gradient = tensors[k].grad
        for place in range(0, 12, 5):
            changed = []
            for step in (STEP, -STEP):
                moved = [v.clone() for v in inputs]
                moved[k].view(-1)[place] += step
                changed.append(float(compute(*moved)))
            expected = (changed[0] - changed[1]) / (2 * STEP)
            found = 0.0 if gradient is None else float(gradient.view(-1)[place])
            assert found == pytest.approx(expected, rel=1e-4, abs=1e-6), (name, place)
