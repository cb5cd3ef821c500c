"""Photos of every kind that people have are the same pixels."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from pasunchat.attacks.fool import fool
from pasunchat.attacks.problem import Goal
from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.inputs import off_grid, pixels_of

SIZE = 6
IMAGES = np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 3), dtype=np.uint8)
PIXELS = torch.from_numpy(IMAGES).permute(0, 3, 1, 2) / 255
KINDS: dict[str, Callable[[], Any]] = {
    "pixels": lambda: PIXELS,
    "pixels with a gradient": lambda: PIXELS.clone().requires_grad_(),
    "pixels of a computation": lambda: PIXELS.clone().requires_grad_() * 1,
    "doubles": PIXELS.double,
    "bytes": lambda: (PIXELS * 255).round().byte(),
    "bytes, colours last": lambda: torch.from_numpy(IMAGES),
    "list of pixels": lambda: list(PIXELS),
    "tuple of one each": lambda: (PIXELS[:1], PIXELS[1]),
    "images": lambda: IMAGES,
    "read-only images": lambda: np.broadcast_to(IMAGES, IMAGES.shape),
    "mirrored twice": lambda: IMAGES[:, ::-1].copy()[:, ::-1],
    "list of images": lambda: list(IMAGES),
    "floats, colours last": lambda: IMAGES / 255,
    "floats, colours first": PIXELS.numpy,
    "big-endian floats": lambda: (IMAGES / 255).astype(">f4"),
    "Pillow images": lambda: [Image.fromarray(image) for image in IMAGES],
    "a generator": lambda: (Image.fromarray(image) for image in IMAGES),
    "mixed": lambda: [PIXELS[0], Image.fromarray(IMAGES[1])],
}


class Mean(nn.Module):
    """Two logits: the means of red and of green."""

    def forward(self, pixels: Tensor) -> Tensor:
        return pixels[:, :2].mean((2, 3))


@pytest.fixture
def classifier() -> Classifier:
    return Classifier(Mean(), size=SIZE)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_the_same_pixels(kind: str, classifier: Classifier) -> None:
    pixels = pixels_of(KINDS[kind](), classifier)
    assert pixels.dtype == torch.float32 and not pixels.requires_grad
    assert torch.allclose(pixels, PIXELS, rtol=0, atol=1e-6) and not off_grid(pixels, 256)


def test_one_photo_is_a_batch_of_one(classifier: Classifier, tmp_path: Path) -> None:
    image = Image.fromarray(IMAGES[0])
    image.save(tmp_path / "rex.png")
    for photo in (PIXELS[0], IMAGES[0], image, tmp_path / "rex.png", str(tmp_path / "rex.png")):
        assert torch.allclose(pixels_of(photo, classifier), PIXELS[:1], rtol=0, atol=1e-6)


def test_grey_and_palette_images_become_colours(classifier: Classifier) -> None:
    grey = IMAGES[0, :, :, 0]
    wanted = torch.from_numpy(grey)[None, None].expand(1, 3, SIZE, SIZE) / 255
    tensor = torch.from_numpy(grey)[None, None]
    for photo in (grey, grey / 255, grey[None], grey[..., None], tensor, tensor[0] / 255):
        assert torch.allclose(pixels_of(photo, classifier), wanted, rtol=0, atol=1e-6)
    for photo in (Image.fromarray(grey), Image.fromarray(grey).convert("P")):
        assert torch.allclose(pixels_of(photo, classifier), wanted, rtol=0, atol=1e-6)


def test_pillow_images_are_upright_and_framed_as_files_are(
    classifier: Classifier, tmp_path: Path
) -> None:
    path = tmp_path / "turned.jpg"
    wide = np.repeat(IMAGES[0], 2, axis=1)
    Image.fromarray(wide).save(path, exif=_turned(), quality=95)
    with Image.open(path) as opened:
        assert torch.equal(pixels_of(opened, classifier), pixels_of(path, classifier))
    with Image.open(path) as opened:
        bare = pixels_of(opened, Classifier(Mean()))
    assert bare.shape == (1, 3, 2 * SIZE, SIZE)  # its own, where no size is stated


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def test_a_value_that_rounding_put_outside_is_put_back(classifier: Classifier) -> None:
    over = torch.tensor([[0.0, 1.0]] * 18).reshape(1, 3, 2, 6) + 2e-7 * torch.tensor([-1, 1] * 3)
    assert float(pixels_of(over, classifier).max()) == 1.0
    assert float(pixels_of(over, classifier).min()) == 0.0


@pytest.mark.parametrize(
    ("photos", "match"),
    [
        ([], "one or more, got none"),
        ([PIXELS[0], PIXELS[0, :, :3]], "one height and width"),
        (IMAGES.astype(np.int64), r"got int64 \[2, 6, 6, 3\]"),
        (np.array(["rex.jpg"]), r"got <U7 \[1\]"),
        (np.dstack([IMAGES[0], IMAGES[0, :, :, :1]]), r"got torch.uint8 \[6, 6, 4\]"),
        ({"pixel_values": PIXELS}, "got dict"),
        (3, "paths of files, got int"),
        ([[0.5]], "paths of files, got list"),
    ],
    ids=["none", "sizes", "integers", "words", "four channels", "a dict", "a number", "lists"],
)
def test_what_is_no_photo(photos: object, match: str, classifier: Classifier) -> None:
    with pytest.raises(PasunchatError, match=match) as caught:
        pixels_of(photos, classifier)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("classes", [[0, 1], np.array([0, 1]), torch.tensor([0, 1]).int()])
def test_a_goal_s_classes_may_be_a_list(classes: NDArray[np.int64]) -> None:
    goal = Goal(classes, targeted=False)  # type: ignore[arg-type]
    assert goal.classes.dtype == torch.int64 and goal.classes.tolist() == [0, 1]


@pytest.mark.parametrize("classes", [torch.eye(2), torch.tensor([0.0, 1.0]), "cat", None, [True]])
def test_a_goal_of_no_classes_is_refused(classes: Any) -> None:
    with pytest.raises(PasunchatError, match="classes of a goal: expected int64"):
        Goal(classes)


def test_photos_with_a_gradient_are_fooled_and_left_as_they_are() -> None:
    photos = PIXELS.clone().requires_grad_()
    found = fool(Mean(), photos)
    assert photos.requires_grad and photos.grad is None
    assert not found.pixels.requires_grad and not found.photos.requires_grad


def test_normalisation_lives_where_the_network_does() -> None:
    network = nn.Linear(2, 2, device="meta")
    assert Classifier(network, mean=(0.5, 0.4, 0.3)).mean.device.type == "meta"
