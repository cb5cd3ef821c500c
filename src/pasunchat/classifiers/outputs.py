"""What a network gives, of whatever make it is: its logits, or one line that says why not."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor

from pasunchat.errors import PasunchatError


@contextmanager
def in_one_line(what: str) -> Iterator[None]:
    """Raises PasunchatError for any error in the block, which runs code of others. what: what
    cannot be done because of it."""
    try:
        yield
    except PasunchatError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise PasunchatError(f"{what}: {reason}") from error


def logits_in(outputs: object, rows: int) -> Tensor:
    """The outputs [N, C] (or [N], of one number each) among what a network gives for N = `rows`
    pictures.

    Taken are a tensor, what is named logits, or the one part of such a shape; one row whose axis
    was squeezed out, and maps of one pixel, [N, C, 1, 1]. Raises PasunchatError for all else.
    """
    found = _tensor_in(outputs, rows)
    if found.ndim > 2 and found[0].numel() == found.shape[1]:
        found = found.flatten(1)
    if rows == 1 and found.ndim < 2 and found.numel():
        found = found.reshape(1, -1) if found.numel() > 1 else found.reshape(1)
    if found.ndim not in (1, 2) or found.shape[0] != rows or not found.is_floating_point():
        raise _no_classifier(outputs, rows)
    return found


def _tensor_in(outputs: object, rows: int) -> Tensor:
    if isinstance(outputs, Tensor):
        return outputs
    named: object = getattr(outputs, "logits", None)
    parts: list[object] = list(outputs) if isinstance(outputs, tuple | list) else []
    if isinstance(outputs, Mapping):
        named, parts = outputs.get("logits", named), list(outputs.values())
    if isinstance(named, Tensor):
        return named
    tensors = [part for part in parts if isinstance(part, Tensor) and part.is_floating_point()]
    fitting = [part for part in tensors if part.ndim == 2 and part.shape[0] == rows]
    for found in (fitting, tensors):
        if len(found) == 1:
            return found[0]
    raise _no_classifier(outputs, rows)


def _no_classifier(outputs: object, rows: int) -> PasunchatError:
    return PasunchatError(
        "expected a classifier, which gives [N, classes] numbers; the network gives "
        f"{_in_words(outputs)} for {rows} images; wrap it in a module that returns its logits"
    )


def _in_words(outputs: object) -> str:
    if isinstance(outputs, Tensor):
        return f"{str(outputs.dtype).removeprefix('torch.')} {list(outputs.shape)}"
    if isinstance(outputs, Mapping):
        return f"{type(outputs).__name__} of {', '.join(map(str, outputs)) or 'nothing'}"
    if isinstance(outputs, tuple | list):
        parts = "; ".join(_in_words(part) for part in outputs)
        return f"{type(outputs).__name__} of {parts or 'nothing'}"
    return type(outputs).__name__
