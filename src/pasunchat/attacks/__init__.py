"""ATTACKS: every attack by name.

One more is one file in methods/ or strategies/ and one row here.
"""

from collections.abc import Mapping

from pasunchat.attacks.methods.apgd import Apgd
from pasunchat.attacks.methods.carlini_wagner import CarliniWagner
from pasunchat.attacks.methods.ddn import DDN
from pasunchat.attacks.methods.deepfool import DeepFool
from pasunchat.attacks.methods.fmn import FMN
from pasunchat.attacks.methods.gradient_steps import (
    ADMIX,
    BIM,
    DIM,
    EOT_PGD,
    FGSM,
    MI_FGSM,
    NI_FGSM,
    PGD,
    SIM,
    TI_FGSM,
    VMI_FGSM,
)
from pasunchat.attacks.methods.hop_skip_jump import HopSkipJump
from pasunchat.attacks.methods.learned_noise import LearnedNoise
from pasunchat.attacks.methods.pdpgd import Pdpgd
from pasunchat.attacks.methods.random_noise import RandomNoise
from pasunchat.attacks.methods.sigma_zero import SigmaZero
from pasunchat.attacks.methods.sparse.sparse import Sparse
from pasunchat.attacks.methods.square import Square
from pasunchat.attacks.methods.turning.least_levels import LeastLevels
from pasunchat.attacks.methods.turning.turning import Turning
from pasunchat.attacks.protocol import Method
from pasunchat.attacks.strategies.portfolio import Portfolio
from pasunchat.attacks.strategies.standard import Standard

ATTACKS: Mapping[str, Method] = {
    "turning": Turning(),
    "least-levels": LeastLevels(),
    "sparse": Sparse(),
    "portfolio": Portfolio(),
    "standard": Standard(),
    "learned-noise": LearnedNoise(),
    "ddn": DDN(),
    "fmn": FMN(),
    "deepfool": DeepFool(),
    "carlini-wagner": CarliniWagner(),
    "pdpgd": Pdpgd(),
    "sigma-zero": SigmaZero(),
    "fgsm": FGSM,
    "bim": BIM,
    "mi-fgsm": MI_FGSM,
    "pgd": PGD,
    "ni-fgsm": NI_FGSM,
    "ti-fgsm": TI_FGSM,
    "vmi-fgsm": VMI_FGSM,
    "dim": DIM,
    "sim": SIM,
    "admix": ADMIX,
    "eot-pgd": EOT_PGD,
    "apgd": Apgd(),
    "square": Square(),
    "hop-skip-jump": HopSkipJump(),
    "random-noise": RandomNoise(),
}
