"""ONNX files: read node by node into torch, compared with onnxruntime, and made a Classifier."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pasunchat.classifiers.channels import in_channels, laid_out
from pasunchat.classifiers.classifier import Classifier, number_type
from pasunchat.classifiers.external.assemble import InParts, assemble
from pasunchat.classifiers.external.info import read_info, with_exported
from pasunchat.classifiers.external.input_shape import InputShape, input_shape
from pasunchat.classifiers.external.onnx_graph import OnnxGraph, unknown_operators
from pasunchat.classifiers.external.preprocessing import Preprocessing, complete
from pasunchat.classifiers.heads import Ending
from pasunchat.errors import PasunchatError
from pasunchat.extras import extra
from pasunchat.runtime import generator

OLDEST = 7  # the opset since which operators broadcast as NumPy does
INPUTS = {1: torch.float32, 2: torch.uint8, 10: torch.float16, 11: torch.float64}
ENDINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "Softmax": lambda logits: logits.softmax(-1),
    "Sigmoid": torch.sigmoid,
}
ENDING_OF: dict[str, Ending] = {
    "Softmax": "softmax",
    "Sigmoid": "sigmoid",
    **dict.fromkeys(("Gemm", "MatMul", "Add", "Conv"), "unbounded"),
}


class InputSpec(NamedTuple):
    """What a graph's one input takes."""

    batch: int | None  # rows; None: any number
    picture: InputShape
    dtype: torch.dtype  # one of INPUTS


class OfType(nn.Module):
    """A graph that is given numbers of the type that its input has.

    Levels of uint8 are given as the floats that they are equal to: rounded, where a gradient passes
    as if they were not, so that it is that of the levels.
    """

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.network, self.dtype = network, dtype

    def forward(self, pixels: Tensor) -> Tensor:
        """The graph's output for float pixels; for uint8, in levels from 0 to 255."""
        if self.dtype is torch.uint8:
            levels = pixels.detach().round().clamp(0, 255)
            pixels = levels + (pixels - pixels.detach())
        else:
            pixels = pixels.to(self.dtype)
        outputs: Tensor = self.network(pixels)
        return outputs


def load_onnx(path: Path, requested: Preprocessing) -> Classifier:
    """The Classifier in an ONNX file.

    A final softmax or sigmoid is taken off. A file of `export` states its own info.
    Raises PasunchatError for a file that is damaged or no classifier, for unknown operators, and
    where onnxruntime gives other outputs.
    """
    model = _read(path)
    spec = _input_spec(model.graph, path)
    exported = read_info({each.key: each.value for each in model.metadata_props}, str(path))
    picture = spec.picture
    own = Preprocessing(
        _scale(model.graph, spec), channels=picture.unusual_channels, size=picture.size
    )
    own = exported.preprocessing() if exported else own
    preprocessing = complete(requested.over(own), str(path))
    ending = _without_ending(model.graph)
    graph = OnnxGraph(model.graph, _opset(model, path)).eval()
    network: nn.Module = graph if spec.dtype is torch.float32 else OfType(graph, spec.dtype)
    ending_of = ENDINGS.get(ending, lambda raw: raw)
    network = _checked(network, path, spec, preprocessing, ending_of)
    classifier = assemble(
        network,
        preprocessing,
        str(path),
        made_of=path.read_bytes(),
        layout=picture.layout,
        ending="unbounded" if exported else ENDING_OF.get(ending),
    )
    return with_exported(classifier, exported)


def _read(path: Path) -> Any:
    onnx = extra("onnx", "onnx")
    try:
        model = onnx.load(path)
    except Exception as error:  # protobuf's and onnx's own kinds of error
        reason = " ".join(str(error).split())[:200]
        raise PasunchatError(f"{path} is damaged or no ONNX file: {reason}") from error
    if model.functions:
        from onnx import inliner

        model = inliner.inline_local_functions(model)
    unknown = unknown_operators(model.graph)
    if unknown:
        raise PasunchatError(
            f"{path} uses operators that are not known here: {', '.join(unknown)}; export it "
            "without them, or give the network as module:function"
        )
    return model


def _opset(model: Any, path: Path) -> int:
    opset = max(each.version for each in model.opset_import if each.domain in ("", "ai.onnx"))
    if opset < OLDEST:
        raise PasunchatError(
            f"{path} is of opset {opset}; expected {OLDEST} or newer: onnx.version_converter "
            "converts it"
        )
    return int(opset)


def _input_spec(graph: Any, path: Path) -> InputSpec:
    """What the one input takes. Raises PasunchatError for any other graph."""
    constants = {each.name for each in graph.initializer}
    inputs = [each for each in graph.input if each.name not in constants]
    for what, found in (("input", inputs), ("output", graph.output)):
        if len(found) != 1:
            raise PasunchatError(
                f"{path} is no classifier of images: expected one {what}, it has {len(found)}: "
                f"{', '.join(each.name for each in found)}"
            )
    kind = inputs[0].type.tensor_type
    sides = [dim.dim_value if dim.dim_value > 0 else None for dim in kind.shape.dim]
    if not sides or kind.elem_type not in INPUTS:
        shown = ", ".join(str(side or "any") for side in sides)
        number = "" if kind.elem_type in INPUTS else f" of {_type_name(kind.elem_type)}"
        raise PasunchatError(
            f"{path} is no classifier of images: expected an input of floats or uint8, got "
            f"[{shown}]{number}"
        )
    return InputSpec(sides[0], input_shape(sides[1:], str(path)), INPUTS[kind.elem_type])


def _type_name(number: int) -> str:
    from onnx import TensorProto

    return str(TensorProto.DataType.Name(number)).lower()


def _scale(graph: Any, spec: InputSpec) -> Any:
    """0..255 where the input is uint8, or the graph begins by dividing it by a large number; else
    None."""
    from onnx import numpy_helper

    if spec.dtype is torch.uint8:
        return "0..255"
    numbers = {each.name: each for each in graph.initializer}
    first = graph.node[0]
    known = [numpy_helper.to_array(numbers[n]) for n in first.input if n in numbers]
    if len(known) != 1 or known[0].size != 1:
        return None
    number = float(known[0].reshape(-1)[0])
    divides = (first.op_type == "Mul" and 0 < number <= 0.02) or (
        first.op_type == "Div" and number >= 50
    )
    return "0..255" if divides else None


def _without_ending(graph: Any) -> str:
    """Take a final softmax or sigmoid off. Returns the last operator that the file had."""
    last = next((n for n in graph.node if graph.output[0].name in n.output), graph.node[-1])
    if last.op_type in ENDINGS:
        graph.output[0].name = last.input[0]
        graph.node.remove(last)
    return str(last.op_type)


def _checked(
    network: nn.Module,
    path: Path,
    spec: InputSpec,
    preprocessing: Preprocessing,
    ending: Callable[[Tensor], Tensor],
) -> nn.Module:
    """The network, in parts if its file fixes the number of rows. Raises PasunchatError unless it
    gives for noise what onnxruntime gives."""
    rows = spec.batch or 2
    size = preprocessing.size
    assert size is not None
    noise = torch.rand(rows, 3, size, size, generator=generator("onnx"))
    noise = laid_out(in_channels(noise, spec.picture.channels), spec.picture.layout).contiguous()
    noise = noise * 255 if preprocessing.scale == "0..255" else noise
    noise = noise.round() if spec.dtype is torch.uint8 else noise
    try:
        theirs = _onnxruntime(path, noise.to(spec.dtype))
        with torch.no_grad():
            ours = ending(network(noise).float())
    except (ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise PasunchatError(f"{path} cannot be run on {list(noise.shape)}: {reason}") from error
    if theirs.ndim not in (1, 2):
        raise PasunchatError(
            f"{path} is no classifier: expected [N, classes] numbers, it gives "
            f"{list(theirs.shape)} for {list(noise.shape)}"
        )
    if not bool(theirs.isfinite().all()):
        raise PasunchatError(
            f"{path} gives infinite or undefined numbers for plain noise; check its weights"
        )
    apart = max(1e-3, torch.finfo(number_type(network) or torch.float32).eps ** 0.5)
    if ours.shape != theirs.shape or not torch.allclose(ours, theirs, rtol=apart, atol=apart):
        raise PasunchatError(
            f"{path} is not read correctly here: onnxruntime gives other outputs; please "
            "report it, and give the network as module:function meanwhile"
        )
    return network if spec.batch is None or _any_number(network, noise) else InParts(network, rows)


def _any_number(network: nn.Module, noise: Tensor) -> bool:
    """Whether a network made for a fixed number of rows gives the same for one more."""
    more = torch.cat([noise, noise[:1]])
    try:
        with torch.no_grad():
            answers, one = network(more), network(noise)
    except (ValueError, RuntimeError):
        return False
    return len(answers) == len(more) and torch.allclose(answers[: len(one)], one, atol=1e-4)


def _onnxruntime(path: Path, inputs: Tensor) -> Tensor:
    runtime = extra("onnxruntime", "onnx")
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        (outputs,) = session.run(None, {session.get_inputs()[0].name: inputs.numpy()})
    except Exception as error:  # onnxruntime's own kinds of error
        raise ValueError(str(error)) from error
    return torch.from_numpy(outputs).float()
