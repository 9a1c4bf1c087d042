"""Layers and functions of nn, against PyTorch with the same state: values, gradients, text, states."""

from __future__ import annotations

import copy
import io
from typing import Any

import pytest
import torch

import handson.pocket as pocket
from tests.pocket.agreement import NAMES, Case, agree, as_torch, example, listed, same

IMAGES, ROWS, PLACES = (2, 4, 6, 5), (3, 4), "places"

LAYERS: list[tuple[str, Any]] = [
    ("Identity()", ROWS), ("ReLU()", ROWS), ("ReLU(inplace=True)", ROWS), ("ReLU6()", ROWS), ("SiLU()", ROWS), ("SELU()", ROWS), ("Mish()", ROWS), ("Hardswish()", ROWS), ("Hardsigmoid()", ROWS), ("Sigmoid()", ROWS),
    ("Tanh()", ROWS), ("LogSigmoid()", ROWS), ("LeakyReLU()", ROWS), ("LeakyReLU(0.2)", ROWS), ("ELU(0.5)", ROWS), ("GELU()", ROWS), ("GELU(approximate='tanh')", ROWS), ("Softplus()", ROWS), ("Softplus(beta=2, threshold=1)", ROWS),
    ("Hardtanh()", ROWS), ("Hardtanh(-0.5, 0.75)", ROWS), ("Softmax(dim=1)", ROWS), ("LogSoftmax(dim=-1)", ROWS), ("PReLU()", ROWS), ("PReLU(4)", IMAGES), ("Flatten()", IMAGES), ("Flatten(0, 1)", IMAGES), ("Unflatten(1, (2, 2))", IMAGES),
    ("PixelShuffle(2)", IMAGES), ("Upsample(scale_factor=2)", IMAGES), ("Upsample(size=(9, 7), mode='bilinear')", IMAGES), ("Upsample(scale_factor=2, mode='bilinear', align_corners=True)", IMAGES), ("ZeroPad2d(1)", IMAGES), ("ZeroPad2d((1, 0, 2, 1))", IMAGES),
    ("ConstantPad2d(1, 0.5)", IMAGES), ("ReflectionPad2d(2)", IMAGES), ("ReplicationPad2d((1, 2, 0, 1))", IMAGES), ("Linear(4, 3)", ROWS), ("Linear(4, 3, bias=False)", (2, 5, 4)), ("Linear(4, 1)", (4,)), ("Conv2d(4, 6, 3)", IMAGES),
    ("Conv2d(4, 6, 3, padding=1, stride=2)", IMAGES), ("Conv2d(4, 6, (3, 1), padding=(1, 0), dilation=(2, 1), bias=False)", IMAGES), ("Conv2d(4, 8, 3, groups=4)", IMAGES), ("Conv2d(4, 4, 3, padding='same')", IMAGES), ("Conv2d(4, 4, 3, padding='valid')", IMAGES),
    ("Conv2d(4, 6, 1)", IMAGES), ("Conv2d(4, 2, 3)", (4, 6, 5)), ("Conv1d(4, 3, 3, padding=1)", (2, 4, 7)), ("ConvTranspose2d(4, 3, 2, stride=2)", IMAGES), ("ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1)", IMAGES),
    ("MaxPool2d(2)", IMAGES), ("MaxPool2d(3, stride=1, padding=1)", IMAGES), ("MaxPool2d(2, ceil_mode=True)", IMAGES), ("MaxPool1d(2)", (2, 4, 7)), ("AvgPool2d(2)", IMAGES), ("AvgPool2d(3, 2, 1)", IMAGES), ("AvgPool2d(3, 2, 1, count_include_pad=False)", IMAGES),
    ("AdaptiveAvgPool2d(1)", IMAGES), ("AdaptiveAvgPool2d((3, 2))", IMAGES), ("AdaptiveMaxPool2d(2)", IMAGES), ("BatchNorm2d(4)", IMAGES), ("BatchNorm2d(4, affine=False)", IMAGES), ("BatchNorm2d(4, momentum=0.3, track_running_stats=False)", IMAGES),
    ("BatchNorm1d(4)", ROWS), ("BatchNorm1d(4)", (2, 4, 3)), ("LayerNorm(4)", ROWS), ("LayerNorm((6, 5))", IMAGES), ("LayerNorm(4, elementwise_affine=False)", ROWS), ("GroupNorm(2, 4)", IMAGES), ("GroupNorm(4, 4, affine=False)", IMAGES),
    ("InstanceNorm2d(4)", IMAGES), ("InstanceNorm2d(4, affine=True)", IMAGES), ("LocalResponseNorm(3)", IMAGES), ("Dropout(0.0)", ROWS), ("Dropout2d(0.0)", IMAGES), ("Embedding(9, 4)", PLACES), ("Embedding(9, 4, padding_idx=1)", PLACES),
    ("GRU(4, 5)", (3, 2, 4)), ("GRU(4, 5, batch_first=True)", (3, 2, 4)), ("GRU(4, 5, num_layers=2)", (3, 2, 4)), ("LSTM(4, 5)", (3, 2, 4)), ("LSTM(4, 5, batch_first=True)", (3, 2, 4)), ("GRUCell(4, 5)", ROWS),
    ("Sequential(Linear(4, 8), ReLU(), Linear(8, 2))", ROWS), ("Sequential(Conv2d(4, 8, 3), BatchNorm2d(8), ReLU(), MaxPool2d(2), Flatten(), Linear(16, 3))", IMAGES),
]  # fmt: skip


def built(library: Any, text: str) -> Any:
    library.manual_seed(1)
    return eval(
        text,
        {name: getattr(library.nn, name) for name in dir(library.nn) if name[0].isupper()}
        if library is torch
        else {name: getattr(pocket.nn, name) for name in pocket.nn.__all__},
    )


def given(shape: Any, dtype: str = "float32") -> Case:
    return Case((0, 3, 1, 8, 1, 1), (2, 3), "int64") if shape == PLACES else example(shape, dtype)


def pair(text: str) -> tuple[Any, Any]:
    """One layer of each library, with the weights of PyTorch's."""
    ours, theirs = built(pocket, text), built(torch, text)
    with torch.no_grad():
        for value in theirs.parameters():
            value.add_(torch.rand(value.shape, generator=torch.Generator().manual_seed(2)) * 0.2)
    ours.load_state_dict(
        {
            name: pocket.tensor(value.tolist(), dtype=getattr(pocket, str(value.dtype)[6:]))
            for name, value in theirs.state_dict().items()
        }
    )
    return ours, theirs


@pytest.mark.parametrize(("text", "shape"), LAYERS)
def test_a_layer(text: str, shape: Any) -> None:
    ours, theirs = pair(text)
    assert repr(ours) == repr(theirs)
    for training in (True, False):
        ours.train(training)
        theirs.train(training)
        ours.zero_grad()
        theirs.zero_grad()
        layers = {pocket: ours, torch: theirs}

        def compute(t: Any, x: Any, layers: Any = layers) -> Any:
            result = layers[t](x * 1 if "inplace" in text else x)
            while isinstance(result, tuple):
                result = result[0]
            return result

        agree(compute, given(shape), tolerance=2e-4)
        for (name, a), (_, b) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
            assert (a.grad is None) == (b.grad is None), name
            if b.grad is not None:
                same(a.grad, b.grad, tolerance=3e-4, where=f"{text}: the gradient of {name}")
        for name, value in theirs.state_dict().items():
            same(ours.state_dict()[name], value, tolerance=1e-5, where=name)


def test_recurrent_layers_give_all_their_states() -> None:
    for text in ("GRU(4, 5, num_layers=2)", "LSTM(4, 5)"):
        ours, theirs = pair(text)
        layers = {pocket: ours, torch: theirs}

        def compute(t: Any, x: Any, layers: Any = layers) -> Any:
            out, state = layers[t](x)
            return (out, *(state if isinstance(state, tuple) else (state,)))

        agree(compute, example((3, 2, 4)), tolerance=1e-4)
    cell = pair("LSTMCell(4, 5)")
    agree(
        lambda t, x, h, c: cell[t is torch](x, (h, c)),
        example((2, 4)),
        example((2, 5), seed=1),
        example((2, 5), seed=2),
        tolerance=1e-4,
    )


FUNCTIONS = """
F.relu(x) | F.gelu(x) | F.gelu(x, approximate="tanh") | F.silu(x) | F.elu(x, 0.7) | F.selu(x) | F.leaky_relu(x, 0.1) | F.softplus(x, 2, 1) | F.hardtanh(x) | F.hardswish(x) | F.hardsigmoid(x) | F.relu6(x) | F.mish(x) | F.logsigmoid(x) | F.tanh(x) | F.sigmoid(x)
F.softmax(x, 1) | F.softmax(x, dim=0, dtype=t.float64) | F.log_softmax(x, -1) | F.softmin(x, 1) | F.glu(x, 1) | F.glu(x[:, :3]) | F.normalize(x) | F.normalize(x, p=1, dim=0) | F.cosine_similarity(x, y) | F.cosine_similarity(x, y, dim=0) | F.pairwise_distance(x, y) | F.pairwise_distance(x, y, p=1)
F.mse_loss(x, y) | F.mse_loss(x, y, reduction="sum") | F.mse_loss(x, y, reduction="none") | F.mse_loss(x, y, reduction="no") | F.l1_loss(x, y) | F.smooth_l1_loss(x, y, beta=0.5) | F.huber_loss(x, y, delta=0.7) | F.smooth_l1_loss(x, y, reduction="none") | F.mse_loss(x, y.detach())
F.cross_entropy(x, i) | F.cross_entropy(x, i, reduction="sum") | F.cross_entropy(x, i, reduction="none") | F.cross_entropy(x, i, weight=t.tensor([1.0, 2.0, 0.5, 0.1])) | F.cross_entropy(x, i, ignore_index=2) | F.cross_entropy(x, i, label_smoothing=0.1) | F.cross_entropy(x, y.softmax(1)) | F.cross_entropy(x[0], i[0])
F.cross_entropy(x, y.softmax(1), reduction="none", label_smoothing=0.2) | F.cross_entropy(x, i + 9) | F.cross_entropy(x, i[:2]) | F.cross_entropy(x, i.float()) | F.nll_loss(x, i) | F.nll_loss(x, i, weight=t.tensor([1.0, 2.0, 0.5, 0.1])) | F.nll_loss(x, i, ignore_index=1, reduction="sum") | F.nll_loss(x, i, reduction="none")
F.binary_cross_entropy(x.sigmoid(), y.sigmoid()) | F.binary_cross_entropy(x.sigmoid(), (y > 0).float(), reduction="none") | F.binary_cross_entropy(x.sigmoid(), y[:, :2].sigmoid()) | F.binary_cross_entropy_with_logits(x, (y > 0).float()) | F.binary_cross_entropy_with_logits(x, y.sigmoid(), pos_weight=t.tensor([1.0, 2.0, 3.0, 4.0]))
F.binary_cross_entropy_with_logits(x, y.sigmoid(), weight=t.tensor(0.5), reduction="sum") | F.binary_cross_entropy_with_logits(x * 100, (y > 0).float()) | F.kl_div(x.log_softmax(1), y.softmax(1), reduction="batchmean") | F.kl_div(x.log_softmax(1), y.log_softmax(1), reduction="sum", log_target=True) | F.kl_div(x.log_softmax(1), y.softmax(1), reduction="none")
F.cosine_embedding_loss(x, y, t.tensor([1.0, -1.0, 1.0])) | F.triplet_margin_loss(x, y, x.flip(0)) | F.linear(x, y) | F.linear(x, y, y[:, 0]) | F.linear(x[0], y) | F.linear(x, y.T) | F.one_hot(i) | F.one_hot(i, 7) | F.one_hot(i, 2) | F.embedding(i, x) | F.embedding(i[None], y) | F.dropout(x, 0.5, training=False) | F.dropout(x, 0.0) | F.dropout(x, 2.0)
F.pad(x, (1, 2)) | F.pad(x, (1, 1, 0, 2), value=3.0) | F.pad(x, (-1, 1)) | F.pad(x, (1,)) | F.pad(x[None], (1, 1), mode="reflect") | F.pad(x[None], (2, 1), mode="replicate") | F.pad(x[None, None], (1, 1, 2, 1), mode="circular") | F.pad(x[None], (9, 9), mode="reflect") | F.interpolate(x[None, None], scale_factor=2) | F.interpolate(x[None, None], size=(5, 3), mode="bilinear")
F.interpolate(x[None, None], size=7, mode="nearest") | F.interpolate(x[None, None], size=(2, 2), mode="area") | F.interpolate(x[None, None], size=(5, 5), mode="bilinear", align_corners=True) | F.interpolate(x[None, None], size=(9, 9), mode="bicubic") | F.unfold(x[None, None], 2) | F.unfold(x[None, None], (2, 3), padding=1, stride=2) | F.pixel_shuffle(x.reshape(1, 4, 3, 1), 2)
F.max_pool2d(x[None], 2) | F.max_pool2d(x[None, None], (2, 1), stride=1) | F.max_pool2d(x[None], 9) | F.avg_pool2d(x[None], 2) | F.adaptive_avg_pool2d(x[None], 2) | F.avg_pool1d(x[None], 2) | F.max_pool1d(x[None], 2) | F.conv1d(x[None], y[:3, None, :2].repeat(1, 3, 1)) | F.conv2d(x[None, None], y[None, None, :2, :2]) | F.conv2d(x[None, None], y[None, None]) | F.conv2d(x[None, None], y[None])
F.conv2d(x[None], y[None, None, :2, :2]) | F.conv_transpose2d(x[None, None], y[None, None, :2, :2], stride=2) | F.batch_norm(x, t.zeros(4), t.ones(4)) | F.batch_norm(x, None, None, training=True) | F.batch_norm(x[:1], None, None, training=True) | F.layer_norm(x, (4,)) | F.layer_norm(x, [4], y[0], y[1]) | F.layer_norm(x, (3,)) | F.group_norm(x, 2) | F.group_norm(x, 3) | F.local_response_norm(x[None], 2)
F.scaled_dot_product_attention(x[None], y[None], y[None]) | F.scaled_dot_product_attention(x[None], y[None], y[None], is_causal=True) | F.scaled_dot_product_attention(x[None], y[None], x[None], attn_mask=t.tensor([[True, False, True]] * 3)) | F.scaled_dot_product_attention(x, y, y, attn_mask=t.zeros(3, 3)) | F.affine_grid(x[None, :2, :3], (1, 1, 2, 2), align_corners=False)
F.grid_sample(x[None, None], y[None, :, None, :2].tanh(), align_corners=False) | F.grid_sample(x[None, None], y[None, :, None, :2], align_corners=True, padding_mode="border") | F.grid_sample(x[None, None], y[None, :, None, :2], mode="nearest", align_corners=False) | F.instance_norm(x[None]) | F.bilinear(x, y, t.ones(2, 4, 4)) | F.hardtanh(x, -0.5, 0.5)
"""


@pytest.mark.parametrize("text", listed(FUNCTIONS))
@pytest.mark.filterwarnings("ignore")
def test_a_function(text: str) -> None:
    index = Case((1, 3, 2), (3,), "int64")

    def compute(t: Any, x: Any, y: Any, i: Any) -> Any:
        return eval(text, {"t": t, "F": t.nn.functional, "x": x, "y": y, "i": i})

    for layout in ("plain", "turned", "every other"):
        agree(compute, example((3, 4), layout=layout), example((3, 4), layout=layout, seed=1), index, tolerance=2e-4)


LOSSES = [
    "MSELoss()",
    "L1Loss(reduction='sum')",
    "SmoothL1Loss(beta=0.3)",
    "HuberLoss(delta=0.4)",
    "BCEWithLogitsLoss()",
    "KLDivLoss(reduction='batchmean')",
    "CrossEntropyLoss(label_smoothing=0.1)",
]


@pytest.mark.parametrize("text", LOSSES)
@pytest.mark.filterwarnings("ignore:reduction.*mean.*divides")
def test_losses(text: str) -> None:
    ours, theirs = built(pocket, text), built(torch, text)
    assert repr(ours) == repr(theirs)
    agree(
        lambda t, x, y: (theirs if t is torch else ours)(x, y.softmax(1)),
        example((3, 4)),
        example((3, 4), seed=1),
        tolerance=1e-4,
    )


class Network:
    """A module of one's own, written once for both libraries."""

    def __new__(cls, t: Any) -> Any:
        class Net(t.nn.Module):  # type: ignore[misc,name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.first = t.nn.Linear(3, 4)
                self.parts = t.nn.ModuleList([t.nn.Linear(4, 4), t.nn.Linear(4, 2)])
                self.named = t.nn.ModuleDict({"norm": t.nn.LayerNorm(4)})
                self.scale = t.nn.Parameter(t.ones(1))
                self.register_buffer("mean", t.zeros(3))
                self.register_buffer("passing", t.zeros(1), persistent=False)

            def forward(self, x: Any) -> Any:
                x = self.named["norm"](self.first(x - self.mean)).relu()
                for part in self.parts:
                    x = part(x)
                return x * self.scale

        t.manual_seed(0)
        return Net()


def test_a_module_of_ones_own() -> None:
    ours, theirs = Network(pocket), Network(torch)
    assert repr(ours) == repr(theirs)
    for walk in ("named_parameters", "named_buffers", "named_modules", "named_children"):
        assert [name for name, _ in getattr(ours, walk)()] == [name for name, _ in getattr(theirs, walk)()], walk
    assert list(ours.state_dict()) == list(theirs.state_dict())
    same(ours(pocket.ones(2, 3)), theirs(torch.ones(2, 3)), tolerance=1e-5)
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())
    twin = copy.deepcopy(ours)
    twin.scale.data.fill_(5)
    assert float(ours.scale) == 1
    memory = io.BytesIO()
    pocket.save(ours.state_dict(), memory)
    memory.seek(0)
    assert repr(twin.load_state_dict(pocket.load(memory))) == "<All keys matched successfully>"
    assert float(twin.scale) == 1


def test_a_state_goes_both_ways() -> None:
    """By names, from PyTorch to pocket and back."""
    ours, theirs = Network(pocket), Network(torch)
    with torch.no_grad():
        theirs.scale.fill_(3)
    ours.load_state_dict({name: pocket.tensor(value.tolist()) for name, value in theirs.state_dict().items()})
    assert ours.scale.tolist() == [3]
    with pocket.no_grad():
        ours.scale.fill_(4)
    theirs.load_state_dict({name: as_torch(value) for name, value in ours.state_dict().items()})
    assert theirs.scale.tolist() == [4]


def test_states_that_do_not_fit() -> None:
    texts = []
    for t in (pocket, torch):
        net = t.nn.Sequential(t.nn.Linear(2, 3), t.nn.Linear(3, 1))
        state = net.state_dict()
        state["0.weight"] = t.zeros(4, 2)
        state["surplus"] = t.zeros(1)
        del state["1.bias"]
        with pytest.raises(RuntimeError) as caught:
            net.load_state_dict(state)
        texts.append(str(caught.value))
        result = t.nn.Linear(1, 1).load_state_dict({"no": t.zeros(1)}, strict=False)
        assert result.missing_keys == ["weight", "bias"]
        assert result.unexpected_keys == ["no"]
    assert texts[0] == texts[1]


def test_hooks_of_modules() -> None:
    for t in (pocket, torch):
        seen: list[Any] = []
        layer = t.nn.Linear(2, 2)
        handle = layer.register_forward_hook(
            lambda m, x, y, seen=seen: seen.append((type(m).__name__, len(x), tuple(y.shape)))
        )
        before = layer.register_forward_pre_hook(lambda m, x: (x[0] * 0,))
        assert layer(t.ones(3, 2)).tolist() == [layer.bias.tolist()] * 3
        handle.remove()
        before.remove()
        layer(t.ones(3, 2))
        assert seen == [("Linear", 1, (3, 2))]


def test_dtypes_of_modules() -> None:
    for t in (pocket, torch):
        net = t.nn.Sequential(t.nn.Linear(2, 3), t.nn.BatchNorm1d(3)).double()
        kinds = [str(v.dtype) for v in net.state_dict().values()]
        assert kinds.count("torch.float64") == 6
        assert str(net(t.ones(4, 2, dtype=t.float64)).dtype) == "torch.float64"
        assert str(net.float()[0].weight.dtype) == "torch.float32"
        assert net.eval().training is False
        assert all(not p.requires_grad for p in net.requires_grad_(False).parameters())
        with pytest.raises(RuntimeError):
            net(t.ones(4, 2, dtype=t.float64))


def test_gradients_are_clipped() -> None:
    for norm in (1.0, 100.0):
        results = []
        for t in (pocket, torch):
            p = t.nn.Parameter(t.tensor([3.0, 4.0]))
            (p * p).sum().backward()
            total = t.nn.utils.clip_grad_norm_([p], norm)
            results.append((float(total), p.grad.tolist()))
        assert results[0] == pytest.approx(results[1]) if norm == 0 else results[0][0] == pytest.approx(results[1][0])
        assert results[0][1] == pytest.approx(results[1][1], rel=1e-5)


def test_all_dtypes_have_names() -> None:
    assert set(NAMES) == {kind.name for kind in pocket.dtypes.ALL}
