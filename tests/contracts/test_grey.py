"""A network for grey pictures, trained on scikit-learn's digits: wherever it comes from, it is
predicted, fooled and verified with, as one for colours is."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits
from torch import Tensor, nn

from pasunchat.__main__ import run
from pasunchat.attacks.fool import fool
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import Status
from pasunchat.classifiers.classifier import Classifier, as_pixels
from pasunchat.classifiers.export import FORMS, export
from pasunchat.classifiers.load import load
from pasunchat.classifiers.summary import describe
from pasunchat.errors import PasunchatError
from pasunchat.extras import keras_on_torch
from pasunchat.fooled.fool_photos import fool_photos
from pasunchat.fooled.receipt import verify
from pasunchat.measures.score import evaluate
from pasunchat.norms import LINF
from pasunchat.photos.prepare import prepare
from pasunchat.training.loop import train
from pasunchat.training.recipe import Recipe

SIZE, HIDDEN = 8, 32
SCALE = f"scale=0..1,size={SIZE}"
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation"),  # Keras and NumPy 2
    pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning"),
]


def digits() -> tuple[NDArray[np.uint8], Tensor]:
    """Grey images, uint8 [1797, 8, 8], and the digit on each."""
    found = load_digits()
    return (found.images * 255 / 16).round().astype(np.uint8), torch.from_numpy(found.target)


def trained() -> nn.Sequential:
    """Two dense layers that read nine of ten digits rightly."""
    images, labels = digits()
    inputs = torch.from_numpy(images).float().div(255).flatten(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(SIZE**2, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 10))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02)
    for _ in range(100):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(inputs), labels).backward()
        optimizer.step()
    return network.eval()


NETWORK = trained()
BATCH = torch.export.Dim("batch", min=1)


def as_image(*end: nn.Module) -> nn.Sequential:
    """It for [N, 1, 8, 8]."""
    return nn.Sequential(nn.Flatten(), *NETWORK, *end)


def in_python(folder: Path, flat: bool) -> Classifier:
    return Classifier(NETWORK if flat else as_image(nn.Softmax(1)), size=SIZE)


def as_torchscript(folder: Path, flat: bool) -> Classifier:
    network = torch.jit.script(NETWORK if flat else as_image())  # type: ignore[no-untyped-call]
    torch.jit.save(network, folder / "net.ts")  # type: ignore[no-untyped-call]
    return load(f"{folder / 'net.ts'}:{SCALE}")


def as_program(folder: Path, flat: bool) -> Classifier:
    network = NETWORK if flat else as_image(nn.Softmax(1))
    given = torch.zeros(2, SIZE**2) if flat else torch.zeros(2, 1, SIZE, SIZE)
    program = torch.export.export(network, (given,), dynamic_shapes=({0: BATCH},))
    torch.export.save(program, folder / "net.pt2")
    return load(f"{folder / 'net.pt2'}:{SCALE}")


def as_onnx(folder: Path, flat: bool) -> Classifier:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    shape = ["n", SIZE**2] if flat else ["n", 1, SIZE, SIZE]
    numbers = {n: v.detach().numpy() for n, v in NETWORK.state_dict().items()}
    nodes = [
        helper.make_node("Flatten", ["pixels"], ["row"]),
        helper.make_node("Gemm", ["row", "0.weight", "0.bias"], ["first"], transB=1),
        helper.make_node("Relu", ["first"], ["relu"]),
        helper.make_node("Gemm", ["relu", "2.weight", "2.bias"], ["logits"], transB=1),
        helper.make_node("Softmax", ["logits"], ["chances"]),
    ]
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("pixels", floats, shape)],
        [helper.make_tensor_value_info("chances", floats, None)],
        [onnx.numpy_helper.from_array(value, name) for name, value in numbers.items()],
    )
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), folder / "net.onnx")
    return load(f"{folder / 'net.onnx'}:scale=0..1")


def as_keras(folder: Path, flat: bool) -> Classifier:
    pytest.importorskip("keras")
    keras = keras_on_torch()
    model = keras.Sequential(
        [
            keras.layers.Input((SIZE**2,) if flat else (SIZE, SIZE, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(HIDDEN, "relu"),
            keras.layers.Dense(10, "softmax"),
        ]
    )
    model.set_weights(
        [v.detach().numpy().T for v in (*NETWORK[0].parameters(), *NETWORK[2].parameters())]
    )
    model.save(folder / "net.keras")
    return load(f"{folder / 'net.keras'}:scale=0..1")


SOURCES: dict[str, Callable[[Path, bool], Classifier]] = {
    "python": in_python,
    "torchscript": as_torchscript,
    "pt2": as_program,
    "onnx": as_onnx,
    "keras": as_keras,
}


@pytest.fixture(params=["image", "flat"])
def flat(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "flat")


@pytest.fixture(params=SOURCES)
def classifier(request: pytest.FixtureRequest, tmp_path: Path, flat: bool) -> Classifier:
    return SOURCES[request.param](tmp_path, flat)


def coloured(count: int) -> NDArray[np.uint8]:
    """Digits in one colour on another, uint8 [N, 8, 8, 3]."""
    rng = np.random.default_rng(0)
    shares = digits()[0][:count, :, :, None] / 255
    ink, paper = rng.integers(150, 256, (count, 1, 1, 3)), rng.integers(0, 60, (count, 1, 1, 3))
    noise = rng.integers(-4, 5, (count, SIZE, SIZE, 3))
    return (ink * shares + paper * (1 - shares) + noise).round().clip(0, 255).astype(np.uint8)


def turned_grey(images: NDArray[np.uint8]) -> Tensor:
    """What the network was trained to see of them: by Pillow, float [N, 64] in [0, 1]."""
    rows = [np.asarray(Image.fromarray(image).convert("L")) for image in images]
    return torch.from_numpy(np.stack(rows)).float().div(255).flatten(1)


def test_it_sees_what_pillow_makes_grey_of_a_coloured_photo(classifier: Classifier) -> None:
    images = coloured(40)
    found = classifier.logits(images)
    with torch.no_grad():
        expected = NETWORK(turned_grey(images))
    assert torch.allclose(found, expected, atol=1e-4)
    labels = digits()[1][:40]
    assert (found.argmax(1) == labels).float().mean() > 0.7


def test_it_is_fooled_and_the_picture_is_verified(classifier: Classifier, tmp_path: Path) -> None:
    photo = tmp_path / "digit.png"
    Image.fromarray(coloured(1)[0]).save(photo)
    (found,) = fool_photos(classifier, [photo], tmp_path / "fooled")
    outcome = found.outcome
    assert outcome.fooled and outcome.after.confidence > 0.95
    picture = found.folder / outcome.picture
    assert verify(picture, classifier, photo).holds
    with Image.open(picture) as saved:
        assert saved.mode == "RGB"
        changed = np.asarray(saved)
    with torch.no_grad():
        alone = NETWORK(turned_grey(changed[None])).softmax(1)[0]
    assert int(alone.argmax()) == int(outcome.after.label)
    assert float(alone.max()) == pytest.approx(outcome.after.confidence, abs=1e-4)


def test_its_summary_has_one_channel(classifier: Classifier) -> None:
    found = describe(classifier, SIZE)
    assert found.channels == 1
    assert found.multiply_adds == SIZE**2 * HIDDEN + HIDDEN * 10


@pytest.mark.parametrize("form", ["onnx", "pt2"])
def test_it_is_exported_as_a_network_for_colours(tmp_path: Path, form: str) -> None:
    if form == "onnx":
        for name in ("onnx", "onnxruntime", "onnxscript"):
            pytest.importorskip(name)
    assert form in FORMS
    names = tuple("abcdefghij")
    classifier = Classifier(as_image(nn.Softmax(1)), size=SIZE, classes=names)
    images = coloured(6)
    export(classifier, tmp_path / f"net.{form}", form, as_pixels(images))
    again = load(tmp_path / f"net.{form}")
    assert again.adapter is not None and again.adapter.channels == "RGB"
    assert again.classes == names
    assert torch.allclose(again.logits(images), classifier.logits(images), atol=1e-4)


def test_within_a_radius_the_grey_stays_within_it() -> None:
    """Grey is a mean of the colours, so that LINF in colours is LINF in grey; and a grey photo
    leaves its class by the same change in all three."""
    pixels = as_pixels(np.repeat(digits()[0][:8, :, :, None], 3, 3))
    labels = NETWORK(pixels[:, 0].flatten(1)).argmax(1)
    found = fool(
        Classifier(NETWORK), pixels, goal=Goal(labels, targeted=False), norm=LINF,
        radius=0.2, levels=None,
    )  # fmt: skip
    assert Status.REACHED in found.status
    grey = found.pixels.mul(torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1)
    assert float((grey - pixels[:, 0]).abs().max()) <= 0.2 + 1e-4
    read = NETWORK(grey.flatten(1)).argmax(1)
    for status, now, was in zip(found.status, read, labels, strict=True):
        assert (status is Status.REACHED) == bool(now != was)


def test_mean_and_std_of_grey_are_one_number() -> None:
    images = coloured(5)
    classifier = Classifier(as_image(), mean=0.1307, std=0.3081)
    with torch.no_grad():
        expected = NETWORK((turned_grey(images) - 0.1307) / 0.3081)
    assert torch.allclose(classifier.logits(images), expected, atol=1e-4)
    three = Classifier(as_image(), mean=(0.5, 0.5, 0.5), channels="L")
    with pytest.raises(PasunchatError, match="mean and std are one number each; got 3"):
        three.logits(images)


def test_grey_may_be_stated_for_a_network_that_takes_both() -> None:
    images = coloured(5)
    mean_of_all = nn.Sequential(nn.AdaptiveAvgPool3d((1, 1, 2)), nn.Flatten())
    colours, grey = Classifier(mean_of_all), Classifier(mean_of_all, channels="L")
    expected = mean_of_all(turned_grey(images).view(-1, 1, SIZE, SIZE))
    assert torch.allclose(grey.logits(images), expected, atol=1e-5)
    assert not torch.allclose(colours.logits(images), expected, atol=1e-3)


def test_a_network_that_runs_on_neither_says_why() -> None:
    with pytest.raises(RuntimeError, match="channels"):
        Classifier(nn.Sequential(nn.Conv2d(4, 2, 3), nn.Flatten()))(torch.rand(1, 3, SIZE, SIZE))


def test_grey_pixels_are_three_equal_colours() -> None:
    """As a loader of MNIST gives them, [N, 1, H, W]."""
    images, labels = digits()
    one = torch.from_numpy(images[:4, None]).float() / 255
    found = fool(Classifier(NETWORK), one, labels[:4], norm=LINF)
    assert found.photos.shape == (4, 3, SIZE, SIZE)
    with torch.no_grad():
        assert torch.allclose(found.before_logits, NETWORK(one.flatten(1)), atol=1e-5)
    assert set(found.status) == {Status.REACHED}


def test_a_folder_of_grey_files_is_trained_on_and_evaluated(tmp_path: Path) -> None:
    """By a network of ours, for colours; and by the grey one, which knows eight digits more."""
    images, labels = digits()
    for digit in (0, 1):
        (tmp_path / "photos" / str(digit)).mkdir(parents=True)
        for number, image in enumerate(images[labels.numpy() == digit][:60]):
            Image.fromarray(image).save(tmp_path / "photos" / str(digit) / f"{number}.png")
    dataset = prepare([tmp_path / "photos"], tmp_path / "data", size=SIZE)
    ours = train(dataset, Recipe(network="linear", epochs=30), tmp_path / "ours")
    assert evaluate(load(ours.folder), dataset, "all").accuracy > 0.9
    found = evaluate(Classifier(as_image(), size=SIZE), dataset, "all")
    assert found.left_out == 8
    assert found.accuracy > 0.9


def test_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    as_torchscript(tmp_path, False)
    Image.fromarray(digits()[0][3]).save("three.png")  # a grey file
    model = f"net.ts:{SCALE},channels=grey"
    assert run(["predict", "three.png", "--model", model]) == 0
    assert "3" in capsys.readouterr().out
    assert run(["summary", model]) == 0
    assert "8x8 pixels, turned grey" in capsys.readouterr().out
    assert run(["fool", "three.png", "--model", model, "-o", "fooled"]) == 0
