"""Recipe: every setting of a training as one value, and what the settings mean for a given step.

A run keeps its recipe as recipe.json. RECIPES holds the named ones; the defaults are the talk's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil, cos, pi
from typing import Literal

from pasunchat.errors import PasunchatError


@dataclass(frozen=True)
class Augment:
    """Random changes of a training photo, drawn again in each epoch; all are off by default."""

    crop: float = 1.0  # smallest side of the random crop, as a share of the image's; 1: no crop
    flip: float = 0.0  # probability of the mirror image
    brightness: float = 0.0  # largest shift of all values, on the scale of pixels, 0 to 1
    contrast: float = 0.0  # largest relative change of the distances from the image's mean
    colour: float = 0.0  # largest relative change of each colour channel
    grey: float = 0.0  # probability of losing all colour
    erase: float = 0.0  # probability of a grey square of 15 to 40 % of the side
    mixup: float = 0.0  # alpha of the blending of pairs (Zhang et al. 2018); 0: none

    def __post_init__(self) -> None:
        if not 0 < self.crop <= 1:
            raise PasunchatError(f"augment.crop: expected a share above 0, at most 1: {self.crop}")
        for name in ("flip", "grey", "erase"):
            if not 0 <= getattr(self, name) <= 1:
                raise PasunchatError(f"augment.{name}: expected a probability from 0 to 1")
        for name in ("brightness", "contrast", "colour", "mixup"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise PasunchatError(f"augment.{name}: expected a number of at least 0")


LEAST = {
    "epochs": 1,
    "batch_size": 1,
    "steps_per_epoch": 1,
    "patience": 1,
    "warmup": 0,
    "copies": 0,
}.items()


def steps_of_pass(photos: int, batch_size: int) -> int:
    """The batches of one pass through the photos. One photo left over joins the last batch: batch
    norm learns nothing from a photo alone."""
    whole, left = divmod(photos, batch_size)
    return max(1, whole + (left > 1))


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. Raises PasunchatError for a value out of its range.

    The weights of the epoch with the lowest validation loss are kept in any case; of a defended
    training, those of the epoch with the highest robust accuracy on validation photos.
    """

    network: str = "simple"  # a name in NETWORKS, with its settings: "dense:units=64"
    start: str | None = None  # a trained run, or a shipped model, whose weights it begins from
    defend: str | None = None  # against attacks: "linf:1/255", "l2:0.5"; for votes: "noise:0.25"
    epochs: int = 100  # passes through the training photos, at most
    patience: int | None = 1  # epochs without a lower validation loss before it stops; None: all
    batch_size: int = 32  # photos in a step
    steps_per_epoch: int = 1  # at least: an epoch goes through few photos several times
    lr: float = 1e-3  # learning rate of AdamW, which is Adam while weight_decay is 0
    betas: tuple[float, float] = (0.9, 0.999)  # of AdamW's two running means
    weight_decay: float = 0.0  # of AdamW; biases and normalisation layers never decay
    warmup: int = 0  # steps over which the learning rate rises in a line from 0
    final_lr: float = 1.0  # learning rate of the last step, as a share of lr; 1: constant
    clip: float | None = None  # largest L2 norm of the gradient
    label_smoothing: float = 0.0  # share of each label that is spread over all classes
    ema: float | None = None  # decay of a running mean of the weights, which is then measured, kept
    augment: Augment = field(default_factory=Augment)
    copies: int = 0  # augmented copies of each photo, kept and shown in turn; 0: always a new one
    resolutions: tuple[int, ...] = ()  # picture sizes in pixels, in turn; empty: the dataset's
    mirrored: bool = False  # the classifier averages the logits of an image and its mirror image
    teacher: str | None = None  # a trained model to imitate too (Hinton, Vinyals, Dean 2015)
    teacher_share: float = 0.5  # of the loss, for the teacher's part
    temperature: float = 4.0  # of both softmaxes in the teacher's part
    unfreeze: int | Literal["all"] = 0  # last parts of a pretrained base to train; 0: only the head
    base_lr: float = 0.1  # learning rate of a pretrained base, as a share of lr
    seed: int = 0  # of the first weights, the order of the photos and the augmentation
    precision: str = "fp32"  # or bf16

    def __post_init__(self) -> None:
        for name, least in LEAST:
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

    def passes(self, photos: int) -> int:
        """How often an epoch goes through so many training photos."""
        return ceil(self.steps_per_epoch / steps_of_pass(photos, self.batch_size))

    def lr_at(self, step: int, steps: int) -> float:
        """The learning rate of step `step` (from 0) of `steps`.

        It rises in a line during the warm-up, and falls from lr to final_lr * lr along half a
        cosine over all steps (Loshchilov and Hutter 2017).
        """
        warm = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        done = min(1.0, step / max(1, steps - 1))
        share = warm * (self.final_lr + (1 - self.final_lr) * (1 + cos(pi * done)) / 2)
        return self.lr * share

    def resolution_at(self, epoch: int) -> int | None:
        """The side in pixels of the pictures of an epoch (from 0); None: the dataset's.

        Each of `resolutions` is used for an equal part of `epochs`.
        """
        if not self.resolutions:
            return None
        index = epoch * len(self.resolutions) // self.epochs
        return self.resolutions[min(index, len(self.resolutions) - 1)]


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

DEFENDED = replace(STRONG, epochs=10, lr=1e-3, warmup=0, label_smoothing=0.0, ema=0.98, copies=4)

HEAD = Recipe(
    network="efficientnet-lite0",
    epochs=30,
    patience=5,
    batch_size=64,
    steps_per_epoch=50,
    lr=3e-4,
    weight_decay=0.1,
    final_lr=0.01,
)

TALK = Recipe(steps_per_epoch=50)  # the talk's photos give more

RECIPES: Mapping[str, Recipe] = {
    "talk": TALK,
    "strong": STRONG,
    "head": HEAD,
    "defended": DEFENDED,
}

USUAL: Mapping[str, str] = {  # network -> recipe; every other network has "talk"
    "tiny": "strong",
    "residual": "strong",
    "vgg16": "head",
    "efficientnet-lite0": "head",
}


def usual_recipe(network: str, *, defended: bool = False) -> str:
    """The name of a network's default recipe, or of the one for defences."""
    if defended:
        return "defended"
    return USUAL.get(network.partition(":")[0], "talk")
