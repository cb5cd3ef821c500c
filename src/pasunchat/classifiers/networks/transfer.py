"""A pretrained base and a new head: the base may be run once and its features kept."""

from torch import Tensor, nn


class Transfer(nn.Module):
    """base: pixels as the Classifier normalises them, [N, 3, H, W] -> features [N, F].
    head: features [N, F] -> logits [N, C]. Attacked and saved as one network."""

    def __init__(self, base: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.base, self.head = base, head

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits [N, C]."""
        logits: Tensor = self.head(self.base(pixels))
        return logits
