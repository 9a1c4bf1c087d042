"""Expressions with their gradients, evaluated alike by PyTorch here and by handson.pocket elsewhere: in the browser.

It needs nothing but Python, so that its source can be sent there as it is.
"""

# ruff: noqa: E501  # one expression, one line
from __future__ import annotations

import math
from typing import Any

EXPRESSIONS = """
n(3, 4) + n(4) * 2 - n(3, 1) / 3
(n(3, 4) @ n(4, 5)).tanh()
n(2, 3, 4) @ n(2, 4, 5)
n(2, 3, 4) @ n(4, 2)
n(5) @ n(5)
torch.einsum("bij,bkj->bik", n(2, 3, 4), n(2, 5, 4))
(n(4, 5).t() * 1.5).contiguous().exp()
n(6, 7).sigmoid().log()
n(40).sin() * n(40).cos()
(n(33).abs() + 0.5).sqrt() + (n(33).abs() + 0.5).rsqrt()
(n(9).abs() + 0.1) ** 2.5
n(2, 3, 5).relu().sum((0, 2))
n(4, 6).mean(1, keepdim=True)
n(4, 6).std(0)
n(4, 6).amax(1) + n(4, 6).amin(1)
n(4, 6).max(1)
n(4, 6).logsumexp(1)
n(3, 8).cumsum(1)
n(3, 8).sort(1, descending=True)
n(3, 8).topk(3, dim=1)
n(3, 8).median(1)
n(5, 6)[1:4, ::2]
n(5, 6)[[0, 2, 2], 1:]
n(5, 6)[n(5, 6) > 0]
n(5, 6).gather(1, i(5, 3) % 6)
torch.where(n(4, 4) > 0, n(4, 4), -n(4, 4))
torch.cat([n(2, 3), n(4, 3)], 0)
torch.stack([n(3), n(3)], 1)
n(2, 3, 4).permute(2, 0, 1).reshape(4, 6)
n(2, 3, 4).flip(2).roll((1, -2), (1, 2))
n(3, 5).clamp(-1, 1)
F.conv2d(n(2, 3, 9, 8), n(4, 3, 3, 3), n(4), padding=1)
F.conv2d(n(2, 1, 28, 28), n(8, 1, 5, 5), n(8), padding=2)
F.conv2d(n(1, 4, 7, 7), n(6, 2, 3, 3), n(6), stride=2, groups=2)
F.conv2d(n(2, 4, 9, 9), n(4, 1, 3, 3), None, padding=2, dilation=2, groups=4)
F.conv2d(n(2, 8, 5, 5), n(6, 8, 1, 1), n(6))
F.conv2d(n(3, 8, 10, 10), n(16, 8, 5, 5), n(16), padding=2)
F.conv_transpose2d(n(2, 3, 4, 5), n(3, 4, 3, 3), n(4), stride=2, padding=1, output_padding=1)
F.max_pool2d(n(2, 3, 9, 8), 3, 2, ceil_mode=True)
F.max_pool2d(n(2, 3, 8, 8), 2)
F.avg_pool2d(n(2, 3, 9, 8), 3, 2, 1)
F.adaptive_avg_pool2d(n(2, 3, 7, 5), 3)
F.interpolate(n(1, 2, 6, 5), (9, 8), mode="bilinear")
F.interpolate(n(1, 2, 12, 10), (5, 4), mode="bilinear", antialias=True)
F.interpolate(n(1, 2, 6, 5), (9, 8), mode="bicubic")
F.interpolate(n(1, 2, 3, 4), scale_factor=2)
F.grid_sample(n(2, 3, 5, 6), F.affine_grid(n(2, 2, 3), (2, 3, 4, 4), align_corners=False), padding_mode="reflection", align_corners=False)
F.pad(n(1, 2, 4, 5), (1, 2, 2, 1), mode="reflect")
F.pad(n(2, 3), (1, 2), value=0.5)
F.softmax(n(5, 7), 1)
F.log_softmax(n(3, 5, 4), 1)
F.cross_entropy(n(6, 5), i(6) % 5)
F.cross_entropy(n(6, 5), i(6) % 5, label_smoothing=0.1, reduction="sum")
F.mse_loss(n(4, 3), n(4, 3))
F.binary_cross_entropy_with_logits(n(8), (n(8) > 0).float())
F.batch_norm(n(4, 3, 5, 5), None, None, n(3), n(3), training=True)
F.layer_norm(n(4, 6), (6,), n(6), n(6))
F.group_norm(n(2, 6, 4, 4), 3, n(6), n(6))
F.local_response_norm(n(2, 6, 4, 4), 5)
F.gelu(n(12)) + F.silu(n(12)) + F.leaky_relu(n(12), 0.2) + F.elu(n(12)) + F.softplus(n(12))
F.scaled_dot_product_attention(n(2, 5, 4), n(2, 6, 4), n(2, 6, 3))
F.scaled_dot_product_attention(n(1, 40, 8), n(1, 40, 8), n(1, 40, 8), is_causal=True)
F.embedding(i(4, 3) % 7, n(7, 5))
F.one_hot(i(5) % 4, 4).float() @ n(4, 2)
seeded(3, lambda: torch.rand(5))
seeded(3, lambda: torch.randn(20))
seeded(3, lambda: torch.randn(3, 3))
seeded(4, lambda: torch.randperm(11).float())
seeded(4, lambda: torch.randint(0, 100, (7,)).float())
seeded(5, lambda: nn.Linear(6, 4).weight.detach())
trained(nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)), n(10, 6), i(10) % 3, lambda p: torch.optim.Adam(p, 0.05))
trained(nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)), n(10, 6), i(10) % 3, lambda p: torch.optim.SGD(p, 0.1, momentum=0.9))
trained(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)), n(10, 1, 6, 6), i(10) % 3, lambda p: torch.optim.AdamW(p, 0.02))
""".strip().splitlines()


def evaluate(torch: Any, expression: str) -> dict[str, Any]:
    """{"shapes", "values", "gradients"} of an expression: flat lists of floats, one per result and per `n(...)` in it."""
    leaves: list[Any] = []

    def n(*shape: int) -> Any:
        """Numbers of both signs, different for each place and each call; no random source is needed."""
        shift = 31 * len(leaves) + 7
        values = [math.sin((k + 1) * 0.7318 + shift) * 2 for k in range(math.prod(shape))]
        leaf = torch.tensor(values, dtype=torch.float32).reshape(shape).requires_grad_()
        leaves.append(leaf)
        return leaf

    def i(*shape: int) -> Any:
        return torch.tensor([(k * k + 3) % 17 for k in range(math.prod(shape))]).reshape(shape)

    def seeded(seed: int, draw: Any) -> Any:
        torch.manual_seed(seed)
        return draw()

    def trained(network: Any, x: Any, labels: Any, optimizer: Any) -> Any:
        """The losses of 30 steps."""
        with torch.no_grad():
            for k, parameter in enumerate(network.parameters()):
                flat = [math.sin(j * 1.37 + k) * 0.4 for j in range(parameter.numel())]
                parameter.copy_(torch.tensor(flat).reshape(parameter.shape))
        chosen, losses, x = optimizer(network.parameters()), [], x.detach()
        for _ in range(30):
            chosen.zero_grad()
            loss = torch.nn.functional.cross_entropy(network(x), labels)
            loss.backward()
            chosen.step()
            losses.append(loss.item())
        return torch.tensor(losses)

    names = {
        "torch": torch,
        "F": torch.nn.functional,
        "nn": torch.nn,
        "n": n,
        "i": i,
        "seeded": seeded,
        "trained": trained,
    }
    found = eval(expression, names)  # the expressions above, and no others
    results = list(found) if isinstance(found, tuple) else [found]
    for result in results:
        if result.requires_grad:
            weights = [math.cos(k * 0.37) + 1.5 for k in range(result.numel())]
            result.backward(torch.tensor(weights, dtype=torch.float32).reshape(result.shape), retain_graph=True)
    return {
        "shapes": [list(result.shape) for result in results],
        "values": [result.detach().reshape(-1).tolist() for result in results],
        "gradients": [None if leaf.grad is None else leaf.grad.reshape(-1).tolist() for leaf in leaves],
    }


def difference(ours: dict[str, Any], theirs: dict[str, Any]) -> float:
    """The largest difference of two evaluations, relative to what is there; infinite where shapes or gradients differ."""
    if ours["shapes"] != theirs["shapes"]:
        return math.inf
    worst = 0.0
    for kind in ("values", "gradients"):
        for a, b in zip(ours[kind], theirs[kind], strict=True):
            if (a is None) != (b is None) or (a is not None and len(a) != len(b)):
                return math.inf
            if a:
                size = max(1.0, *(abs(v) for v in b))
                worst = max(worst, *(abs(v - w) / size for v, w in zip(a, b, strict=True)))
    return worst
