"""Loading the model that a command names, or that is meant where it names none."""

from typing import TYPE_CHECKING

from pasunchat.commands.printing import note

if TYPE_CHECKING:
    from pasunchat.classifiers.classifier import Classifier


def load_model(model: str | None) -> "Classifier":
    """The classifier, with a note on stderr where another may have been meant: a run that has the
    name of a shipped model, or the newest run where none was named."""
    from pasunchat.classifiers.load import is_shadowed, load
    from pasunchat.classifiers.shipped import DEFAULT, PREFIX

    classifier = load(model)
    if is_shadowed(model):
        note(
            f"note: {model} is your run {classifier.known_as} here; the model of that name that "
            f"comes with pasunchat is {PREFIX}{model}"
        )
    elif model is None and classifier.origin is not None:
        note(
            f"note: no model named, so the newest run is taken: {classifier.known_as}; the one "
            f"that comes with pasunchat is {PREFIX}{DEFAULT}"
        )
    return classifier
