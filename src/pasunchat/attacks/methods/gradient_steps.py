"""Steps of one length along the gradient, inside a radius: FGSM, BIM, PGD and the transfer family.

    x <- project(x + step * steepest(gradient)),  steepest = sign in LINF

FGSM (Goodfellow et al. 2015, arXiv:1412.6572) is one step as long as the radius. BIM (Kurakin et
al. 2017, arXiv:1607.02533) makes several. PGD (Madry et al. 2018, arXiv:1706.06083) starts anywhere
inside the radius. What makes a change transfer to other networks are settings:

    momentum   g <- momentum g + gradient / mean |gradient|, a step along g (MI-FGSM: Dong et al.
               2018, arXiv:1710.06081)
    nesterov   the gradient is taken ahead, at x + step * momentum * g (NI-FGSM: Lin et al. 2020,
               arXiv:1908.06281)
    blur       the gradient is blurred by a Gaussian kernel (TI-FGSM: Dong et al. 2019,
               arXiv:1904.02884)
    variance   v, the mean gradient at neighbours less the one at x, of the step before is added to
               the gradient (VMI-FGSM: Wang and He 2021, arXiv:2103.15571)
    views      the gradient is the mean over changed copies of x (DIM, SIM, Admix, EOT: views.py)

They are one search with several settings, which may be combined.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from math import inf

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from pasunchat.attacks.losses import LOSSES, LossName
from pasunchat.attacks.methods.views import VIEWS, Drawn, ViewsName, draw_others
from pasunchat.attacks.problem import Problem
from pasunchat.attacks.protocol import (
    Answer,
    AttackInfo,
    Query,
    Views,
    query_inside,
    refuse_below_one,
)
from pasunchat.norms import batch_view

ALL_STEPS = 2.5  # radii: the length of all steps of PGD together
NEIGHBOURS = 20  # of VMI-FGSM
DEVIATIONS = 3.0  # standard deviations that the blurring kernel spans to either side


@dataclass(frozen=True)
class GradientStepsState:
    """Where each row is."""

    iterate: Tensor  # [N, 3, H, W], not rounded
    direction: Tensor  # [N, 3, H, W]: g, the gradients so far
    variance: Tensor  # [N, 3, H, W]: v
    others: Tensor  # [N, M, 3, H, W]: photos to mix in; M is 0 where the views need none
    keys: Tensor  # int64 [N]
    radius: Tensor  # [N]


@dataclass(frozen=True)
class GradientSteps:
    """Steps of one length along the gradient."""

    steps: int = 40  # gradients
    step_size: float | None = None  # length of a step as a share of the radius; none: 2.5 / steps
    random: bool = True  # start anywhere inside the radius, else at the photo
    momentum: float = 0.0  # the share that is kept of the gradients before
    nesterov: bool = False  # take the gradient ahead, where momentum alone would lead
    blur: int = 0  # side of the kernel that blurs the gradient, in pixels; 0: none
    variance: float = 0.0  # how far neighbours are, in radii, whose gradients steady it; 0: none
    views: ViewsName = "plain"  # changed copies over which the gradient is averaged
    loss_function: LossName = "margin"  # what rises: margin, ce or dlr

    def __post_init__(self) -> None:
        refuse_below_one(self, "steps")
        for name in ("step_size", "momentum", "variance"):
            if not 0 <= (value := getattr(self, name) or 0.0) < inf:
                raise ValueError(f"{name}: expected a number of at least 0, got {value}")
        if self.blur < 0 or (self.blur and self.blur % 2 == 0):
            raise ValueError(f"blur: expected 0 or an odd number of pixels, got {self.blur}")
        if self.views not in VIEWS:
            raise ValueError(f"views: expected one of {', '.join(VIEWS)}, got {self.views}")
        if self.variance and self.views != "plain":
            raise ValueError("variance and views: expected one of them, got both")

    @property
    def info(self) -> AttackInfo:
        """What these settings are, and whose."""
        about, paper = self._about()
        return AttackInfo(
            about=about,
            paper=paper,
            norms=("linf", "l2", "l1"),
            aims=("within",),
            when=self._when(),
            cost=self._cost(),
        )

    def start(self, problem: Problem, keys: Tensor) -> GradientStepsState:
        radius, views = problem.usable_radius(), VIEWS[self.views]
        photo, zero = problem.pixels, torch.zeros_like(problem.pixels)
        others = photo[:, None][:, :0]
        if views is not None and views.others:
            others = draw_others(photo, problem.goal.classes, keys, views.others)
        iterate = problem.sample(radius, keys) if self.random else photo
        return GradientStepsState(iterate, zero, zero, others, keys, radius)

    def ask(self, problem: Problem, state: GradientStepsState, step: int) -> Query:
        pixels = state.iterate
        if self.nesterov:
            ahead = batch_view(self._length(state) * self.momentum) * state.direction
            pixels = problem.inside(state.radius, pixels + ahead)
        return query_inside(problem, state.radius, pixels, self._views(step))

    def loss(self, problem: Problem, state: GradientStepsState, logits: Tensor) -> Tensor:
        return LOSSES[self.loss_function](logits, problem.goal)

    def step(
        self, problem: Problem, state: GradientStepsState, answer: Answer, step: int
    ) -> GradientStepsState:
        assert answer.gradient is not None
        gradient, variance = answer.gradient, state.variance
        if self.variance:
            assert answer.view_gradients is not None
            here, near = answer.view_gradients[:, 0], answer.view_gradients[:, 1:].mean(1)
            gradient, variance = here + state.variance, near - here
        if self.blur:
            gradient = blurred(gradient, self.blur)
            gradient = gradient if problem.mask is None else gradient * problem.mask
        if self.momentum:
            size = gradient.abs().mean((1, 2, 3)).clamp_min(torch.finfo(gradient.dtype).tiny)
            gradient = self.momentum * state.direction + gradient / batch_view(size)
        ahead = state.iterate + batch_view(self._length(state)) * problem.norm.step(gradient)
        iterate = problem.inside(state.radius, ahead)
        return replace(state, iterate=iterate, direction=gradient, variance=variance)

    def _length(self, state: GradientStepsState) -> Tensor:
        """The length of a step, [N]."""
        share = ALL_STEPS / self.steps if self.step_size is None else self.step_size
        return state.radius * share

    def _views(self, step: int) -> Views | None:
        """The copies of the pixels that the gradient is taken at."""
        if self.variance:
            return Views(1 + NEIGHBOURS, lambda *given: self._neighbour(*given, step=step))
        views = VIEWS[self.views]
        if views is None:
            return None
        return Views(
            views.count,
            lambda _problem, state, pixels, index: views.view(
                pixels, Drawn(state.keys, state.others, step, index)
            ),
        )

    def _neighbour(
        self,
        problem: Problem,
        state: GradientStepsState,
        pixels: Tensor,
        index: int,
        *,
        step: int,
    ) -> Tensor:
        """The pixels first, then neighbours drawn around them."""
        if index == 0:
            return pixels
        keys = state.keys + (step * NEIGHBOURS + index)
        radius = self.variance * state.radius
        return pixels + problem.norm.sample(keys, pixels.shape[1:], radius)

    def _about(self) -> tuple[str, str]:
        """What the settings do, and the paper they are of."""
        if self.variance:
            return (
                "momentum, and gradients steadied by those of neighbours",
                "VMI-FGSM: Wang and He 2021, arXiv:2103.15571",
            )
        if self.views != "plain":
            return {
                "resized": (
                    "steps along the gradient of pictures resized and padded at random",
                    "DIM: Xie et al. 2019, arXiv:1803.06978",
                ),
                "scaled": (
                    "steps along the mean gradient of the picture and darker copies",
                    "SIM: Lin et al. 2020, arXiv:1908.06281",
                ),
                "mixed": (
                    "steps along the mean gradient of the picture mixed with others",
                    "Admix: Wang et al. 2021, arXiv:2102.00436",
                ),
                "repeated": (
                    "steps along the mean of several gradients of a random classifier",
                    "EOT: Athalye et al. 2018, arXiv:1802.00420",
                ),
            }[self.views]
        if self.blur:
            return (
                "steps along the blurred gradient",
                "TI-FGSM: Dong et al. 2019, arXiv:1904.02884",
            )
        if self.nesterov:
            return (
                "momentum, and the gradient taken where it would lead",
                "NI-FGSM: Lin et al. 2020, arXiv:1908.06281",
            )
        if self.momentum:
            return (
                "steps of one length along the mean of the gradients",
                "MI-FGSM: Dong et al. 2018, arXiv:1710.06081",
            )
        if self.random:
            return (
                "steps of one length along the gradient, from anywhere inside the radius",
                "PGD: Madry et al. 2018, arXiv:1706.06083",
            )
        if self.steps == 1:
            return (
                "one step along the gradient",
                "FGSM: Goodfellow et al. 2015, arXiv:1412.6572",
            )
        return "steps along the gradient", "BIM: Kurakin et al. 2017, arXiv:1607.02533"

    def _when(self) -> str:
        if self.views == "repeated":
            return "for classifiers that answer at random"
        if self.momentum or self.blur or self.views != "plain":
            return "for a change inside a radius that fools other networks too"
        if self.random:
            return "the common yardstick inside a radius"
        return "for a first, quick answer inside a radius"

    def _cost(self) -> str:
        views = VIEWS[self.views]
        each = 1 + NEIGHBOURS if self.variance else views.count if views else 1
        gradients = self.steps * each
        return f"{gradients} gradient{'s' * (gradients > 1)}, less where one fools"


def blurred(gradient: Tensor, side: int) -> Tensor:
    """A gradient [N, 3, H, W] blurred by a Gaussian kernel, each channel alone."""
    channels = gradient.shape[1]
    kernel = _gaussian(side).to(gradient).expand(channels, 1, side, side)
    return conv2d(gradient, kernel, padding=side // 2, groups=channels)


@lru_cache(maxsize=16)
def _gaussian(side: int) -> Tensor:
    """[side, side], with a sum of 1."""
    place = torch.linspace(-DEVIATIONS, DEVIATIONS, side) if side > 1 else torch.zeros(1)
    line = torch.exp(-place.square() / 2)
    return torch.outer(line, line) / line.sum().square()


FGSM = GradientSteps(steps=1, step_size=1.0, random=False)
BIM = GradientSteps(steps=10, step_size=0.1, random=False)
PGD = GradientSteps()
MI_FGSM = replace(BIM, momentum=1.0)
NI_FGSM = replace(MI_FGSM, nesterov=True)
TI_FGSM = replace(BIM, blur=15)
VMI_FGSM = replace(MI_FGSM, variance=1.5)
DIM = replace(MI_FGSM, views="resized")
SIM = replace(NI_FGSM, views="scaled")
ADMIX = replace(MI_FGSM, views="mixed")
EOT_PGD = replace(PGD, views="repeated")
