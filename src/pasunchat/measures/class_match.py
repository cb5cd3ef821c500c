"""Which output of a classifier means which class of a dataset, by their names, in any order."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
from numpy.typing import NDArray

from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.photos.dataset import Dataset
from pasunchat.words import count

NUMBERED = re.compile(r"((class|label|output)[\s_-]*)?\d+", re.IGNORECASE)  # "0", "LABEL_0"
SHOWN = 8  # names in a message


@dataclass(frozen=True)
class ClassMatch:
    """The classes of a dataset among the outputs of a classifier."""

    outputs: NDArray[np.int64]  # [K]: the output that means each class of the dataset
    names: tuple[str, ...]  # of every output: the dataset's where it has the class

    @property
    def left_out(self) -> int:
        """How many outputs mean a class of which the dataset has no photo."""
        return len(self.names) - len(self.outputs)


def match_classes(classifier: Classifier, dataset: Dataset) -> ClassMatch:
    """Find each class of the dataset among the outputs of a classifier.

    By name; where that is not the same, without regard to case and to "_", "-" and spaces, and by
    one of several names between commas, as ImageNet's "tabby, tabby cat". Raises PasunchatError for
    a class that no output means or several may, and where outputs have only numbers.
    """
    ours = classifier.classes or _numbers(classifier, dataset)
    theirs = dataset.classes
    if not set(theirs) <= set(ours) and all(map(NUMBERED.fullmatch, ours)):
        raise PasunchatError(_unnamed(ours, dataset))
    found = [_output(name, ours, dataset) for name in theirs]
    for first, output in enumerate(found):
        if output in found[:first]:
            both = f'"{theirs[found.index(output)]}" and "{theirs[first]}"'
            raise PasunchatError(
                f'{both} of {dataset.folder} both mean the class "{ours[output]}" of the model; '
                "put their photos into one folder"
            )
    names = list(ours)
    for name, output in zip(theirs, found, strict=True):
        names[output] = name
    return ClassMatch(np.array(found, np.int64), tuple(names))


def _numbers(classifier: Classifier, dataset: Dataset) -> tuple[str, ...]:
    total = classifier.logits(dataset.pixels[:1]).shape[1]
    return tuple(map(str, range(total)))


def _output(name: str, ours: Sequence[str], dataset: Dataset) -> int:
    """The one output that means a class."""
    for says in (_the_same, _alike, _one_of_several):
        found = [place for place, own in enumerate(ours) if says(name, own)]
        if len(found) == 1:
            return found[0]
        if found:
            places = " or ".join(f'{place} ("{ours[place]}")' for place in found)
            raise PasunchatError(
                f'"{name}" of {dataset.folder} may mean output {places} of the model; give the '
                "folder the whole name of one, or name the outputs: classes=names.txt behind the "
                "model's name"
            )
    raise PasunchatError(
        f'the model has no class "{name}", of which {dataset.folder} has photos; its classes: '
        f"{_listed(name, ours)}; give the folder the name of one, or leave it out"
    )


def _the_same(name: str, own: str) -> bool:
    return name == own


def _alike(name: str, own: str) -> bool:
    return _plain(name) == _plain(own)


def _one_of_several(name: str, own: str) -> bool:
    return "," in own and _plain(name) in map(_plain, own.split(","))


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()


def _listed(name: str, ours: Sequence[str]) -> str:
    """All of a few names; of many, those most like the one that is looked for."""
    if len(ours) <= SHOWN:
        return ", ".join(ours)
    near = get_close_matches(name, ours, n=3, cutoff=0.5)
    return f"{', '.join(near or ours[:3])} and {len(ours) - len(near or ours[:3]):,} more"


def _unnamed(ours: Sequence[str], dataset: Dataset) -> str:
    theirs, whole = dataset.classes, f"{count(len(ours), 'output')} ({', '.join(ours[:3])}"
    whole += ", ...)" if len(ours) > 3 else ")"
    several = "/".join(theirs)
    if len(ours) == len(theirs) <= SHOWN:
        way = (
            f"e.g. classes={several} if {theirs[0]} comes first (in Python: "
            f"Classifier(..., classes={theirs!r}))"
        )
    else:
        way = (
            "classes=names.txt, a file with one name a line (in Python: Classifier(..., classes=))"
        )
    return (
        f"the {whole} of this model have numbers for names, so which of them means which of "
        f"{', '.join(theirs[:SHOWN])} is not known; say it behind the model's name, in the order "
        f"of the outputs: {way}"
    )
