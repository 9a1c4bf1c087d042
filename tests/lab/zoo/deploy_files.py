"""Deploy files of networks whose published ones are not at hand, written from the papers, old and new messages.

The architectures are those of Krizhevsky et al. 2012 (AlexNet; CaffeNet swaps normalization and pooling), Lin et al.
2014 (Network in Network), Simonyan and Zisserman 2015 (VGG-16), Szegedy et al. 2015 (GoogLeNet).
"""

from __future__ import annotations

from collections.abc import Iterable

_OLD_TYPES = {
    "Convolution": "CONVOLUTION",
    "ReLU": "RELU",
    "Pooling": "POOLING",
    "LRN": "LRN",
    "InnerProduct": "INNER_PRODUCT",
    "Dropout": "DROPOUT",
    "Concat": "CONCAT",
    "Softmax": "SOFTMAX",
}


class Writer:
    """Writes layers one below the other; `last` is the blob that the next one takes."""

    def __init__(self, name: str, size: int, old: bool = False) -> None:
        dims = " ".join(f"input_dim: {n}" for n in (1, 3, size, size))
        self.lines = [f'name: "{name}"', f'input: "data" {dims}']
        self.old, self.last = old, "data"

    def layer(self, kind: str, name: str, parameters: str = "", bottoms: Iterable[str] = (), top: str = "") -> str:
        bottoms = tuple(bottoms) or (self.last,)
        type_ = _OLD_TYPES[kind] if self.old else f'"{kind}"'
        fed = " ".join(f'bottom: "{blob}"' for blob in bottoms)
        keyword = "layers" if self.old else "layer"
        self.lines.append(
            f'{keyword} {{\n  name: "{name}"\n  type: {type_}\n  {fed} top: "{top or name}"\n  {parameters}\n}}'
        )
        self.last = top or name
        return self.last

    def conv(self, name: str, outputs: int, size: int, stride: int = 1, pad: int = 0, group: int = 1) -> str:
        groups = f" group: {group}" if group > 1 else ""
        self.layer(
            "Convolution",
            name,
            f"convolution_param {{ num_output: {outputs} kernel_size: {size} stride: {stride} pad: {pad}{groups} "
            'weight_filler { type: "xavier" std: 0.1 } bias_filler { type: "constant" value: 0.2 } }',
        )
        return self.layer("ReLU", f"relu_{name}", top=name)

    def pool(self, name: str, size: int, stride: int, pad: int = 0, kind: str = "MAX") -> str:
        return self.layer(
            "Pooling", name, f"pooling_param {{ pool: {kind} kernel_size: {size} stride: {stride} pad: {pad} }}"
        )

    def lrn(self, name: str) -> str:
        return self.layer("LRN", name, "lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 }")

    def full(self, name: str, outputs: int, relu: bool = True, dropout: float = 0.5) -> str:
        self.layer("InnerProduct", name, f"inner_product_param {{ num_output: {outputs} }}")
        if relu:
            self.layer("ReLU", f"relu_{name}", top=name)
            self.layer("Dropout", f"drop_{name}", f"dropout_param {{ dropout_ratio: {dropout} }}", top=name)
        return self.last

    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


def alexnet(old: bool = False, caffenet: bool = False) -> str:
    net = Writer("CaffeNet" if caffenet else "AlexNet", 227, old)
    for stage, (outputs, size, stride, pad, group) in enumerate([(96, 11, 4, 0, 1), (256, 5, 1, 2, 2)], 1):
        net.conv(f"conv{stage}", outputs, size, stride, pad, group)
        if caffenet:
            net.pool(f"pool{stage}", 3, 2)
            net.lrn(f"norm{stage}")
        else:
            net.lrn(f"norm{stage}")
            net.pool(f"pool{stage}", 3, 2)
    net.conv("conv3", 384, 3, pad=1)
    net.conv("conv4", 384, 3, pad=1, group=2)
    net.conv("conv5", 256, 3, pad=1, group=2)
    net.pool("pool5", 3, 2)
    net.full("fc6", 4096)
    net.full("fc7", 4096)
    net.full("fc8", 1000, relu=False)
    net.layer("Softmax", "prob")
    return net.text()


def nin(old: bool = False) -> str:
    net = Writer("NIN", 224, old)
    for stage, (outputs, size, stride, pad) in enumerate([(96, 11, 4, 0), (256, 5, 1, 2), (384, 3, 1, 1)], 1):
        net.conv(f"conv{stage}", outputs, size, stride, pad)
        net.conv(f"cccp{2 * stride}_{stage}", outputs, 1)
        net.conv(f"cccp{2 * stride + 1}_{stage}", outputs, 1)
        net.pool(f"pool{stage}", 3, 2)
    net.layer("Dropout", "drop", "dropout_param { dropout_ratio: 0.5 }", top="pool3")
    net.conv("conv4", 1024, 3, pad=1)
    net.conv("cccp7", 1024, 1)
    net.conv("cccp8", 1000, 1)
    if old:
        net.pool("pool4", 6, 1, kind="AVE")
    else:
        net.layer("Pooling", "pool4", "pooling_param { pool: AVE global_pooling: true }")
    net.layer("Softmax", "prob")
    return net.text()


def vgg16(old: bool = False, width: int = 1) -> str:
    """`width` divides the number of channels: the whole of it has 138 million parameters."""
    net = Writer("VGG-16", 224, old)
    for stage, (count, outputs) in enumerate([(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)], 1):
        for index in range(1, count + 1):
            net.conv(f"conv{stage}_{index}", outputs // width, 3, pad=1)
        net.pool(f"pool{stage}", 2, 2)
    net.full("fc6", 4096 // width)
    net.full("fc7", 4096 // width)
    net.full("fc8", 1000, relu=False)
    net.layer("Softmax", "prob")
    return net.text()


def googlenet(old: bool = False) -> str:
    net = Writer("GoogLeNet", 224, old)
    net.conv("conv1/7x7_s2", 64, 7, 2, 3)
    net.pool("pool1/3x3_s2", 3, 2)
    net.lrn("pool1/norm1")
    net.conv("conv2/3x3_reduce", 64, 1)
    net.conv("conv2/3x3", 192, 3, pad=1)
    net.lrn("conv2/norm2")
    net.pool("pool2/3x3_s2", 3, 2)
    inceptions = {
        "3a": (64, 96, 128, 16, 32, 32),
        "3b": (128, 128, 192, 32, 96, 64),
        "4a": (192, 96, 208, 16, 48, 64),
        "4b": (160, 112, 224, 24, 64, 64),
        "4c": (128, 128, 256, 24, 64, 64),
        "4d": (112, 144, 288, 32, 64, 64),
        "4e": (256, 160, 320, 32, 128, 128),
        "5a": (256, 160, 320, 32, 128, 128),
        "5b": (384, 192, 384, 48, 128, 128),
    }
    for name, (ones, threes_in, threes, fives_in, fives, projected) in inceptions.items():
        block, start = f"inception_{name}", net.last
        parts = [net.conv(f"{block}/1x1", ones, 1)]
        net.last = start
        net.conv(f"{block}/3x3_reduce", threes_in, 1)
        parts.append(net.conv(f"{block}/3x3", threes, 3, pad=1))
        net.last = start
        net.conv(f"{block}/5x5_reduce", fives_in, 1)
        parts.append(net.conv(f"{block}/5x5", fives, 5, pad=2))
        net.last = start
        net.pool(f"{block}/pool", 3, 1, 1)
        parts.append(net.conv(f"{block}/pool_proj", projected, 1))
        net.layer("Concat", f"{block}/output", bottoms=parts)
        if name in ("3b", "4e"):
            net.pool(f"pool{name[0]}/3x3_s2", 3, 2)
    net.pool("pool5/7x7_s1", 7, 1, kind="AVE")
    net.layer("Dropout", "pool5/drop_7x7_s1", "dropout_param { dropout_ratio: 0.4 }", top="pool5/7x7_s1")
    net.full("loss3/classifier", 1000, relu=False)
    net.layer("Softmax", "prob")
    return net.text()
