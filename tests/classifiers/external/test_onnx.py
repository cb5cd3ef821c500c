"""Whole ONNX files: the same logits as onnxruntime's, and one line for what is no classifier."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.external.assemble import InParts
from pasunchat.classifiers.load import load
from pasunchat.classifiers.summary import describe
from pasunchat.errors import PasunchatError

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
TensorProto, helper, numpy_helper = onnx.TensorProto, onnx.helper, onnx.numpy_helper
RNG = np.random.default_rng(0)
SIZE = 8
FLOAT = TensorProto.FLOAT
Shape = Sequence[int | str]


def written(
    path: Path,
    ending: Sequence[str] = (),
    *,
    source: Shape = ("n", 3, SIZE, SIZE),
    classes: int = 2,
    divide: float | None = None,
    kind: int = FLOAT,
    number: type[np.floating[Any]] = np.float32,
    reshape: Sequence[int] | None = None,
) -> Path:
    """A convolution, a relu and a dense layer, then the operators of `ending`, as a file."""
    first = source[1] == 3
    numbers = {
        "w": RNG.normal(size=(4, 3, 3, 3)).astype(number),
        "b": RNG.normal(size=4).astype(number),
        "m": RNG.normal(size=(4 * (SIZE - 2) ** 2, classes)).astype(number) / number(10),
        "c": RNG.normal(size=classes).astype(number),
    }
    now, nodes = "pixels", []

    def add(operator: str, *others: str, **attributes: Any) -> None:
        nonlocal now
        name = f"v{len(nodes)}"
        nodes.append(helper.make_node(operator, [now, *others], [name], **attributes))
        now = name

    own = helper.np_dtype_to_tensor_dtype(np.dtype(number))
    if kind != own:
        add("Cast", to=own)
    if divide is not None:
        numbers["d"] = np.float32(divide)
        add("Mul", "d")
    if not first:
        add("Transpose", perm=[0, 3, 1, 2])
    add("Conv", "w", "b")
    add("Relu")
    if reshape is None:
        add("Flatten")
    else:
        numbers["s"] = np.array(reshape)
        add("Reshape", "s")
    add("MatMul", "m")
    add("Add", "c")
    for operator in ending:
        add(operator)
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("pixels", kind, source)],
        [helper.make_tensor_value_info(now, own, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in numbers.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def theirs(path: Path, inputs: Tensor) -> Tensor:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {"pixels": inputs.contiguous().numpy()})[0])


def pixels(count: int = 5) -> Tensor:
    return torch.rand(count, 3, SIZE, SIZE)


def test_the_same_logits_and_a_gradient(tmp_path: Path) -> None:
    path, given = written(tmp_path / "net.onnx"), pixels()
    classifier = load(f"{path}:scale=-1..1,classes=cat/dog")
    assert torch.allclose(classifier.predict_logits(given), theirs(path, given * 2 - 1), atol=1e-4)
    assert (classifier.classes, classifier.size) == (("cat", "dog"), SIZE)
    given.requires_grad_()
    classifier(given).sum().backward()
    assert given.grad is not None and bool(given.grad.any())


def test_layers_are_listed_and_counted(tmp_path: Path) -> None:
    summary = describe(load(f"{written(tmp_path / 'net.onnx')}:scale=0..1"))
    kinds = [layer.kind for layer in summary.layers]
    assert kinds == ["convolution", "relu", "dense", "bias"]
    assert summary.parameters == 4 * 27 + 4 + 4 * 36 * 2 + 2


@pytest.mark.parametrize("ending", [["Softmax"], ["Softmax", "Identity"]])
def test_softmax_is_taken_off_or_undone(tmp_path: Path, ending: list[str]) -> None:
    path, given = written(tmp_path / "net.onnx", ending, classes=3), pixels()
    logits = load(f"{path}:scale=0..1").predict_logits(given)
    assert torch.allclose(logits.softmax(1), theirs(path, given), atol=1e-5)
    if ending == ["Softmax"]:
        assert not torch.allclose(logits.exp().sum(1), torch.ones(5), atol=1e-2)


def test_several_sigmoids_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "net.onnx", ["Sigmoid"])
    with pytest.raises(PasunchatError, match="2 probabilities that do not depend on each other"):
        load(f"{path}:scale=0..1")


@pytest.mark.parametrize("ending", [[], ["Sigmoid"], ["Sigmoid", "Identity"]])
def test_one_number_becomes_two_classes(tmp_path: Path, ending: list[str]) -> None:
    path, given = written(tmp_path / "net.onnx", ending, classes=1), pixels()
    logits, answer = load(f"{path}:scale=0..1").predict_logits(given), theirs(path, given)
    assert logits.shape == (5, 2)
    chance = answer if ending else answer.sigmoid()
    assert torch.allclose(logits.softmax(1)[:, 1:], chance, atol=1e-5)


def test_rows_columns_colours_and_levels_are_read(tmp_path: Path) -> None:
    path = written(tmp_path / "net.onnx", source=("n", SIZE, SIZE, 3), divide=1 / 255)
    classifier, given = load(path), pixels()
    levels = given.permute(0, 2, 3, 1) * 255
    assert torch.allclose(classifier.predict_logits(given), theirs(path, levels), atol=1e-4)


def test_a_file_for_one_row_takes_any_number(tmp_path: Path) -> None:
    path = written(tmp_path / "net.onnx", source=(1, 3, SIZE, SIZE), reshape=(1, 144))
    classifier, given = load(f"{path}:scale=0..1"), pixels()
    assert isinstance(classifier.network.network, InParts)
    one_by_one = torch.cat([theirs(path, row[None]) for row in given])
    assert torch.allclose(classifier.predict_logits(given), one_by_one, atol=1e-4)


def test_one_that_fixes_the_rows_for_no_reason_is_asked_at_once(tmp_path: Path) -> None:
    path = written(tmp_path / "net.onnx", source=(1, 3, SIZE, SIZE))
    assert not isinstance(load(f"{path}:scale=0..1").network.network, InParts)


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        (TensorProto.DOUBLE, np.float32),
        (TensorProto.FLOAT16, np.float32),
        (TensorProto.FLOAT16, np.float16),
    ],
)
def test_numbers_of_half_precision_or_double(tmp_path: Path, kind: int, number: Any) -> None:
    path, given = written(tmp_path / "net.onnx", kind=kind, number=number), pixels()
    classifier = load(f"{path}:scale=0..1")
    asked = given.half() if kind == TensorProto.FLOAT16 else given.double()
    apart = 0.05 if kind == TensorProto.FLOAT16 else 1e-4
    assert torch.allclose(classifier.predict_logits(given), theirs(path, asked).float(), atol=apart)
    given.requires_grad_()
    classifier(given).sum().backward()
    assert given.grad is not None and bool(given.grad.any())


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_levels_in_bytes_are_taken_and_have_a_gradient(tmp_path: Path, layout: str) -> None:
    source = ("n", 3, SIZE, SIZE) if layout == "NCHW" else ("n", SIZE, SIZE, 3)
    path = written(tmp_path / "net.onnx", kind=TensorProto.UINT8, source=source, divide=1 / 255)
    classifier = load(path)  # what black and white are is stated by the type
    levels = torch.randint(0, 256, (5, 3, SIZE, SIZE), dtype=torch.uint8)
    asked = levels if layout == "NCHW" else levels.permute(0, 2, 3, 1)
    given = levels / 255
    assert torch.allclose(classifier.predict_logits(given), theirs(path, asked), atol=1e-4)
    assert torch.equal(
        classifier.predict_logits(given), classifier.predict_logits(given * 0.999 + 0.0005)
    )
    given.requires_grad_()
    classifier(given).sum().backward()
    assert given.grad is not None and bool(given.grad.any())


def test_rows_of_minus_one_are_any_number(tmp_path: Path) -> None:
    path, given = written(tmp_path / "net.onnx", source=(-1, 3, SIZE, SIZE)), pixels()
    classifier = load(f"{path}:scale=0..1")
    assert not isinstance(classifier.network.network, InParts)
    assert torch.allclose(classifier.predict_logits(given), theirs(path, given), atol=1e-4)


def test_weights_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    def spoil(graph: Any) -> None:
        bias = next(each for each in graph.initializer if each.name == "c")
        bias.CopyFrom(numpy_helper.from_array(np.full(2, np.nan, np.float32), "c"))

    path = changed(written(tmp_path / "net.onnx"), spoil)
    with pytest.raises(PasunchatError, match=r"infinite or undefined numbers .* check its weights"):
        load(f"{path}:scale=0..1")


def changed(path: Path, change: Callable[[Any], object]) -> Path:
    model = onnx.load(path)
    change(model.graph)
    onnx.save(model, path)
    return path


def second_output(graph: Any) -> None:
    graph.output.append(helper.make_tensor_value_info("v0", FLOAT, None))


def another_operator(graph: Any) -> None:
    graph.node[1].op_type = "Acos"


def pictures_out(graph: Any) -> None:
    graph.output[0].name = "v1"


@pytest.mark.parametrize(
    ("facts", "change", "named"),
    [
        ({"source": ("n", 2, SIZE, SIZE)}, None, "damaged|square images"),
        ({"source": ("n", 3, SIZE)}, None, "damaged|square images"),
        ({"source": ("n", 3, 8, 9)}, None, "8 x 9; expected squares"),
        ({"kind": TensorProto.INT64}, None, "expected an input of floats or uint8, .* of int64"),
        ({}, second_output, "expected one output, it has 2"),
        ({}, another_operator, "operators that are not known here: Acos"),
        ({}, pictures_out, r"expected \[N, classes\] numbers, it gives \[2, 4, 6, 6\]"),
        ({"source": ("n", 3, "h", "w")}, None, r"which size"),
    ],
)
def test_what_is_no_classifier_is_refused(
    tmp_path: Path, facts: dict[str, Any], change: Callable[[Any], object] | None, named: str
) -> None:
    path = written(tmp_path / "net.onnx", **facts)
    if change:
        changed(path, change)
    with pytest.raises(PasunchatError, match=named):
        load(f"{path}:scale=0..1")


def test_what_is_missing_is_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path / "net.onnx")
    with pytest.raises(PasunchatError, match=r"net\.onnx:scale=0\.\.1;"):
        load(path)
    with pytest.raises(PasunchatError, match="has 2 classes, but 3 names"):
        load(f"{path}:scale=0..1,classes=a/b/c")


def test_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(written(tmp_path / "whole.onnx").read_bytes()[:300])
    with pytest.raises(PasunchatError, match="damaged or no ONNX file"):
        load(f"{path}:scale=0..1")


def test_two_files_have_two_digests(tmp_path: Path) -> None:
    one, two = (written(tmp_path / name) for name in ("a.onnx", "b.onnx"))
    digests = [load(f"{path}:scale=0..1").digest() for path in (one, two, one)]
    assert digests[0] == digests[2] != digests[1]
    assert isinstance(load(f"{one}:scale=0..1"), Classifier)
