"""The peers: adv-lib, Foolbox and torchattacks, each as its own users would call it.

They are installed with every extra, in the versions of constraints.txt and without what they say
they depend on, by

    make .venv-extras/installed
    .venv-extras/bin/python benchmarks/attacks.py run ...

What they import and never use here (visdom, git) is put in their place by `ready`, and the
operators without which torchvision does not import beside a torch of another build. AutoAttack is
on no package index; torchattacks and adv-lib hold copies of its APGD.
"""

import importlib.util
import math
import sys
import types
from collections.abc import Mapping
from functools import cache

import torch
from attack_contestant import Contestant, Peer, counted, one_by_one
from torch import Tensor, nn

MARGIN_95 = math.log(19)  # the margin of logits at which the first of two classes has 95 %
UNUSED = ("visdom", "git")
MOST_LEVELS = 16


@cache
def ready() -> None:
    """Make the peers importable."""
    for name in UNUSED:
        if importlib.util.find_spec(name) is None:
            sys.modules[name] = types.ModuleType(name)
            sys.modules[name].Repo = sys.modules[name].Visdom = None  # type: ignore[attr-defined]
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for part in [name for name in sys.modules if name.startswith("torchvision")]:
            del sys.modules[part]
        library = torch.library.Library("torchvision", "FRAGMENT")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _LIBRARIES.append(library)


_LIBRARIES: list[torch.library.Library] = []  # an operator lives as long as its library does


def adv_lib(name: str, steps: str, norm: float | None = None, **settings: object) -> Peer:
    """A function of adv_lib.attacks. steps: how it calls the number of steps."""

    def peer(model: nn.Module, pixels: Tensor, labels: Tensor, setting: str) -> Tensor:
        ready()
        from adv_lib import attacks

        asked = {**settings, steps: int(setting)} | ({} if norm is None else {"norm": norm})
        return getattr(attacks, name)(model, pixels, labels, **asked)

    return peer


def adv_lib_apgd(model: nn.Module, pixels: Tensor, labels: Tensor, setting: str) -> Tensor:
    """APGD with cross-entropy, 100 steps, inside a LINF radius given in levels of 255."""
    ready()
    from adv_lib.attacks import apgd

    radius = float(setting) / 255
    return apgd(model, pixels, labels, eps=radius, norm=math.inf, n_iter=100, loss_function="ce")


def adv_lib_pgd(model: nn.Module, pixels: Tensor, labels: Tensor, setting: str) -> Tensor:
    """PGD with cross-entropy, 100 steps, inside a LINF radius given in levels of 255."""
    ready()
    from adv_lib.attacks import pgd_linf

    return pgd_linf(model, pixels, labels, ε=float(setting) / 255, steps=100)


def smallest_levels(model: nn.Module, pixels: Tensor, labels: Tensor, setting: str) -> Tensor:
    """APGD inside 1/255, 2/255, ...: each photo's first result that still fools when rounded.

    setting: the number of APGD's steps; `best` is its search for the best loss, which takes 100.
    """
    ready()
    from adv_lib.attacks import apgd

    best = setting == "best"
    steps = 100 if best else int(setting)
    found, active = pixels.clone(), torch.arange(len(pixels), device=pixels.device)
    for level in range(1, MOST_LEVELS + 1):
        tried = apgd(
            model, pixels[active], labels[active], eps=level / 255, norm=math.inf,
            n_iter=steps, loss_function="ce", best_loss=best,
        )  # fmt: skip
        found[active] = tried.detach().mul(255).round().div(255)
        with torch.no_grad():
            active = active[model(found[active]).argmax(1) == labels[active]]
        if not len(active):
            break
    return found


def foolbox_ddn(model: nn.Module, pixels: Tensor, labels: Tensor, setting: str) -> Tensor:
    ready()
    from foolbox.attacks import DDNAttack
    from foolbox.models import PyTorchModel

    wrapped = PyTorchModel(model, bounds=(0, 1), device=pixels.device)
    found, _, _ = DDNAttack(steps=int(setting))(wrapped, pixels, labels, epsilons=None)
    return found


def foolbox_pgd(model: nn.Module, pixels: Tensor, labels: Tensor, setting: str) -> Tensor:
    """LinfPGD, 100 steps of radius / 40, inside a radius given in levels of 255."""
    ready()
    from foolbox.attacks import LinfPGD
    from foolbox.models import PyTorchModel

    wrapped = PyTorchModel(model, bounds=(0, 1), device=pixels.device)
    attack = LinfPGD(steps=100, rel_stepsize=0.025)
    _, found, _ = attack(wrapped, pixels, labels, epsilons=float(setting) / 255)
    return found


class _Raised(nn.Module):
    """A model with 100 added to its logits: the margin of torchattacks' C&W multiplies logits by
    0 and takes the largest, which is wrong below 0 (its issue 184)."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        return self.model(pixels) + 100


def torchattacks_cw(model: nn.Module, pixels: Tensor, labels: Tensor, setting: str) -> Tensor:
    ready()
    import torchattacks

    return torchattacks.CW(_Raised(model), c=1, steps=int(setting), lr=0.01)(pixels, labels)


def torchattacks_pgd(model: nn.Module, pixels: Tensor, labels: Tensor, setting: str) -> Tensor:
    """PGD, 100 steps of radius / 40, inside a LINF radius given in levels of 255."""
    ready()
    import torchattacks

    radius = float(setting) / 255
    return torchattacks.PGD(model, eps=radius, alpha=radius / 40, steps=100)(pixels, labels)


def torchattacks_apgd(model: nn.Module, pixels: Tensor, labels: Tensor, setting: str) -> Tensor:
    """APGD with cross-entropy, 100 steps, inside a LINF radius given in levels of 255."""
    ready()
    import torchattacks

    return torchattacks.APGD(model, eps=float(setting) / 255, steps=100, loss="ce")(pixels, labels)


def _ddn(levels: int | None) -> Peer:
    return adv_lib("ddn", "steps", levels=levels)


def _fmn(norm: float, **settings: object) -> Peer:
    return adv_lib("fmn", "steps", norm, **settings)


def _pdpgd(norm: float, **settings: object) -> Peer:
    return adv_lib("pdpgd", "num_steps", norm, **settings)


_SDF = adv_lib("sdf", "steps", df_steps=100, search_iter=10)
_FAB = adv_lib("fab", "n_iter", 2)

PEERS: Mapping[str, Contestant] = {
    "ddn": Contestant("adv-lib, DDN without levels", counted(_ddn(None))),
    "ddn-256": Contestant("adv-lib, DDN on 256 levels", counted(_ddn(256))),
    "ddn-256-95": Contestant(
        "adv-lib, DDN on 256 levels, of the network shifted by the margin of 95 %",
        counted(_ddn(256), MARGIN_95),
    ),
    "fmn": Contestant("adv-lib, FMN in L2", counted(_fmn(2))),
    "sdf": Contestant("adv-lib, SuperDeepFool, photo by photo", one_by_one(counted(_SDF))),
    "fab": Contestant("adv-lib, FAB in L2, no restart", counted(_FAB)),
    "foolbox-ddn": Contestant("Foolbox, DDN", counted(foolbox_ddn)),
    "cw": Contestant(
        "torchattacks, C&W, c 1, photo by photo", one_by_one(counted(torchattacks_cw))
    ),
    "fmn-inf": Contestant(
        "adv-lib, FMN in LINF, first step 10", counted(_fmn(math.inf, α_init=10))
    ),
    "apgd-levels": Contestant("adv-lib, APGD-CE in 1/255, 2/255, ...", counted(smallest_levels)),
    "fmn-1": Contestant("adv-lib, FMN in L1", counted(_fmn(1))),
    "pdpgd-1": Contestant("adv-lib, PDPGD in L1", counted(_pdpgd(1))),
    "sigma-zero": Contestant("adv-lib, sigma-zero", counted(adv_lib("sigma_zero", "num_steps"))),
    "fmn-0": Contestant("adv-lib, FMN in L0", counted(_fmn(0))),
    "pdpgd-0": Contestant(
        "adv-lib, PDPGD with the proximal operator of L2/3",
        counted(_pdpgd(0, proximal_operator=23)),
    ),
    "apgd": Contestant("adv-lib, APGD-CE, 100 steps", counted(adv_lib_apgd)),
    "torchattacks-apgd": Contestant("torchattacks, APGD-CE, 100 steps", counted(torchattacks_apgd)),
    "pgd-linf": Contestant("adv-lib, PGD in LINF, 100 steps", counted(adv_lib_pgd)),
    "torchattacks-pgd": Contestant("torchattacks, PGD, 100 steps", counted(torchattacks_pgd)),
    "foolbox-pgd": Contestant("Foolbox, LinfPGD, 100 steps", counted(foolbox_pgd)),
}
