"""What a command says, on stderr, of the model that it loaded, once nothing is refused any more."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pasunchat.commands.printing import note

if TYPE_CHECKING:
    from pasunchat.classifiers.classifier import Classifier


def note_model(model: str | None, classifier: "Classifier") -> None:
    """Say where another may have been meant: a run that has the name of a shipped model, or the
    newest run where none was named. model: as it was named."""
    from pasunchat.classifiers.load import is_shadowed
    from pasunchat.classifiers.shipped import DEFAULT, PREFIX

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


def note_letters(names: Iterable[str]) -> None:
    """Say which letters of class names no font here has, so that pictures show their codes."""
    from pasunchat.pictures.fonts import without_font

    letters = without_font(names)
    if letters:
        note(
            f"note: no font here has the letters {letters}; pictures show their codes, as "
            f"U+{ord(letters[0]):04X}, until a font with them is installed (as Noto Sans)"
        )
