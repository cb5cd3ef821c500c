"""The options that become a `Request`: the same for every command that attacks.

One more option is one row of OPTIONS, under the name of the request's field; `takes_request` puts
the rows into a command's signature and hands the command one checked value.
"""

from collections.abc import Callable, Iterable
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from pasunchat.errors import PasunchatError

if TYPE_CHECKING:
    from pasunchat.attacks.fool import Request
    from pasunchat.classifiers.classifier import Classifier

MASK_THRESHOLD = 128  # of 255: lighter than this may change
OPTIONS: dict[str, tuple[Any, Any]] = {  # field of Request: its type and help, its default
    "attack": (
        Annotated[
            str | None,
            typer.Option(
                help="Attack (pasunchat docs attacks), as pgd:steps=100; else the norm's own."
            ),
        ],
        None,
    ),
    "norm": (
        Annotated[str, typer.Option(help="What is made small: l2, linf, l1, l0 or pixels.")],
        "l2",
    ),
    "radius": (
        Annotated[
            str | None,
            typer.Option(help="Largest change, as 0.5 or 4/255; else the least."),
        ],
        None,
    ),
    "confidence": (
        Annotated[
            float | None,
            typer.Option(help="Least final confidence; 0: any."),
        ],
        None,
    ),
    "mask": (
        Annotated[
            Path | None,
            typer.Option(help="Picture: white may change, black may not."),
        ],
        None,
    ),
    "effort": (
        Annotated[Literal["quick", "normal", "thorough"], typer.Option(help="How long to search.")],
        "normal",
    ),
    "seconds": (
        Annotated[
            float | None,
            typer.Option(help="Time limit a photo; then the best so far."),
        ],
        None,
    ),
    "seed": (Annotated[int, typer.Option(help="Seed of whatever is drawn.")], 0),
}


def takes_request(
    check: Callable[[dict[str, Any]], object] | None = None, **defaults: Any
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """A command of keyword-only parameters, of which `request` (a Request without its mask) and
    `mask` (a file, or None) are filled from OPTIONS; the options stand in the place of `request`.
    check: given the command's own options, refuses what can be seen before PyTorch is imported.
    defaults: those of the command that differ."""

    def with_options(command: Callable[..., int]) -> Callable[..., int]:
        @wraps(command)
        def run(**given: Any) -> int:
            fields = {name: given.pop(name) for name in OPTIONS}
            mask = fields.pop("mask")
            if check:
                check(given)
            return command(request=_request(**fields), mask=mask, **given)

        parameters = _with_options(signature(command).parameters.values(), defaults)
        run.__signature__ = signature(command).replace(parameters=parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        return run

    return with_options


def _with_options(own: Iterable[Parameter], defaults: dict[str, Any]) -> list[Parameter]:
    """A command's parameters, OPTIONS in the place of `request`."""
    found: list[Parameter] = []
    for parameter in own:
        if parameter.name == "request":
            found += [
                parameter.replace(name=name, default=defaults.get(name, usual), annotation=kind)
                for name, (kind, usual) in OPTIONS.items()
            ]
        elif parameter.name != "mask":
            found.append(parameter)
    return found


def with_mask(
    request: "Request", mask: Path | None, classifier: "Classifier", *, full_size: bool = False
) -> "Request":
    """The request with the mask that a file holds, framed as photos are for the classifier, or at
    its own size. Raises PasunchatError if nothing in it is white."""
    from dataclasses import replace

    import torch

    from pasunchat.photos.image import own_pixels, read_photo

    if mask is None:
        return request
    if full_size or classifier.size is None:
        image = own_pixels(mask)
    else:
        image = read_photo(mask, classifier.size, classifier.framing)
    white = image.mean(2) >= MASK_THRESHOLD
    if not white.any():
        raise PasunchatError(
            f"mask: expected a picture whose white part may change, but no pixel of {mask} is "
            f"{MASK_THRESHOLD} or more of 255; paint what may change white"
        )
    return replace(request, mask=torch.from_numpy(white))


def settings_in_words(request: "Request") -> list[str]:
    """The settings that a folder is named after: those that are not the usual ones."""
    words = [str(request.attack or "best"), request.norm.name]
    if request.radius is not None:
        unit = request.norm.axis_unit
        radius = f"{request.radius * unit:g}"
        words.append(f"within-{radius}/{unit}" if unit > 1 else f"within-{radius}")
    words += [f"at-{request.confidence:g}"] if request.confidence else []
    words += ["masked"] if request.mask is not None else []
    words += [request.effort] if request.effort != "normal" else []
    return words + ([f"{request.seconds:g}-s"] if request.seconds else [])


def _request(*, radius: str | None, confidence: float | None, **fields: Any) -> "Request":
    from pasunchat.limits import check_search
    from pasunchat.parsing import number

    within = None if radius is None else number(radius, "--radius")
    check_search(
        norm=fields["norm"],
        radius=within,
        confidence=confidence or None,
        levels=None,
        seconds=fields["seconds"],
    )
    from pasunchat.attacks.fool import Request  # imports PyTorch

    return Request(radius=within, confidence=confidence or None, **fields)
