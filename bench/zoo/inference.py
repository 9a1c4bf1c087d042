"""Milliseconds per picture of the zoo's networks: handson against OpenCV's DNN module and onnxruntime, in one run.

    python bench/zoo/inference.py [--seconds 5] [--threads 1]

One picture at a time, each runner with the same number of threads, taken in turns so that a busy moment hits all three;
medians, and ratios to handson's. Every runner gets the same picture and must give the same scores.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import torch

from handson.lab import zoo
from handson.lab.zoo.loading import build
from handson.lab.zoo.model import Model
from handson.lab.zoo.onnx_writer import write_onnx

CAFFE = {"squeezenet-1.1": "SqueezeNet_v1.1", "squeezenet-1.0": "SqueezeNet_v1.0"}
OURS = ("cifar-large",)
Runner = Callable[[], np.ndarray]


def runners(model: Model, caffe: dict[str, Path], folder: Path, threads: int) -> dict[str, Runner]:
    """What gives the scores of one picture, by name."""
    size = model.card.size
    picture = model.card.prepare(torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0)))
    there, last = picture.contiguous(memory_format=torch.channels_last), model.card.logits

    def ours() -> np.ndarray:
        with torch.no_grad():
            scores = model.network.activations(there, [last])[last] if last else model.network(there)
        return scores.flatten().numpy()

    path = folder / "network.onnx"
    write_onnx(model.network, (3, size, size), path, outputs=[last] if last else [])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: picture.numpy()}
    found: dict[str, Runner] = {"handson": ours, "onnxruntime": lambda: session.run(None, feed)[0].ravel()}
    if caffe:
        net = cv2.dnn.readNetFromCaffe(str(caffe[".prototxt"]), str(caffe[".caffemodel"]))
    else:
        net = cv2.dnn.readNetFromONNX(str(path))

    def opencv() -> np.ndarray:
        net.setInput(picture.numpy())
        return net.forward(last).ravel() if caffe and last else net.forward().ravel()

    found["OpenCV DNN"] = opencv
    return found


def measure(found: dict[str, Runner], seconds: float) -> dict[str, float]:
    """Median milliseconds of each, in turns."""
    wanted = found["handson"]()
    for name, run in found.items():
        difference = float(abs(run() - wanted).max())
        assert difference <= 1e-3, f"{name} gives other scores: {difference:.1e}"
    times: dict[str, list[float]] = {name: [] for name in found}
    end = time.perf_counter() + seconds * len(found)
    while time.perf_counter() < end:
        for name, run in found.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {name: 1000 * statistics.median(spent) for name, spent in times.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5, help="for each network and runner")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    mirror = os.environ.get("HANDSON_MIRROR")
    if not mirror:
        raise SystemExit("HANDSON_MIRROR has to name the folder with caffe/SqueezeNet_v1.1 in it.")
    print(f"torch {torch.__version__}, OpenCV {cv2.__version__}, onnxruntime {onnxruntime.__version__}, ", end="")
    print(f"{options.threads} thread(s), ms per picture (times handson's)\n")
    print("| network | handson | onnxruntime | OpenCV DNN |\n| --- | --- | --- | --- |")
    for name in (*CAFFE, *OURS):
        files = {}
        if name in CAFFE:
            folder = Path(mirror) / "caffe" / CAFFE[name]
            files = {".prototxt": folder / "deploy.prototxt", ".caffemodel": next(folder.glob("*.caffemodel"))}
        model = build(zoo.card(name), {path.name: path for path in files.values()})
        with tempfile.TemporaryDirectory() as scratch:
            measured = measure(runners(model, files, Path(scratch), options.threads), options.seconds)
        cells = [f"{value:.1f} ({value / measured['handson']:.2f})" for value in measured.values()]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
