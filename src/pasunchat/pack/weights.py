"""A classifier written as plain steps and numbers, for a page that runs it without a program.

What can be written so: convolutions, dense layers, relu, maximum and mean pooling, batch norm
(folded into the convolution before it where there is one), sums of two branches, and features side
by side. It is asked once more from what was written before that is called done.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple

import numpy as np
import PIL
import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.classifiers.heads import LOGITS
from pasunchat.classifiers.modes import eval_mode
from pasunchat.errors import PasunchatError
from pasunchat.pack.steps import NetworkInPage, Op, Pair, Step, ask
from pasunchat.runtime import generator

MOST_NUMBERS = 200_000  # of a network that runs in the page: 1.1 MB as text
TOLERANCE = 1e-4  # of logits, asked from what was written
NOISES = 2  # pictures of noise that it is asked about


class CannotRunInPage(PasunchatError):
    """Why a network cannot be written as plain steps: photos for it are prepared beforehand."""


def network_in_page(classifier: Classifier) -> NetworkInPage:
    """The classifier as plain steps. Raises CannotRunInPage, which says why, where it is none such.

    Its logits, asked from what was written, are the classifier's to 1e-4 of the largest.
    """
    size = _checked(classifier)
    _refuse_large(classifier, sum(each.numel() for each in classifier.network.parameters()))
    writer = _Writer()
    with eval_mode(classifier), torch.no_grad():
        _write(classifier, writer, size)
        numbers = np.concatenate([np.zeros(0, np.float32), *writer.numbers])
        _refuse_large(classifier, len(numbers))
        channels = (2, 1, 0) if _channels(classifier) == "BGR" else (0, 1, 2)
        scale, shift = (each.reshape(-1).expand(3) for each in (classifier.scale, classifier.shift))
        written = NetworkInPage(
            size=size,
            framing=classifier.framing,
            columns_first=columns_first(PIL.__version__),
            mirrored=classifier.info.mirrored,
            classes=tuple(classifier.class_name(i) for i in range(prod(writer.steps[-1].shape))),
            channels=channels,
            scale=tuple(scale.tolist()),
            shift=tuple(shift.tolist()),
            steps=tuple(writer.steps),
            numbers=base64.b64encode(numbers.astype("<f4").tobytes()).decode(),
        )
    _compare(classifier, written)
    return written


def columns_first(version: str) -> bool:
    """Whether this version of Pillow resizes what loses much more height than width column by
    column first (python-pillow/Pillow#9549)."""
    return int(version.partition(".")[0]) >= 13


def _checked(classifier: Classifier) -> int:
    """The side it takes, where its pictures and outputs are of the plain kind."""
    name = classifier.known_as
    if classifier.size is None:
        raise CannotRunInPage(f"{name} states no size of its pictures")
    blank = torch.zeros(1, 3, classifier.size, classifier.size)
    if not classifier.found_adapter(blank).layout == "NCHW" or _channels(classifier) == "L":
        raise CannotRunInPage(f"{name} takes its pictures in a form that a page does not make")
    if classifier.found_adapter(blank).head != LOGITS:
        raise CannotRunInPage(f"{name} ends in no plain logits")
    return classifier.size


def _refuse_large(classifier: Classifier, numbers: int) -> None:
    if numbers > MOST_NUMBERS:
        raise CannotRunInPage(
            f"{classifier.known_as} has {numbers:,} numbers; a page runs networks of up to "
            f"{MOST_NUMBERS:,}"
        )


def _channels(classifier: Classifier) -> str:
    assert classifier.adapter is not None
    return classifier.adapter.channels


def _compare(classifier: Classifier, written: NetworkInPage) -> None:
    side = written.size
    noise = torch.randint(256, (NOISES, side, side, 3), generator=generator("pack"))
    pixels = as_pixels(noise.to(torch.uint8).numpy(), classifier.mean.device)
    expected = classifier.predict_logits(pixels)
    with torch.no_grad():
        difference = (ask(written, pixels.cpu()) - expected).abs().max() / expected.abs().max()
    if not difference <= TOLERANCE:
        raise CannotRunInPage(
            f"{classifier.known_as}, written as plain steps, gives logits that differ by "
            f"{float(difference):.1e} of the largest"
        )


def _write(classifier: Classifier, writer: "_Writer", size: int) -> None:
    """Trace the network and write its steps."""
    name = classifier.known_as
    try:
        graph = fx.symbolic_trace(classifier.network)
        _Shapes(graph).run(torch.zeros(1, 3, size, size, device=classifier.mean.device))
    except CannotRunInPage:
        raise
    except Exception as error:  # code of others, run in an unusual way
        raise CannotRunInPage(f"the steps of {name} depend on more than its input") from error
    modules = dict(graph.named_modules())
    for node in graph.graph.nodes:
        if node.op in ("placeholder", "output") or "shape" not in node.meta:
            continue
        target = modules[node.target] if node.op == "call_module" else node.target
        row = ROWS.get(_key(target))
        if row is None:
            raise CannotRunInPage(f"{name} has a step that a page does not know: {_key(target)}")
        row(writer, Call(node, target, modules))
    given = next(node for node in graph.graph.nodes if node.op == "output").args[0]
    if not isinstance(given, fx.Node) or writer.at.get(given) != len(writer.steps):
        raise CannotRunInPage(f"{name} gives more than logits")


def _key(target: object) -> str:
    """What a step is called: the type of a module, else the name of a function or method."""
    if isinstance(target, nn.Module):
        return type(target).__name__
    return target if isinstance(target, str) else getattr(target, "__name__", repr(target))


class _Shapes(fx.Interpreter):
    """Notes the shape of each tensor, without its rows."""

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if isinstance(result, Tensor):
            n.meta["shape"] = tuple(result.shape[1:])
        return result


class Call(NamedTuple):
    """A node of the graph, and what it calls: a module, or the name of a function or method."""

    node: fx.Node
    target: Any
    modules: Mapping[str, nn.Module]


@dataclass
class _Writer:
    """The steps so far, and which value each node of the graph is."""

    steps: list[Step] = field(default_factory=list)
    numbers: list[np.ndarray[Any, np.dtype[np.float32]]] = field(default_factory=list)
    at: dict[fx.Node, int] = field(default_factory=dict)

    def add(self, node: fx.Node, op: Op, *, of: tuple[fx.Node, ...] = (), **more: Any) -> None:
        taken = of or _tensors(node)[:1]
        name = str(node.target) if node.op == "call_module" else node.name
        places = tuple(self.at.get(each, 0) for each in taken)
        self.steps.append(Step(op, name, places, node.meta["shape"], **more))
        self.at[node] = len(self.steps)

    def same(self, node: fx.Node) -> None:
        """A node that changes nothing."""
        self.at[node] = self.at.get(_tensors(node)[0], 0)

    def put(self, values: Tensor) -> int:
        """Write numbers; gives where they begin."""
        begins = sum(len(each) for each in self.numbers)
        self.numbers.append(values.detach().cpu().float().reshape(-1).numpy())
        return begins


def _tensors(node: fx.Node) -> tuple[fx.Node, ...]:
    """The tensors that a node takes, in its order."""
    return tuple(each for each in node.all_input_nodes if "shape" in each.meta)


def _pair(value: Any) -> Pair:
    both = value if isinstance(value, tuple | list) else (value, value)
    return int(both[0]), int(both[-1])


Row = Callable[[_Writer, Call], None]


def _conv(writer: _Writer, call: Call) -> None:
    node, conv = call.node, call.target
    same = conv.padding == "same" and conv.stride == (1, 1) and all(k % 2 for k in conv.kernel_size)
    padding = tuple(k // 2 for k in conv.kernel_size) if same else conv.padding
    padding = (0, 0) if padding == "valid" else padding
    plain = conv.padding_mode == "zeros" or padding == (0, 0)
    if conv.dilation != (1, 1) or not plain or isinstance(padding, str):
        raise CannotRunInPage(f"a page does not know the convolution {node.target}: {conv}")
    weight, bias = conv.weight, conv.bias
    norm = _norm_behind(call)
    if norm is not None:
        _, by = norm
        weight, bias = fuse_conv_bn_weights(
            weight, bias, by.running_mean, by.running_var, by.eps, by.weight, by.bias
        )
    bias = weight.new_zeros(len(weight)) if bias is None else bias
    writer.add(
        node, "conv", weight=writer.put(weight), bias=writer.put(bias),
        kernel=conv.kernel_size, stride=conv.stride, padding=padding, groups=conv.groups,
    )  # fmt: skip
    if norm is not None:
        writer.at[norm[0]] = writer.at[node]


def _norm_behind(call: Call) -> tuple[fx.Node, Any] | None:
    """The batch norm that is all that reads a convolution."""
    users = list(call.node.users)
    norm = call.modules.get(str(users[0].target)) if len(users) == 1 else None
    if isinstance(norm, nn.BatchNorm2d) and norm.running_mean is not None:
        return users[0], norm
    return None


def _norm(writer: _Writer, call: Call) -> None:
    node, norm = call.node, call.target
    if node in writer.at:
        return
    if norm.running_mean is None:
        raise CannotRunInPage(f"{node.target} takes its statistics from the pictures it is given")
    by = (norm.running_var + norm.eps).rsqrt() * (1 if norm.weight is None else norm.weight)
    plus = (0 if norm.bias is None else norm.bias) - norm.running_mean * by
    writer.add(node, "scale", weight=writer.put(by), bias=writer.put(plus))


def _dense(writer: _Writer, call: Call) -> None:
    node, layer = call.node, call.target
    if len(node.meta["shape"]) != 1:
        raise CannotRunInPage(f"{node.target} is applied to more than one row of numbers")
    bias = layer.weight.new_zeros(len(layer.weight)) if layer.bias is None else layer.bias
    writer.add(node, "dense", weight=writer.put(layer.weight), bias=writer.put(bias))


def _relu(writer: _Writer, call: Call) -> None:
    most = 6.0 if _key(call.target).lower() == "relu6" else None
    writer.add(call.node, "relu", most=most)


def _settings(call: Call, names: tuple[str, ...]) -> dict[str, Any]:
    """A pool's settings, of a module or of a call."""
    if isinstance(call.target, nn.Module):
        return {name: getattr(call.target, name) for name in names if hasattr(call.target, name)}
    return dict(zip(names, call.node.args[1:], strict=False)) | dict(call.node.kwargs)


def _max_pool(writer: _Writer, call: Call) -> None:
    names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
    _pool(writer, call.node, "max", _settings(call, names))


def _mean_pool(writer: _Writer, call: Call) -> None:
    names = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")
    settings = _settings(call, names)
    if _pair(settings.get("padding", 0)) != (0, 0) or settings.get("divisor_override"):
        raise CannotRunInPage(f"a page does not know the pooling {call.node.target}")
    _pool(writer, call.node, "mean", settings)


def _pool(writer: _Writer, node: fx.Node, op: Op, settings: Mapping[str, Any]) -> None:
    strange = ("ceil_mode", "return_indices")
    if any(settings.get(name) for name in strange) or _pair(settings.get("dilation", 1)) != (1, 1):
        raise CannotRunInPage(f"a page does not know the pooling {node.target}")
    kernel = _pair(settings["kernel_size"])
    stride = settings.get("stride") or kernel
    padding = _pair(settings.get("padding", 0))
    writer.add(node, op, kernel=kernel, stride=_pair(stride), padding=padding)


def _whole(op: Op) -> Row:
    def row(writer: _Writer, call: Call) -> None:
        node = call.node
        before = _tensors(node)[0].meta["shape"]
        if len(before) != 3 or prod(node.meta["shape"]) != before[0]:
            raise CannotRunInPage(f"a page takes {node.name} over a whole map only")
        writer.add(node, op)

    return row


def _flatten(writer: _Writer, call: Call) -> None:
    node = call.node
    if len(node.meta["shape"]) != 1:
        raise CannotRunInPage(f"a page does not know {node.name} to {node.meta['shape']}")
    writer.add(node, "flatten")


def _add(writer: _Writer, call: Call) -> None:
    node = call.node
    both = tuple(each for each in node.args if isinstance(each, fx.Node))
    alike = len(both) == 2 and both[0].meta["shape"] == both[1].meta["shape"]
    if not alike or node.kwargs:
        raise CannotRunInPage(f"a page adds two values of one shape only, which {node.name} is not")
    writer.add(node, "add", of=both)


def _join(writer: _Writer, call: Call) -> None:
    node = call.node
    axis = node.kwargs.get("dim", (*node.args, 0, 0)[1])
    parts = _tensors(node)
    if axis != 1 or len(parts) != len(list(node.args[0])):  # type: ignore[arg-type]
        raise CannotRunInPage(f"a page joins values by their channels only, not as {node.name}")
    writer.add(node, "join", of=parts)


def _same(writer: _Writer, call: Call) -> None:
    writer.same(call.node)


ROWS: Mapping[str, Row] = {
    "Conv2d": _conv,
    "BatchNorm2d": _norm,
    "Linear": _dense,
    **dict.fromkeys(("ReLU", "relu", "relu_", "ReLU6", "relu6"), _relu),
    **dict.fromkeys(("MaxPool2d", "max_pool2d", "boolean_dispatch"), _max_pool),
    **dict.fromkeys(("AvgPool2d", "avg_pool2d"), _mean_pool),
    **dict.fromkeys(("AdaptiveAvgPool2d", "adaptive_avg_pool2d", "mean"), _whole("whole-mean")),
    **dict.fromkeys(("AdaptiveMaxPool2d", "amax"), _whole("whole-max")),
    **dict.fromkeys(("Flatten", "flatten", "view", "reshape"), _flatten),
    **dict.fromkeys(("add", "iadd", "add_"), _add),
    **dict.fromkeys(("cat", "concat", "concatenate"), _join),
    **dict.fromkeys(("Dropout", "Dropout2d", "Identity", "contiguous", "dropout"), _same),
}  # fmt: skip
