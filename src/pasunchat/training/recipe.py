"""Recipe: every setting of a training as a value. The defaults are the talk's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pasunchat.errors import PasunchatError


@dataclass(frozen=True)
class Augment:
    """What is done to a training photo each time it is seen; all off by default.

    crop: least side of the part that is kept, as a share of the picture's (1: the whole).
    flip: chance of the mirror image. brightness: largest shift, in the range of pixels.
    contrast, colour: largest relative change, of all and of each colour. grey: chance to lose
    colour. erase: chance that a square of 15 to 40 % of the side is blanked. mixup: the strength
    alpha of blending with another photo of the batch (Zhang et al. 2018); 0 is off.
    """

    crop: float = 1.0
    flip: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    colour: float = 0.0
    grey: float = 0.0
    erase: float = 0.0
    mixup: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.crop <= 1:
            raise PasunchatError(f"augment.crop: expected a share above 0, at most 1: {self.crop}")
        for name in ("flip", "grey", "erase"):
            if not 0 <= getattr(self, name) <= 1:
                raise PasunchatError(f"augment.{name}: expected a chance from 0 to 1")
        for name in ("brightness", "contrast", "colour", "mixup"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise PasunchatError(f"augment.{name}: expected a number of at least 0")


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    network: as NETWORKS spells it ("dense:units=64"). epochs: passes through the training photos,
    at most. patience: epochs without a lower validation loss after which training stops; None
    trains all epochs. The weights of the lowest validation loss are kept in any case.

    lr: the step size of AdamW, which with weight_decay 0 is Adam; biases and norms never decay.
    warmup: steps over which the rate rises from 0. final_lr: the rate at the last step, as a share
    of lr, reached along a cosine; 1 keeps the rate. clip: largest norm of the gradient, or None.
    label_smoothing: share of the label given to all classes. ema: how much of the running mean of
    the weights is kept at each step (0.999); what is measured and kept is then that mean.

    sides: sides of the training pictures in pixels, one after the other for equal parts of the
    epochs; empty: their own size. mirrored: the classifier averages a picture and its mirror image.
    teacher: a trained model to learn from too (Hinton et al. 2015); teacher_share: of the loss;
    temperature: of both answers. seed: of weights, order and augmentation.
    precision: fp32 or bf16.

    unfreeze: of a base that comes pretrained, how many of its last parts are trained too, or "all";
    with 0 its features are kept and only the head is trained. base_lr: the base's rate as a share.
    """

    network: str = "simple"
    epochs: int = 100
    patience: int | None = 1
    batch_size: int = 32
    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    warmup: int = 0
    final_lr: float = 1.0
    clip: float | None = None
    label_smoothing: float = 0.0
    ema: float | None = None
    augment: Augment = field(default_factory=Augment)
    sides: tuple[int, ...] = ()
    mirrored: bool = False
    teacher: str | None = None
    teacher_share: float = 0.5
    temperature: float = 4.0
    unfreeze: int | Literal["all"] = 0
    base_lr: float = 0.1
    seed: int = 0
    precision: str = "fp32"

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 1), ("patience", 1), ("warmup", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise PasunchatError(f"{name}: expected {least} or more, got {value}")
        if self.unfreeze != "all" and self.unfreeze < 0:
            raise PasunchatError(f"unfreeze: expected 0 or more, or all, got {self.unfreeze}")
        if not 0 < self.lr < float("inf"):
            raise PasunchatError(f"lr: expected a number above 0, got {self.lr}")
        for name in ("final_lr", "label_smoothing", "teacher_share", "base_lr"):
            if not 0 <= getattr(self, name) <= 1:
                raise PasunchatError(f"{name}: expected 0 to 1, got {getattr(self, name)}")
        if self.ema is not None and not 0 <= self.ema < 1:
            raise PasunchatError(f"ema: expected 0 or more, below 1, got {self.ema}")


STRONG = Recipe(
    epochs=60,
    patience=None,
    batch_size=64,
    lr=4e-3,
    betas=(0.9, 0.99),
    weight_decay=0.05,
    warmup=200,
    final_lr=0.001,
    clip=5.0,
    label_smoothing=0.05,
    ema=0.999,
    augment=Augment(
        crop=0.6, flip=0.5, brightness=0.06, contrast=0.25, colour=0.08, grey=0.15, erase=0.25
    ),
    mirrored=True,
)

HEAD = Recipe(
    network="efficientnet-lite0",
    epochs=30,
    patience=5,
    batch_size=64,
    lr=3e-4,
    weight_decay=0.1,
    final_lr=0.01,
)

RECIPES: Mapping[str, Recipe] = {"talk": Recipe(), "strong": STRONG, "head": HEAD}

USUAL: Mapping[str, str] = {
    "tiny": "strong",
    "residual": "strong",
    "vgg16": "head",
    "efficientnet-lite0": "head",
}


def usual_recipe(network: str) -> str:
    """The name of the recipe that a network is trained by when none is named."""
    return USUAL.get(network.partition(":")[0], "talk")
