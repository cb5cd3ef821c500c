"""ForwardPass: what a network did with one picture, operation by operation.

Whatever a network is made of, modules or functions, of torch, Keras or a file, PyTorch runs it as a
list of operations. They are seen here as they run; the network is not changed. What they mean is
read from the list: which are layers (layers.py), what a unit added up (unit.py), how the last sum
came about (votes.py).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from pasunchat.classifiers.classifier import Classifier, as_pixels, cannot_run, finite
from pasunchat.classifiers.load import Model, as_classifier
from pasunchat.classifiers.outputs import in_one_line
from pasunchat.classifiers.summary import tensors_in
from pasunchat.classifiers.wrappers import inside
from pasunchat.errors import PasunchatError

Image = NDArray[np.uint8]  # [H, W, 3]


class Value(NamedTuple):
    """Stands in a step's arguments for a tensor that depends on the picture."""

    number: int


@dataclass(frozen=True)
class Step:
    """One operation on something that depends on the picture."""

    operation: str  # torch's name, without overload and underscores: "convolution", "relu"
    function: Callable[..., Any]
    arguments: tuple[Any, ...]  # weights are tensors; what depends on the picture is a Value
    settings: dict[str, Any]
    inputs: tuple[int, ...]  # numbers of the values in it
    outputs: tuple[int, ...]
    module: str  # dotted name of the module it ran in; empty for none
    pointwise: bool  # whether each number of the result comes from one place of its inputs

    def again(self, values: Callable[[int], Tensor]) -> tuple[Tensor, ...]:
        """Its outputs for other values, which are left as they are."""
        in_place = self.function._schema.is_mutable  # type: ignore[attr-defined]

        def other(each: Any) -> Any:
            if not isinstance(each, Value):
                return each
            value = values(each.number)
            return value.clone() if in_place else value

        arguments, settings = _mapped(self.arguments, other), _mapped(self.settings, other)
        return tuple(tensors_in(self.function(*arguments, **settings)))


@dataclass(frozen=True)
class ForwardPass:
    """One picture's way through a network."""

    classifier: Classifier
    pixels: Tensor  # [1, 3, H, W]; value 0
    steps: tuple[Step, ...]
    values: dict[int, Tensor]  # as each was when it was made
    logits: Tensor  # [C], float64: of the picture itself, without its mirror image
    result: int | None  # their number; None where it was not seen what they come from

    def __repr__(self) -> str:
        return f"<ForwardPass: {len(self.steps)} operations of {self.classifier.known_as}>"


def forward_pass(classifier: Model, image: "Image | ForwardPass") -> ForwardPass:
    """Ask a network about one picture and keep what it did, for as many questions as one likes.

    classifier: as `fool` takes it. image: uint8 [H, W, 3], as the classifier sees it; a pass is
    returned as it is. In evaluation mode, in fp32, without gradients; by torch's own layers, also
    where a kernel is in use. All values are held: about 4 bytes for each unit of the network.
    Raises PasunchatError for another image, and where the network cannot be run on it.
    """
    if isinstance(image, ForwardPass):
        return image
    classifier = as_classifier(classifier)
    pixels = pixels_of(classifier, image)
    classifier.found_adapter(pixels)
    recorder = _Recorder(pixels)
    # around another classifier each layer runs for many versions, and made no one thing of this one
    watched = recorder if inside(classifier) is None else nullcontext()
    with (
        classifier.as_judge(),
        in_one_line(cannot_run(pixels)),
        _named(classifier.network, recorder),
        watched,
    ):
        logits = classifier.unmirrored(pixels)
    return ForwardPass(
        classifier=classifier,
        pixels=pixels,
        steps=tuple(recorder.steps),
        values=recorder.values,
        logits=finite(logits.double().cpu())[0],
        result=recorder.numbers.get(id(logits)),
    )


def pixels_of(classifier: Classifier, image: Image) -> Tensor:
    """Pixels, float [1, 3, H, W], of one picture. Raises PasunchatError for anything else."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3:
        got = f"{image.dtype} {list(image.shape)}" if isinstance(image, np.ndarray) else type(image)
        raise PasunchatError(
            f"image: expected one picture, uint8 [H, W, 3], as the classifier sees it; got {got}"
        )
    if image.shape[2] != 3 or (classifier.size and image.shape[:2] != (classifier.size,) * 2):
        side = classifier.size or "any"
        raise PasunchatError(
            f"image: expected {side} x {side} pixels of three colours, got {list(image.shape)}; "
            "fooled.receipt.as_seen reads a file so"
        )
    return as_pixels(image[None], classifier.mean.device)


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes each operation on a value that depends on the pixels. Values are held, so that no other
    tensor gets their id; one that is about to be changed in place is copied before."""

    def __init__(self, pixels: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.steps: list[Step] = []
        self.values: dict[int, Tensor] = {0: pixels}
        self.numbers: dict[int, int] = {id(pixels): 0}
        self.modules: list[str] = []

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        known = [self.numbers[id(t)] for t in tensors_in((args, kwargs)) if id(t) in self.numbers]
        if not known:
            return function(*args, **kwargs)
        arguments, settings = _mapped(args, self._noted), _mapped(kwargs, self._noted)
        self._keep_written(function, args)
        out = function(*args, **kwargs)
        outputs = []
        for tensor in tensors_in(out):
            number = len(self.values)
            self.values[number], self.numbers[id(tensor)] = tensor, number
            outputs.append(number)
        self.steps.append(
            Step(
                operation=function.overloadpacket.__name__.strip("_"),
                function=function,
                arguments=arguments,
                settings=settings,
                inputs=tuple(dict.fromkeys(known)),
                outputs=tuple(outputs),
                module=self.modules[-1] if self.modules else "",
                pointwise=torch.Tag.pointwise in function.tags,
            )
        )
        return out

    def _noted(self, each: Any) -> Any:
        known = isinstance(each, Tensor) and id(each) in self.numbers
        return Value(self.numbers[id(each)]) if known else each

    def _keep_written(self, function: Any, args: tuple[Any, ...]) -> None:
        if not function._schema.is_mutable:
            return
        for argument, given in zip(function._schema.arguments, args, strict=False):
            written = argument.alias_info is not None and argument.alias_info.is_write
            if written and isinstance(given, Tensor) and id(given) in self.numbers:
                self.values[self.numbers[id(given)]] = given.clone()
                # its id goes to the step's output; until then the caller holds it


@contextmanager
def _named(network: nn.Module, recorder: _Recorder) -> Iterator[None]:
    """A block in which the recorder is told in which module of the network it is."""

    def entering(name: str) -> Callable[..., None]:
        return lambda *_: recorder.modules.append(name)

    def leaving(*_: object) -> None:
        recorder.modules.pop()

    hooks = []
    for name, part in network.named_modules():
        if not isinstance(part, torch.jit.ScriptModule):
            hooks.append(part.register_forward_pre_hook(entering(name), prepend=True))
            hooks.append(part.register_forward_hook(leaving))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _mapped(values: Any, change: Callable[[Any], Any]) -> Any:
    """The same nesting of tuples, lists and dicts, each leaf changed."""
    if isinstance(values, Value):
        return change(values)
    if isinstance(values, dict):
        return {key: _mapped(value, change) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return type(values)([_mapped(value, change) for value in values])
    return change(values)


def produced_by(steps: Sequence[Step]) -> dict[int, Step]:
    """Which step made which value."""
    return {number: step for step in steps for number in step.outputs}
