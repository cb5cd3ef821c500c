"""WRAPPERS: classifiers around another one, by name: "smoothed:MODEL,sigma=0.25".

MODEL is whatever `load` takes, with settings of its own behind it where it has some. The wrapper's
come last: the pairs key=value at the end whose keys are its own.
"""

import re
from collections.abc import Callable
from dataclasses import fields
from typing import Any, NamedTuple

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.masked import Masked, Masking, mask
from pasunchat.classifiers.smoothed import Smoothed, Smoothing, smooth
from pasunchat.errors import PasunchatError
from pasunchat.parsing import with_settings

Settings = Smoothing | Masking


class Wrapper(NamedTuple):
    """Makes a classifier around another."""

    about: str
    settings: Settings  # by default
    wrap: Callable[[Classifier, Any, str], Classifier]  # around which, how, and under which name


class Wrapped(NamedTuple):
    """What the name of a wrapped model says."""

    wrapper: str  # in WRAPPERS
    model: str  # the one inside
    settings: Settings


WRAPPERS = {
    "smoothed": Wrapper(
        "smoothed:MODEL,sigma=0.25, the vote of a model on a picture under noise",
        Smoothing(),
        smooth,
    ),
    "masked": Wrapper(
        "masked:MODEL,area=0.02, the vote of a model on a picture with windows blanked",
        Masking(),
        mask,
    ),
}


def is_wrapped(name: str) -> bool:
    """Whether a model's name is that of a wrapped one."""
    return name.partition(":")[0] in WRAPPERS and ":" in name


def read_wrapped(name: str) -> Wrapped:
    """What "smoothed:MODEL,sigma=0.25" says. Raises PasunchatError where no model is named, and for
    a setting that the wrapper does not have or a value that does not fit."""
    wrapper, _, rest = name.partition(":")
    default = WRAPPERS[wrapper].settings
    own = {field.name for field in fields(default)}
    model, *pairs = re.split(r",(?=\w+=)", rest)
    if not (is_wrapped(model) or re.search(r":\w+=", model)):
        own |= {pair.partition("=")[0] for pair in pairs}  # no other model that they could be of
    settings: dict[str, str] = {}
    while pairs and pairs[-1].partition("=")[0] in own:
        key, _, value = pairs.pop().partition("=")
        settings[key] = value
    if not model:
        raise PasunchatError(
            f'{wrapper}: expected a model behind it, as in {WRAPPERS[wrapper].about}, got "{name}"'
        )
    return Wrapped(
        wrapper, ",".join([model, *pairs]), with_settings(default, settings, f"{wrapper}:{model}")
    )


def name_of(wrapper: str, model: str, settings: Settings) -> str:
    """The name that `read_wrapped` reads: the first setting always, others where they are not the
    default."""
    default = WRAPPERS[wrapper].settings
    pairs = [
        f"{field.name}={getattr(settings, field.name)}"
        for place, field in enumerate(fields(settings))
        if place == 0 or getattr(settings, field.name) != getattr(default, field.name)
    ]
    return f"{wrapper}:{','.join([model, *pairs])}"


def wrapped(wrapper: str, classifier: Classifier, settings: Settings) -> Classifier:
    """The classifier inside a wrapper of WRAPPERS, known as its name with the wrapper's."""
    known_as = name_of(wrapper, classifier.known_as, settings)
    return WRAPPERS[wrapper].wrap(classifier, settings, known_as)


def inside(classifier: Classifier) -> Classifier | None:
    """The classifier inside a wrapped one; None of any other."""
    network = classifier.network
    return network.classifier if isinstance(network, Smoothed | Masked) else None
