"""Interval bounds of `simple` by the kernel: they are the answers of a `simple` of twice the width.

The lower bounds of a layer's values stand beside the upper ones as channels. A layer W x + b takes
[low, high] to [W+ low + W- high + b, W- low + W+ high + b], where W+ and W- are its weights of
either sign: a layer as well. Maximum and relu take bounds to bounds. The first layer's bounds are
its values for the pixels, less and plus the radius times the sum of |W|: two biases.

Beyond the edges the zeros count as if they could change too, so that bounds there are wider than
need be.
"""

import torch
from torch import Tensor, nn

from pasunchat.classifiers.fast.dispatch import served


def worst_margins(
    network: nn.Module, pixels: Tensor, radius: float, labels: Tensor, scale: Tensor, shift: Tensor
) -> Tensor | None:
    """The most that the other class's logit can be above the real one's, [N], where no pixel
    changes by more than the radius; None where the kernel does not serve.

    pixels, scale, shift: as of `dispatch.run`. labels: int64 [N], 0 or 1. Gradients go to the
    weights of the network.
    """
    found = served(network, pixels, scale, shift)
    if found is None:
        return None
    step, (weight, bias, *blocks, dense, last) = found
    reach = (weight.abs() * radius * scale).sum((1, 2, 3))
    doubled = [torch.cat([weight, weight]), torch.cat([bias - reach, bias + reach])]
    for weight, bias in zip(blocks[::2], blocks[1::2], strict=True):
        rising, falling = weight.clamp_min(0), weight.clamp_max(0)
        both = torch.cat([torch.cat([rising, falling], 1), torch.cat([falling, rising], 1)])
        doubled += [both, torch.cat([bias, bias])]
    most = pixels.new_empty(len(pixels))
    for label in (0, 1):
        margin, constant = dense[1 - label] - dense[label], last[1 - label] - last[label]
        row = torch.cat([margin.clamp_max(0), margin.clamp_min(0)]) / 2
        ends = [torch.stack([-row, row]), torch.stack([-constant, constant]) / 2]
        own = labels == label
        if own.any():
            logits = step(pixels[own], [*doubled, *ends], scale, shift)
            most = most.masked_scatter(own, logits[:, 1] - logits[:, 0])
    return most
