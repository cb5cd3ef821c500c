"""Recipe: every setting of a training as a value. The defaults are the talk's."""

from dataclasses import dataclass

from pasunchat.errors import PasunchatError


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    network: as NETWORKS spells it ("dense:units=64"). epochs: passes through the training photos,
    at most. patience: epochs without a lower validation loss after which training stops; None
    trains all epochs. The weights of the lowest validation loss are kept in any case.
    lr: Adam's step size. seed: of weights and order. precision: fp32 or bf16.
    """

    network: str = "simple"
    epochs: int = 100
    patience: int | None = 1
    batch_size: int = 32
    lr: float = 1e-3
    seed: int = 0
    precision: str = "fp32"

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("batch_size", 1), ("patience", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise PasunchatError(f"{name}: expected {least} or more, got {value}")
        if not 0 < self.lr < float("inf"):
            raise PasunchatError(f"lr: expected a number above 0, got {self.lr}")
