"""BaseAndHead: a base that makes features of pixels, and a head that makes logits of features."""

from typing import Self

from torch import Tensor, nn


class BaseAndHead(nn.Module):
    """A network in two parts, which is attacked and saved as one.

    Parts of the base that are not trained (`train_base`) stay in evaluation mode whatever mode
    the network is put into, so their batch norms keep their pretrained statistics.
    """

    base: nn.Sequential  # normalised pixels [N, 3, H, W] -> features [N, F]
    head: nn.Module  # features [N, F] -> logits [N, C]

    def __init__(self, base: nn.Sequential, head: nn.Module) -> None:
        super().__init__()
        self.base, self.head = base, head
        self.train_base(None)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits [N, C]."""
        logits: Tensor = self.head(self.base(pixels))
        return logits

    def train_base(self, last: int | None) -> None:
        """Train the last `last` parts of the base that have weights: 0 none, None all of them."""
        self._frozen = [] if last is None else self.parts()[: max(0, len(self.parts()) - last)]
        self.base.requires_grad_(True)
        for part in self._frozen:
            part.requires_grad_(False)
        self.train(self.training)

    @property
    def frozen(self) -> bool:
        """Whether no part of the base is trained, so that its features may be cached."""
        return len(self._frozen) == len(self.parts())

    def parts(self) -> list[nn.Module]:
        """The parts of the base that have weights, in the order they run."""
        return [part for part in self.base if any(True for _ in part.parameters())]

    def train(self, mode: bool = True) -> Self:
        """As for any module, but what is frozen stays in evaluation mode."""
        super().train(mode)
        for part in self._frozen:
            part.eval()
        return self
