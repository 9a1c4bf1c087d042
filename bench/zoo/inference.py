"""Milliseconds per picture of the zoo's networks: handson against OpenCV's DNN module and onnxruntime, in one run.

    HANDSON_MIRROR=FOLDER python bench/zoo/inference.py [--seconds 5]

One picture at a time, each runner with the same number of threads that do not spin while they wait, taken in turns so
that a busy moment hits all three; medians, and ratios to handson's. Every runner gets the same picture and must give
the same scores. Each number of threads is measured in a process of its own. Fills in the table of README.md and writes
results.json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
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
from handson.lessons.threads import thread_limits

CAFFE = {"squeezenet-1.1": "SqueezeNet_v1.1", "squeezenet-1.0": "SqueezeNet_v1.0"}
OURS = ("cifar-large",)
RUNNERS = ("handson", "onnxruntime", "OpenCV DNN")
HERE = Path(__file__).resolve().parent
BEGIN, END = "<!-- table -->", "<!-- end of table -->"
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
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
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


def measure_all(seconds: float, threads: int, mirror: Path) -> dict[str, dict[str, float]]:
    """Network → runner → median milliseconds, with `threads` threads."""
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    found = {}
    for name in (*CAFFE, *OURS):
        files = {}
        if name in CAFFE:
            folder = mirror / "caffe" / CAFFE[name]
            files = {".prototxt": folder / "deploy.prototxt", ".caffemodel": next(folder.glob("*.caffemodel"))}
        model = build(zoo.card(name), {path.name: path for path in files.values()})
        with tempfile.TemporaryDirectory() as scratch:
            found[name] = measure(runners(model, files, Path(scratch), threads), seconds)
    return found


def table(results: dict[str, dict[str, dict[str, float]]], load: str) -> str:
    """The results as Markdown."""
    lines = ["| network | threads | handson | onnxruntime | OpenCV DNN |", "| --- | ---: | ---: | ---: | ---: |"]
    for threads, networks in results.items():
        for network, spent in networks.items():
            cells = [f"{spent[name]:.1f} ms ({spent[name] / spent['handson']:.2f} ×)" for name in RUNNERS]
            lines.append(f"| {network} | {threads} | {' | '.join(cells)} |")
    versions = f"PyTorch {torch.__version__}, OpenCV {cv2.__version__}, onnxruntime {onnxruntime.__version__}"
    return "\n".join([*lines, "", f"{versions}; load of the machine when it began: {load}."])


def main() -> None:
    """Measure and write down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5, help="for each network and runner")
    parser.add_argument("--threads", type=int, help="only measure with so many, and print JSON")
    options = parser.parse_args()
    mirror = os.environ.get("HANDSON_MIRROR")
    if not mirror:
        raise SystemExit("HANDSON_MIRROR has to name the folder with caffe/SqueezeNet_v1.1 in it.")
    if options.threads:
        print(json.dumps(measure_all(options.seconds, options.threads, Path(mirror))))
        return
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    results = {}
    for threads in ("1", "2"):
        command = [sys.executable, __file__, "--seconds", str(options.seconds), "--threads", threads]
        environment = {**os.environ, **thread_limits(int(threads))}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        results[threads] = json.loads(done.stdout)
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    readme = HERE / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    readme.write_text(f"{before}{BEGIN}\n{table(results, load)}\n{END}{rest.partition(END)[2]}", encoding="utf-8")
    print(table(results, load))


if __name__ == "__main__":
    main()
