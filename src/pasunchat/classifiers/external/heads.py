"""Heads: modules that turn a network's outputs into logits, and the search for the right one.

A softmax is undone, a single number becomes two classes; attacks then see logits.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pasunchat.errors import PasunchatError
from pasunchat.runtime import generator

SMALLEST = 1e-30  # of a probability, before its logarithm
WIDE = 2000.0  # noise far beyond any pixel: there only a bounded output stays in [0, 1]


class OfProbabilities(nn.Module):
    """log p: softmax of it is p again."""

    def forward(self, outputs: Tensor) -> Tensor:
        """Logits [N, C] of probabilities [N, C]."""
        return outputs.clamp_min(SMALLEST).log()


class OfOneLogit(nn.Module):
    """(0, z): softmax of it is (1 - sigmoid(z), sigmoid(z))."""

    def forward(self, outputs: Tensor) -> Tensor:
        """Logits [N, 2] of one logit a row, [N, 1] or [N]."""
        z = outputs.reshape(-1, 1)
        return torch.cat([torch.zeros_like(z), z], 1)


class OfOneProbability(nn.Module):
    """(log(1 - p), log p)."""

    def forward(self, outputs: Tensor) -> Tensor:
        """Logits [N, 2] of one probability a row, [N, 1] or [N]: that of the second class."""
        p = outputs.reshape(-1, 1)
        return torch.cat([1 - p, p], 1).clamp_min(SMALLEST).log()


def head_for(
    outputs_for: Callable[[Tensor], Tensor], size: int, model: str, *, known_raw: bool = False
) -> nn.Module | None:
    """The head that turns a network's outputs into logits, found by running it on noise; None if
    they are logits.

    outputs_for: pixels, float [N, 3, size, size] -> outputs. known_raw: the file shows that nothing
    bounds the outputs. Raises PasunchatError for outputs that no classifier has.
    """
    noise = torch.rand(4, 3, size, size, generator=generator("probe"))
    outputs = outputs_for(noise)
    _refuse_others(outputs, len(noise), model)
    one = outputs.ndim == 1 or outputs.shape[1] == 1
    wide = outputs_for((noise - 0.5) * WIDE)
    seen = torch.cat([outputs.flatten(1), wide.flatten(1)]) if outputs.ndim > 1 else wide[:, None]
    seen = seen[seen.isfinite().all(1)]
    bounded = not known_raw and bool(((seen >= 0) & (seen <= 1 + 1e-4)).all())
    if one:
        return OfOneProbability() if bounded else OfOneLogit()
    whole = bounded and bool(((seen.sum(1) - 1).abs() < 1e-3).all())
    return OfProbabilities() if whole else None


def _refuse_others(outputs: object, rows: int, model: str) -> None:
    expected = f"expected a classifier, which gives [N, classes] numbers; {model} gives"
    if not isinstance(outputs, Tensor):
        raise PasunchatError(f"{expected} a {type(outputs).__name__}")
    fits = outputs.ndim in (1, 2) and len(outputs) == rows and outputs.is_floating_point()
    if not fits or outputs[0].numel() < 1:
        raise PasunchatError(f"{expected} {outputs.dtype} {list(outputs.shape)} for {rows} images")
    if not bool(outputs.isfinite().all()):
        raise PasunchatError(f"{model} gives infinite or undefined numbers for plain noise")
