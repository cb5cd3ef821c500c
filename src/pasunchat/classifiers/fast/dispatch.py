"""FastClassifier: a Classifier that runs the network `simple` by the kernel, where the kernel can.

Everywhere else torch's layers run: without numba, with PASUNCHAT_FAST=0 in the environment, while
torch traces, exports or transforms (`_usual_mode`), while hooks look into the network, and for
weights or pixels that the kernel was not made for (`_weights`).
"""

import os
import warnings
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor, nn
from torch.nn.modules import module

from pasunchat.classifiers.classifier import Classifier

SWITCH = "PASUNCHAT_FAST"
LAYERS = (*(nn.Conv2d, nn.MaxPool2d, nn.ReLU) * 3, nn.Flatten, nn.Linear)

KernelStep = Callable[[Tensor, list[Tensor], Tensor, Tensor], Tensor]  # `step.logits`


class FastClassifier(Classifier):
    """A Classifier whose network is run by the kernel where it serves, else by its own layers.

    The kernel normalises the pixels as it reads them, which saves a pass over the batch.
    """

    def unmirrored(self, pixels: Tensor) -> Tensor:
        """Logits [N, C] of the pixels alone, without their mirror image."""
        logits = run(self.network, pixels, self.scale, self.shift)
        return super().unmirrored(pixels) if logits is None else logits


def classifier_class(network: nn.Module) -> type[Classifier]:
    """FastClassifier for a network that has the layers of `simple`, else Classifier."""
    return FastClassifier if _has_layers(network) else Classifier


def run(network: nn.Module, pixels: Tensor, scale: Tensor, shift: Tensor) -> Tensor | None:
    """Logits [N, 2] of the network for pixels * scale + shift by the kernel; None where it does
    not serve.

    pixels: [N, 3, size, size]. scale, shift: [1, 3, 1, 1], or [1, 1, 1, 1] for all colours alike.
    """
    found = served(network, pixels, scale, shift)
    if found is None:
        return None
    step, weights = found
    return step(pixels, weights, scale, shift)


def served(
    network: nn.Module, pixels: Tensor, scale: Tensor, shift: Tensor
) -> tuple[KernelStep, list[Tensor]] | None:
    """The kernel, and the network's weights and biases in its order; None where it does not serve.
    Arguments as of `run`."""
    if not _usual_mode() or os.environ.get(SWITCH) == "0":
        return None
    weights = _weights(network, pixels)
    if weights is None or not (_constant(scale) and _constant(shift)):
        return None
    step = _kernel_step()
    return (step, weights) if step else None


@cache
def _kernel_step() -> KernelStep | None:
    """The kernel as a step of autograd, compiled and tried once; None where that fails.

    It stands on numba's internals, which may change: that must not end a training.
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
    """Whether torch neither compiles, exports, traces, autocasts nor transforms, and no global
    hook or dispatch mode is watching."""
    return not (
        torch.compiler.is_compiling()
        or torch._C._get_tracing_state()
        or torch.onnx.is_in_onnx_export()
        or torch.is_autocast_enabled("cpu")
        or torch._C._len_torch_dispatch_stack()
        or torch._C._are_functorch_transforms_active()
        or module._has_any_global_hook()  # type: ignore[no-untyped-call]
    )


def _weights(network: nn.Module, pixels: Tensor) -> list[Tensor] | None:
    """Weights and biases in order (w1, b1, .., w3, b3, dense w, dense b), if the kernel serves
    such a network and such pixels."""
    if not _has_layers(network) or _has_hooks(network) or not all(map(_plain, network.children())):
        return None
    weights: list[Tensor] = list(network.parameters())
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


def _has_layers(network: nn.Module) -> bool:
    return type(network) is nn.Sequential and tuple(map(type, network)) == LAYERS


def _constant(colours: Tensor) -> bool:
    """Whether it is a number for each colour, or one for all, that is not trained."""
    shapes = (1, 3, 1, 1), (1, 1, 1, 1)
    return _served(colours) and tuple(colours.shape) in shapes and not colours.requires_grad


def _served(tensor: Tensor) -> bool:
    """Whether it is a plain float32 tensor on the CPU."""
    kind = tensor.dtype, tensor.device.type, tensor.layout
    usual = kind == (torch.float32, "cpu", torch.strided)
    return usual and type(tensor) in (Tensor, nn.Parameter)


def _has_hooks(part: nn.Module) -> bool:
    hooks = part._forward_hooks, part._forward_pre_hooks
    return any((*hooks, part._backward_hooks, part._backward_pre_hooks))


def _plain(part: nn.Module) -> bool:
    """Whether a layer has the settings that `simple` gives it, and no hooks."""
    if _has_hooks(part):
        return False
    settings: tuple[object, ...]
    if isinstance(part, nn.Conv2d):
        settings = part.stride, part.padding, part.dilation, part.groups, part.padding_mode
        return settings == ((1, 1), (1, 1), (1, 1), 1, "zeros")
    if isinstance(part, nn.MaxPool2d):
        settings = part.kernel_size, part.stride, part.padding, part.dilation, part.ceil_mode
        return settings == (2, 2, 0, 1, False)
    return not isinstance(part, nn.Flatten) or (part.start_dim, part.end_dim) == (1, -1)
