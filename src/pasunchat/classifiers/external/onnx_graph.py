"""An ONNX graph as a torch module: its nodes run one after the other, by OPERATORS or layers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pasunchat.classifiers.external.onnx_layers import layer_of
from pasunchat.classifiers.external.onnx_operators import COMPUTING, Attributes, Operator
from pasunchat.classifiers.external.onnx_shapes import SHAPES

DOMAINS = ("", "ai.onnx")
OPERATORS: dict[str, Operator] = {**COMPUTING, **SHAPES}


@dataclass(frozen=True)
class Node:
    """One step of a graph."""

    operator: str
    inputs: tuple[str, ...]  # names of values; empty: an optional input that is left out
    outputs: tuple[str, ...]
    attributes: Attributes
    layer: str | None  # the name of the submodule that does it; None: an operator does
    spent: tuple[str, ...]  # values that no later node reads


class OnnxGraph(nn.Module):
    """A graph of one input and one output.

    Numbers with a fraction are parameters of layers, or buffers; whole numbers stay on the CPU,
    since they are shapes and places.
    """

    def __init__(self, graph: Any, opset: int) -> None:
        super().__init__()
        numbers = {each.name: _tensor(each) for each in graph.initializer}
        self.source = next(each.name for each in graph.input if each.name not in numbers)
        self.result: str = graph.output[0].name
        self.nodes = self._nodes(graph.node, opset, numbers)
        read = {name for node in self.nodes if node.layer is None for name in node.inputs}
        self.whole = {n: v for n, v in numbers.items() if n in read and not v.is_floating_point()}
        self.buffer_of: dict[str, str] = {}
        for name, value in numbers.items():
            if name in read and value.is_floating_point():
                self.buffer_of[name] = f"constant{len(self.buffer_of)}"
                self.register_buffer(self.buffer_of[name], value)

    def _nodes(
        self, graph_nodes: Sequence[Any], opset: int, numbers: Mapping[str, Tensor]
    ) -> tuple[Node, ...]:
        counted: Counter[str] = Counter()
        last = {name: place for place, node in enumerate(graph_nodes) for name in node.input}
        last[self.result] = len(graph_nodes)
        nodes = []
        for place, node in enumerate(graph_nodes):
            attributes = _attributes(node, opset)
            module, name = layer_of(node.op_type, node.input, attributes, numbers), None
            if module is not None:
                counted[node.op_type] += 1
                name = f"{node.op_type.lower()}{counted[node.op_type]}"
                self.add_module(name, module)
            spent = tuple(n for n in {*node.input, *node.output} if last.get(n, -1) <= place)
            outputs = tuple(node.output)
            nodes.append(Node(node.op_type, tuple(node.input), outputs, attributes, name, spent))
        return tuple(nodes)

    def forward(self, pixels: Tensor) -> Tensor:
        """The graph's output for its one input. Raises ValueError naming the node that fails."""
        values: dict[str, Tensor] = {self.source: pixels, **self.whole}
        values.update((name, getattr(self, buffer)) for name, buffer in self.buffer_of.items())
        for node in self.nodes:
            try:
                results = self._run(node, values)
            except (ValueError, RuntimeError, IndexError, KeyError, TypeError) as error:
                raise ValueError(f"{node.operator} giving {node.outputs[0]}: {error}") from error
            values.update(zip(node.outputs, results, strict=False))
            for name in node.spent:
                values.pop(name, None)
        return values[self.result]

    def _run(self, node: Node, values: Mapping[str, Tensor]) -> Sequence[Tensor]:
        if node.layer is not None:
            layer: nn.Module = getattr(self, node.layer)
            return (layer(values[node.inputs[0]]),)
        inputs = [values[name] if name else None for name in node.inputs]
        results = OPERATORS[node.operator](inputs, node.attributes)
        return (results,) if isinstance(results, Tensor) else results


def unknown_operators(graph: Any) -> list[str]:
    """Operators of a graph that OPERATORS does not have."""
    kinds = {(node.domain, node.op_type) for node in graph.node}
    return sorted(
        f"{domain}.{kind}" if domain not in DOMAINS else kind
        for domain, kind in kinds
        if domain not in DOMAINS or kind not in OPERATORS
    )


def _tensor(value: Any) -> Tensor:
    from onnx import numpy_helper

    return torch.from_numpy(numpy_helper.to_array(value).copy())


def _attributes(node: Any, opset: int) -> Attributes:
    """A node's attributes as plain values, and besides them the opset and the number of outputs,
    on which the meaning of some operators depends."""
    from onnx import TensorProto, helper

    found: dict[str, Any] = {"opset": opset, "outputs": len(node.output)}
    for each in node.attribute:
        value = helper.get_attribute_value(each)
        if isinstance(value, TensorProto):
            value = _tensor(value)
        elif isinstance(value, bytes):
            value = value.decode()
        elif node.op_type == "Constant":
            value = torch.tensor(value)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            value = list(value)
        found["value" if node.op_type == "Constant" else each.name] = value
    return found
