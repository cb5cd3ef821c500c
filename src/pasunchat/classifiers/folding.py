"""Batch norm folded into the convolution before it: fewer layers for passes without training."""

from copy import deepcopy
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from pasunchat.classifiers.classifier import Classifier

M = TypeVar("M", bound=nn.Module)


def fold_batch_norm(module: M) -> M:
    """A copy in evaluation mode, in which each batch norm that follows a convolution in an
    nn.Sequential is part of it: the same outputs but for rounding, fewer passes over memory.

    For features that are computed once, and for searches; what is trained, saved and judges stays
    as it is.
    """
    folded = deepcopy(module).eval().requires_grad_(False)
    for part in folded.modules():
        if isinstance(part, nn.Sequential):
            _fold_neighbours(part)
    return folded


def folded_for_search(classifier: Classifier) -> Classifier:
    """The classifier with its batch norms folded, where its network is one of ours; else itself.

    What another's module does with its layers is not known, so it is left as it is.
    """
    ours = classifier.info.network_name is not None
    if not ours or not any(isinstance(part, nn.BatchNorm2d) for part in classifier.modules()):
        return classifier
    return fold_batch_norm(classifier)


def _fold_neighbours(layers: nn.Sequential) -> None:
    for index in range(len(layers) - 1):
        conv, norm = layers[index], layers[index + 1]
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            conv.weight, conv.bias = _fused(conv, norm)
            layers[index + 1] = nn.Identity()


@torch.no_grad()
def _fused(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[nn.Parameter, nn.Parameter]:
    if norm.running_mean is None or norm.running_var is None:
        raise ValueError("a batch norm without running statistics cannot be folded")
    weight, bias = fuse_conv_bn_weights(
        conv.weight,
        conv.bias,
        norm.running_mean,
        norm.running_var,
        norm.eps,
        norm.weight,
        norm.bias,
    )
    layout = torch.channels_last
    return (
        nn.Parameter(weight.contiguous(memory_format=layout), requires_grad=False),
        nn.Parameter(bias, requires_grad=False),
    )
