"""Every row of OPERATORS against onnxruntime, on an example of its own."""

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pasunchat.classifiers.external.onnx_graph import OPERATORS, OnnxGraph

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
TensorProto, helper, numpy_helper = onnx.TensorProto, onnx.helper, onnx.numpy_helper
RNG = np.random.default_rng(0)
PICTURES = RNG.uniform(0.1, 0.9, (2, 4, 6, 6)).astype(np.float32)
SIGNED = (PICTURES - 0.5) * 4
ROWS = RNG.normal(size=(3, 5)).astype(np.float32)


class Example(NamedTuple):
    """One node: its data, its other inputs, its attributes, the opset it is written in, and what
    is to be done with its first output so that numbers with a fraction come out."""

    data: NDArray[np.float32] = SIGNED
    others: tuple[object, ...] = ()
    attributes: dict[str, Any] = {}  # noqa: RUF012
    opset: int = 18
    outputs: int = 1


def array(values: object, kind: str = "int64") -> NDArray[Any]:
    return np.array(values, dtype=kind)


OTHER = np.roll(SIGNED, 1)
TRUTHS = SIGNED > 0
WEIGHT = RNG.normal(size=(6, 2, 3, 3)).astype(np.float32)
FOUR = RNG.uniform(0.5, 1.5, 4).astype(np.float32)
SIX = RNG.normal(size=6).astype(np.float32)
UNEVEN = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 1, 1, 1]}

SAME = [
    *("Abs", "Ceil", "Cos", "Dropout", "Erf", "Exp", "Floor", "GlobalAveragePool"),
    *("GlobalMaxPool", "HardSwish", "Identity", "Mish", "Neg", "Relu", "Round", "Sigmoid"),
    *("Sign", "Sin", "Softplus", "Softsign", "Tanh", "Celu", "Elu", "HardSigmoid", "LeakyRelu"),
    *("Selu", "LogSoftmax", "Softmax", "Flatten", "Transpose"),
]
POSITIVE = ["Log", "Reciprocal", "Sqrt"]
PAIRS = ["Add", "Div", "Mul", "Sub", "Max", "Min", "Sum"]
COMPARED = ["Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"]
LOGICAL = ["And", "Or"]
REDUCED = ["ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "ReduceSumSquare"]

EXAMPLES: dict[str, list[Example]] = {
    **{name: [Example()] for name in SAME},
    **{name: [Example(PICTURES)] for name in POSITIVE},
    **{name: [Example(others=(OTHER,)), Example(others=(FOUR[:, None, None],))] for name in PAIRS},
    **{name: [Example(others=(OTHER,))] for name in COMPARED},
    **{name: [Example(others=(TRUTHS,))] for name in LOGICAL},
    **{
        name: [
            Example(others=(array([1, 3]),), attributes={"keepdims": 0}),
            Example(),
            Example(others=(array([], "int64"),), attributes={"noop_with_empty_axes": 1}),
        ]
        for name in REDUCED
    },
    "Pow": [Example(PICTURES, (array(2.5, "float32"),))],
    "Not": [Example()],
    "PRelu": [Example(others=(FOUR[:, None, None],))],
    "MatMul": [Example(ROWS, (ROWS.T.copy(),)), Example(others=(OTHER,))],
    "Gemm": [
        Example(ROWS, (ROWS, ROWS[0, :3]), {"transB": 1}),
        Example(ROWS, (ROWS, ROWS[0]), {"transA": 1, "alpha": 0.5, "beta": 2.0}),
    ],
    "Conv": [
        Example(others=(WEIGHT, SIX), attributes={"group": 2, "pads": [1, 1, 1, 1]}),
        Example(others=(WEIGHT,), attributes={"group": 2, **UNEVEN}),
        Example(
            others=(WEIGHT,),
            attributes={"group": 2, "auto_pad": "SAME_UPPER", "strides": [2, 2]},
        ),
        Example(others=(WEIGHT,), attributes={"group": 2, "auto_pad": "SAME_LOWER"}),
        Example(others=(WEIGHT,), attributes={"group": 2, "auto_pad": "VALID"}),
    ],
    "MaxPool": [
        Example(attributes={"kernel_shape": [2, 2], "strides": [2, 2]}),
        Example(attributes=UNEVEN),
        Example(attributes={"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
    ],
    "AveragePool": [
        Example(attributes={"kernel_shape": [2, 2], "strides": [2, 2]}),
        Example(attributes=UNEVEN),
        Example(attributes={**UNEVEN, "count_include_pad": 1}),
        Example(attributes={"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
    ],
    "BatchNormalization": [Example(others=(FOUR, FOUR - 1, FOUR * 2, FOUR))],
    "InstanceNormalization": [Example(others=(FOUR, FOUR - 1))],
    "LayerNormalization": [
        Example(others=(SIX, SIX)),
        Example(others=(SIGNED[0],), attributes={"axis": 1}),
    ],
    "Gelu": [Example(opset=20), Example(opset=20, attributes={"approximate": "tanh"})],
    "Clip": [
        Example(others=(array(-0.5, "float32"), array(0.5, "float32"))),
        Example(attributes={"min": -0.5, "max": 6.0}, opset=7),
    ],
    "Where": [Example(TRUTHS.astype(np.float32), (SIGNED, OTHER))],
    "Cast": [Example(attributes={"to": TensorProto.DOUBLE})],
    "Concat": [Example(others=(OTHER,), attributes={"axis": 1})],
    "Constant": [Example(attributes={"value_floats": [1.0, 2.5]})],
    "ConstantOfShape": [
        Example(attributes={"value": numpy_helper.from_array(array([2.5], "float32"))})
    ],
    "DepthToSpace": [
        Example(attributes={"blocksize": 2}),
        Example(attributes={"blocksize": 2, "mode": "CRD"}),
    ],
    "Einsum": [Example(ROWS, (ROWS,), {"equation": "ij,kj->ik"})],
    "Expand": [Example(ROWS, (array([2, 1, 5]),))],
    "Gather": [
        Example(others=(array([[0, -1], [2, 2]]),), attributes={"axis": 1}),
        Example(others=(array(1),), attributes={"axis": -1}),
        Example(FOUR, (array(-1),)),
    ],
    "Pad": [
        Example(others=(array([0, 0, 1, 2, 0, 0, -1, 1]), array(0.5, "float32"))),
        Example(others=(array([0, 0, 1, 2, 0, 0, 2, 1]),), attributes={"mode": "reflect"}),
        Example(others=(array([0, 0, 1, 2, 0, 0, 2, 1]),), attributes={"mode": "edge"}),
        Example(attributes={"pads": [0, 0, 1, 2, 0, 0, 2, 1], "value": 1.5}, opset=9),
    ],
    "Range": [Example()],
    "Reshape": [Example(others=(array([0, 2, -1]),))],
    "Resize": [
        Example(
            others=(None, None, array([2, 4, 9, 12])),
            attributes={"mode": "linear", "coordinate_transformation_mode": "half_pixel"},
        ),
        Example(
            others=(None, array([1, 1, 2, 2], "float32")),
            attributes={
                "mode": "nearest",
                "coordinate_transformation_mode": "asymmetric",
                "nearest_mode": "floor",
            },
        ),
        Example(
            others=(None, None, array([2, 4, 9, 12])),
            attributes={"mode": "linear", "coordinate_transformation_mode": "align_corners"},
        ),
    ],
    "Shape": [Example(), Example(attributes={"start": 1, "end": -1})],
    "Slice": [
        Example(others=(array([1, -1]), array([9, -5]), array([1, 3]), array([2, -1]))),
        Example(others=(array([0]), array([2**62]), array([2]))),
        Example(attributes={"starts": [1], "ends": [3], "axes": [2]}, opset=9),
    ],
    "Split": [
        Example(others=(array([1, 3]),), attributes={"axis": 1}, outputs=2),
        Example(attributes={"axis": 1, "num_outputs": 2}, outputs=2),
    ],
    "Squeeze": [Example(SIGNED[:1], (array([0]),)), Example(SIGNED[:1])],
    "Tile": [Example(ROWS, (array([2, 1]),))],
    "Unsqueeze": [
        Example(ROWS, (array([0, -1]),)),
        Example(ROWS, attributes={"axes": [1]}, opset=11),
    ],
}
CASES = [(name, number) for name, rows in EXAMPLES.items() for number in range(len(rows))]
TRUTH_IN = {"And", "Or", "Not", "Where"}
LONE = {
    "Constant": [],
    "ConstantOfShape": [array([2, 3])],
    "Range": [array(value, "float32") for value in (0.5, 3, 0.5)],
}


def model_of(name: str, example: Example) -> Any:
    """data -> (truth values) -> the node -> floats, its constants as initializers."""
    others = [f"c{i}" if c is not None else "" for i, c in enumerate(example.others)]
    constants = [
        numpy_helper.from_array(np.asarray(c), f"c{i}")
        for i, c in enumerate(example.others)
        if c is not None
    ]
    nodes = []
    source = "data"
    if name in TRUTH_IN:
        constants.append(numpy_helper.from_array(array(0.5, "float32"), "half"))
        nodes.append(helper.make_node("Greater", ["data", "half"], ["truth"]))
        source = "truth"
    inputs = [source, *others]
    if name in LONE:
        constants += [numpy_helper.from_array(v, f"l{i}") for i, v in enumerate(LONE[name])]
        inputs = [f"l{i}" for i in range(len(LONE[name]))]
    results = [f"r{i}" for i in range(example.outputs)]
    nodes += [
        helper.make_node(name, inputs, results, **example.attributes),
        helper.make_node("Cast", [results[-1]], ["result"], to=TensorProto.FLOAT),
    ]
    graph = helper.make_graph(
        nodes,
        "example",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, example.data.shape)],
        [helper.make_tensor_value_info("result", TensorProto.FLOAT, None)],
        constants,
    )
    opset = [helper.make_opsetid("", example.opset)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)


def test_every_operator_has_an_example() -> None:
    assert sorted(EXAMPLES) == sorted(OPERATORS)


@pytest.mark.parametrize(("name", "number"), CASES)
def test_means_what_it_means_to_onnxruntime(name: str, number: int) -> None:
    example = EXAMPLES[name][number]
    model = model_of(name, example)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (wanted,) = session.run(None, {"data": example.data})
    given = OnnxGraph(model.graph, example.opset)(torch.from_numpy(example.data))
    assert list(given.shape) == list(wanted.shape)
    assert np.allclose(given.numpy(force=True), wanted, rtol=1e-4, atol=1e-5)
