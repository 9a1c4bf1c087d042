"""pocket against PyTorch, one thread each: python bench/pocket/race.py [--rounds 15] [--write]

Every line is measured in turns, a round of one and a round of the other, so that a busy moment hits both; the table
holds medians of the rounds, in seconds of the processor. `ratio` is PyTorch's time over pocket's: above 1, pocket is
quicker.
"""

from __future__ import annotations

import argparse
import ctypes
import datetime
import json
import platform
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

import handson.pocket as pocket
from handson.pocket.build import BUILT
from handson.pocket.native import library, processor_level

HERE = Path(__file__).parent
Work = Callable[[], Any]


def seconds(work: Work, times: int) -> float:
    begun = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - begun) / times


def race(ours: Work, theirs: Work, rounds: int) -> tuple[float, float]:
    """Median seconds of both."""
    times = max(1, int(0.02 / max(seconds(ours, 2), seconds(theirs, 2), 1e-6)))
    pairs = [(seconds(ours, times), seconds(theirs, times)) for _ in range(rounds)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


# -- the Digits network, whole ----------------------------------------------------------------------------------------


def digits_step(library: Any, batch: int, backward: bool, train: bool) -> Work:
    """One step of lessons/vision/02_digits.py's third network, in PyTorch or pocket."""
    nn = library.nn
    library.manual_seed(0)
    network = nn.Sequential(
        *(nn.Conv2d(1, 16, 5), nn.MaxPool2d(2), nn.BatchNorm2d(16), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3), nn.MaxPool2d(2), nn.BatchNorm2d(32), nn.ReLU()),
        *(nn.Conv2d(32, 64, 3), nn.BatchNorm2d(64), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(256, 10)),
    )
    optimizer = library.optim.Adam(network.parameters(), lr=0.001)
    images, labels = library.randn(batch, 1, 24, 24), library.arange(batch) % 10

    def step() -> None:
        loss = nn.functional.cross_entropy(network(images), labels)
        if backward:
            optimizer.zero_grad()
            loss.backward()
        if train:
            optimizer.step()

    return step


# -- layer by layer, the kernels alone --------------------------------------------------------------------------------


def call(name: str, *arguments: Any) -> Work:
    """A kernel with its arguments converted once."""
    function = getattr(library(), f"hp_{name}_f32")
    converted = [
        ctypes.c_void_p(a.data_ptr())
        if isinstance(a, torch.Tensor)
        else ctypes.c_longlong(a)
        if isinstance(a, int)
        else ctypes.c_double(a)
        if isinstance(a, float)
        else a
        for a in arguments
    ]

    def run(_kept: Any = arguments) -> None:
        function(*converted)

    return run


def scratch(*names: str, d: Any) -> torch.Tensor:
    functions = [getattr(library(), f"hp_{name}_work_f32") for name in names]
    for function in functions:
        function.restype = ctypes.c_longlong
    return torch.empty(max(function(d) for function in functions), dtype=torch.uint8)


def convolution(n: int, c: int, size: int, oc: int, kernel: int) -> dict[str, tuple[Work, Work]]:
    x, weight, bias = torch.randn(n, c, size, size), torch.randn(oc, c, kernel, kernel), torch.randn(oc)
    y = F.conv2d(x, weight, bias)
    gy, out = torch.randn_like(y), y.shape[2]
    d = (ctypes.c_longlong * 16)(n, c, size, size, oc, kernel, kernel, 1, 1, 0, 0, 1, 1, 1, out, out)
    names = ("conv2d_forward", "conv2d_backward_input", "conv2d_backward_weight")
    work = scratch(*names, d=d)
    gx, gw, gb = torch.empty_like(x), torch.empty_like(weight), torch.empty_like(bias)

    def back(mask: list[bool]) -> Work:
        one, zero = [1, 1], [0, 0]
        return lambda: torch.ops.aten.convolution_backward(gy, x, weight, [oc], one, zero, one, False, zero, 1, mask)

    title = f"conv {c} → {oc}, {kernel}×{kernel}, on {size}×{size}"
    return {
        f"{title}: forward": (call(names[0], d, x, weight, bias, y, work), lambda: F.conv2d(x, weight, bias)),
        f"{title}: gradient of the input": (call(names[1], d, gy, weight, gx, work), back([True, False, False])),
        f"{title}: gradient of the weights": (call(names[2], d, x, gy, gw, gb, work), back([False, True, True])),
    }


def layers(n: int) -> dict[str, tuple[Work, Work]]:
    races = convolution(n, 1, 24, 16, 5) | convolution(n, 16, 10, 32, 3) | convolution(n, 32, 4, 64, 3)
    x = torch.randn(n, 16, 20, 20)
    y, places = F.max_pool2d(x, 2, return_indices=True)
    gy, index, gx = torch.randn_like(y), torch.empty(y.shape, dtype=torch.int32), torch.empty_like(x)
    d = (ctypes.c_longlong * 13)(n * 16, 20, 20, 10, 10, 2, 2, 2, 2, 0, 0, 1, 1)
    back = torch.ops.aten.max_pool2d_with_indices_backward
    races["max pool 2: forward"] = (call("max_pool2d_forward", d, x, y, index), lambda: F.max_pool2d(x, 2))
    two, zero, one = [2, 2], [0, 0], [1, 1]
    races["max pool 2: backward"] = (
        call("max_pool2d_backward", d, gy, index, gx),
        lambda: back(gy, x, two, two, zero, one, False, places),
    )
    weight, bias, mean, scale = torch.ones(16), torch.zeros(16), torch.zeros(16), torch.ones(16)
    running = (torch.zeros(16), torch.ones(16))
    z = torch.empty_like(y)
    races["batch norm: forward"] = (
        call("batch_norm_forward", n, 16, 100, y, weight, bias, *running, 1, 0.1, 1e-5, z, mean, scale),
        lambda: F.batch_norm(y, *running, weight, bias, True),
    )
    gz, gw, gb = torch.empty_like(y), torch.empty(16), torch.empty(16)
    three = [True, True, True]
    races["batch norm: backward"] = (
        call("batch_norm_backward", n, 16, 100, y, gy, weight, mean, scale, 1, gz, gw, gb),
        lambda: torch.ops.aten.native_batch_norm_backward(gy, y, weight, *running, mean, scale, True, 1e-5, three),
    )
    races["relu: forward"] = (call("relu_forward", y.numel(), y, z), lambda: F.relu(y))
    races["relu: backward"] = (
        call("relu_backward", y.numel(), z, gy, gz),
        lambda: torch.ops.aten.threshold_backward(gy, z, 0),
    )
    features, matrix, logits = torch.randn(n, 256), torch.randn(10, 256), torch.empty(n, 10)
    size = library().hp_gemm_work_f32
    size.restype = ctypes.c_longlong
    work = torch.empty(size(), dtype=torch.uint8)
    races["linear 256 → 10: forward"] = (
        call("gemm", 0, 1, n, 10, 256, 1.0, features, 256, matrix, 256, 0.0, logits, 10, work),
        lambda: F.linear(features, matrix),
    )
    g, gm = torch.randn(n, 10), torch.empty_like(matrix)
    races["linear 256 → 10: gradient of the weights"] = (
        call("gemm", 1, 0, 10, 256, n, 1.0, g, 10, features, 256, 0.0, gm, 256, work),
        lambda: g.T @ features,
    )
    labels = torch.arange(n) % 10
    log_p, loss, totals = torch.empty(n, 10), torch.empty(n), torch.zeros(2, dtype=torch.float64)
    races["cross-entropy: forward"] = (
        call("cross_entropy_forward", n, 10, 1, logits, labels, None, -100, 0.0, log_p, loss, totals),
        lambda: F.cross_entropy(logits, labels),
    )
    p, pg, m, s = (torch.rand(25_000) for _ in range(4))
    parameter = p.clone().requires_grad_()
    parameter.grad = pg
    optimizer = torch.optim.Adam([parameter])
    races["Adam, 25,000 numbers"] = (
        call("adam", 25_000, p, pg, m, s, None, 100, 0.001, 0.9, 0.999, 1e-8, 0.0, 0, 0),
        optimizer.step,
    )
    return races


# -- wasm in Node -----------------------------------------------------------------------------------------------------


class Node:
    """bench/pocket/wasm.mjs, answering."""

    def __init__(self) -> None:
        command = ["node", str(HERE / "wasm.mjs"), str(BUILT / "pocket.wasm")]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, **asked: Any) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return float(json.loads(self.process.stdout.readline())["seconds"])

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def convnetjs_step(batch: int) -> Work:
    """convnetjs's MNIST network, one step of SGD."""
    nn = torch.nn
    network = nn.Sequential(
        *(nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3)),
        *(nn.Flatten(), nn.Linear(256, 10)),
    )
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    images, labels = torch.randn(batch, 1, 24, 24), torch.arange(batch) % 10

    def step() -> None:
        loss = F.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


class Fire(torch.nn.Module):
    def __init__(self, c: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = torch.nn.Conv2d(c, squeeze, 1)
        self.one, self.three = torch.nn.Conv2d(squeeze, expand, 1), torch.nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.squeeze(x), inplace=True)
        return torch.cat([F.relu(self.one(x), inplace=True), F.relu(self.three(x), inplace=True)], 1)


def squeezenet_step(size: int) -> Work:
    """SqueezeNet 1.1 to fire9: forward, and the gradient with respect to the picture."""
    pool = torch.nn.MaxPool2d(3, 2, ceil_mode=True)
    network = torch.nn.Sequential(
        *(torch.nn.Conv2d(3, 64, 3, 2), torch.nn.ReLU(inplace=True), pool, Fire(64, 16, 64), Fire(128, 16, 64), pool),
        *(Fire(128, 32, 128), Fire(256, 32, 128), pool, Fire(256, 48, 192), Fire(384, 48, 192)),
        *(Fire(384, 64, 256), Fire(512, 64, 256)),
    ).requires_grad_(False)
    picture = torch.randn(1, 3, size, size, requires_grad=True)

    def step() -> None:
        picture.grad = None
        network(picture).mean().backward()

    return step


def wasm(rounds: int) -> dict[str, tuple[float, float]]:
    node = Node()
    found = {}
    for batch, steps in ((20, 10), (128, 3)):
        theirs = convnetjs_step(batch)
        asked = {"network": "convnetjs", "batch": batch, "steps": steps}
        seconds(theirs, 3)
        node(**asked), node(**asked)
        pairs = [(node(**asked) / steps, seconds(theirs, steps)) for _ in range(rounds)]
        found[f"convnetjs's MNIST network, batch {batch}"] = (
            statistics.median(a for a, _ in pairs),
            statistics.median(b for _, b in pairs),
        )
    theirs, asked = squeezenet_step(256), {"network": "squeezenet", "size": 256, "steps": 1}
    seconds(theirs, 2)
    node(**asked), node(**asked)
    pairs = [(node(**asked), seconds(theirs, 1)) for _ in range(rounds)]
    found["SqueezeNet 1.1 to fire9, 256 px, with the gradient of the picture"] = (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
    )
    node.close()
    return found


# -- the table --------------------------------------------------------------------------------------------------------


def table(rows: dict[str, tuple[float, float]]) -> str:
    lines = ["| what | ratio | pocket | PyTorch |", "| --- | ---: | ---: | ---: |"]
    lines += [
        f"| {what} | **{theirs / ours:.2f} ×** | {ours * 1e3:,.3g} ms | {theirs * 1e3:,.3g} ms |"
        for what, (ours, theirs) in rows.items()
    ]
    return "\n".join(lines)


def page(sections: dict[str, dict[str, tuple[float, float]]]) -> str:
    """The tables of README.md."""
    whole = {f"native: {what}": pair for what, pair in sections["native"].items()}
    whole |= {f"wasm: {what}": pair for what, pair in sections["wasm"].items()}
    return f"{table(whole)}\n\nLayer by layer, native:\n\n{table(sections['layers'])}"


def processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        return next(line.split(":")[1].strip() for line in text.splitlines() if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--write", action="store_true", help="fill the tables of README.md, and results.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)

    steps = {"forward": (False, False), "forward and backward": (True, False), "a step with Adam": (True, True)}
    whole = {
        f"Digits network, batch {options.batch}: {what}": race(
            digits_step(pocket, options.batch, *how), digits_step(torch, options.batch, *how), options.rounds
        )
        for what, how in steps.items()
    }
    parts = {what: race(*pair, options.rounds) for what, pair in layers(options.batch).items()}
    in_wasm = wasm(options.rounds) if shutil.which("node") else {}
    sections = {"native": whole, "wasm": in_wasm, "layers": parts}
    print(page(sections))
    if options.write:
        node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()
        level = f", level {processor_level()}" if processor_level() else ""
        versions = f"PyTorch {torch.__version__}, Node {node}"
        machine = f"{datetime.date.today()}, {processor()}{level}, {versions}, {options.rounds} rounds."
        results = json.dumps({"machine": machine, **sections}, indent=1) + "\n"
        (HERE / "results.json").write_text(results, encoding="utf-8")
        text = (HERE / "README.md").read_text(encoding="utf-8")
        head, rest = text.split("<!-- table -->")[0], text.split("<!-- end of table -->")[1]
        text = f"{head}<!-- table -->\n{page(sections)}\n\n{machine}\n<!-- end of table -->{rest}"
        (HERE / "README.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
