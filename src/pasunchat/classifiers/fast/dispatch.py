"""The door from torch: the network's layers ask here first, and run themselves where it is shut.

PASUNCHAT_FAST=0 in the environment shuts it. It is also shut without numba, and for all that the
kernel does not serve: see `_usual_mode` and `_weights`.
"""

import os
import warnings
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor, nn
from torch.nn.modules import module

SWITCH = "PASUNCHAT_FAST"
LAYERS = (*(nn.Conv2d, nn.MaxPool2d, nn.ReLU) * 3, nn.Flatten, nn.Linear)


Direct = Callable[[Tensor, list[Tensor], tuple[Tensor, Tensor] | None], Tensor]


class FastLayers(nn.Sequential):
    """The layers of `simple`: by the kernel where it can, else one after the other."""

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits [N, C] of pixels as the network sees them, [N, 3, size, size]."""
        logits = run(self, pixels)
        return super().forward(pixels) if logits is None else logits  # type: ignore[no-untyped-call]

    def normalising(self, pixels: Tensor, scale: Tensor, shift: Tensor) -> Tensor | None:
        """Logits of pixels * scale + shift by the kernel, which saves a pass over the pixels; None
        where it does not serve.

        scale, shift: [1, 3, 1, 1], or [1, 1, 1, 1] for all colours alike.
        """
        return None if _watched(self) else run(self, pixels, (scale, shift))


def run(
    layers: nn.Sequential, pixels: Tensor, normalisation: tuple[Tensor, Tensor] | None = None
) -> Tensor | None:
    """Logits [N, 2] by the kernel, of pixels or of pixels * scale + shift, or None where it does
    not serve."""
    if not _usual_mode() or os.environ.get(SWITCH) == "0":
        return None
    weights = _weights(layers, pixels)
    if not weights or not all(map(_constant, normalisation or ())):
        return None
    direct = _direct()
    return direct(pixels, weights, normalisation) if direct else None


@cache
def _direct() -> Direct | None:
    """The kernel as a step of autograd, compiled and tried once; None where it cannot be had.

    It stands on numba's inner parts, which may change: training must not end by that.
    """
    if find_spec("numba") is None:
        return None
    try:
        from pasunchat.classifiers.fast.step import logits, try_out

        try_out()
    except Exception as error:
        warnings.warn(f"the extra `fast` is installed but not used: {error}", stacklevel=2)
        return None
    return logits


def _usual_mode() -> bool:
    """Neither compiled, exported, traced or in autocast, nor watched or transformed by torch."""
    return not (
        torch.compiler.is_compiling()
        or torch._C._get_tracing_state()
        or torch.onnx.is_in_onnx_export()
        or torch.is_autocast_enabled("cpu")
        or torch._C._len_torch_dispatch_stack()
        or torch._C._are_functorch_transforms_active()
        or module._has_any_global_hook()  # type: ignore[no-untyped-call]
    )


def _weights(layers: nn.Sequential, pixels: Tensor) -> list[Tensor] | None:
    """Weights and biases in order, if the kernel serves such a network and such pixels."""
    parts = list(layers)
    if tuple(map(type, parts)) != LAYERS or not all(map(_plain, parts)):
        return None
    weights: list[Tensor] = [p for part in parts for p in part.parameters(recurse=False)]
    if len(weights) != 8 or not all(map(_served, (pixels, *weights))) or pixels.dim() != 4:
        return None
    count, colours, height, width = pixels.shape
    channels = len(weights[1])
    block = (channels, channels, 3, 3)
    shapes = [(channels, 3, 3, 3), block, block, (2, (height // 8) * (width // 8) * channels)]
    fits = (
        (count > 0 and colours == 3 and height == width and height % 8 == channels % 16 == 0)
        and [tuple(tensor.shape) for tensor in weights[::2]] == shapes
        and len({tensor.requires_grad for tensor in weights}) == 1  # partly frozen: not served
    )
    return weights if fits else None


def _constant(colours: Tensor) -> bool:
    """Whether it is a number for each colour, or one for all, that nobody learns."""
    shapes = (1, 3, 1, 1), (1, 1, 1, 1)
    return _served(colours) and tuple(colours.shape) in shapes and not colours.requires_grad


def _served(tensor: Tensor) -> bool:
    kind = tensor.dtype, tensor.device.type, tensor.layout
    usual = kind == (torch.float32, "cpu", torch.strided)
    return usual and type(tensor) in (Tensor, nn.Parameter)


def _watched(part: nn.Module) -> bool:
    hooks = part._forward_hooks, part._forward_pre_hooks
    return any((*hooks, part._backward_hooks, part._backward_pre_hooks))


def _plain(part: nn.Module) -> bool:
    """Whether a layer has the settings that `simple` gives it, and nobody looks into it."""
    if _watched(part):
        return False
    given: tuple[object, ...]
    if isinstance(part, nn.Conv2d):
        given = part.stride, part.padding, part.dilation, part.groups, part.padding_mode
        return given == ((1, 1), (1, 1), (1, 1), 1, "zeros")
    if isinstance(part, nn.MaxPool2d):
        given = part.kernel_size, part.stride, part.padding, part.dilation, part.ceil_mode
        return given == (2, 2, 0, 1, False)
    return not isinstance(part, nn.Flatten) or (part.start_dim, part.end_dim) == (1, -1)
