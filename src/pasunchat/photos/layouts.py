"""From the names of files to classes and splits: the layouts that a source may have."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

from pasunchat.errors import PasunchatError

SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "eval": "test",
    "evaluation": "test",
}
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
FLAT_NAME = re.compile(r"([^.]+)\.\d+\.[^.]+")  # cat.0.jpg
EXPECTED = (
    "expected one subfolder a class (cat/, dog/), the same under train/, validation/ and test/, "
    "or names like cat.0.jpg and dog.0.jpg"
)


class Place(NamedTuple):
    """Where a photo belongs; split is None where the layout does not say."""

    class_name: str
    split: str | None = None


Places = dict[str, Place]


@dataclass
class Tree:
    """A folder by names: its files (name -> path) and its folders (name -> Tree)."""

    files: dict[str, str] = field(default_factory=dict)
    folders: dict[str, "Tree"] = field(default_factory=dict)

    def paths(self) -> Iterator[str]:
        """Every file at any depth."""
        yield from self.files.values()
        for folder in self.folders.values():
            yield from folder.paths()


def tree_of(paths: Iterable[str]) -> Tree:
    """The tree of paths with forward slashes."""
    root = Tree()
    for path in paths:
        *parents, name = path.split("/")
        folder = root
        for parent in parents:
            folder = folder.folders.setdefault(parent, Tree())
        folder.files[name] = path
    return root


def arrange(tree: Tree) -> tuple[str, Places] | None:
    """The name of the layout, and the place of each path that has one; None if none fits.

    The first layout of LAYOUTS that fits is taken. Where none does and there is one folder only,
    the layout is looked for inside it; failing that, the lone folder is a class. Raises
    PasunchatError where classes and splits cannot be told apart.
    """
    for name, layout in LAYOUTS.items():
        places = layout(tree)
        if places:
            return name, places
    for name, folder in tree.folders.items():
        return arrange(folder) or ("class folders", _all_in(folder, name))
    return None


def flat_names(tree: Tree) -> Places | None:
    """cat.0.jpg, dog.0.jpg: where there is nothing else, or two classes of such names."""
    found = {path: FLAT_NAME.fullmatch(name) for name, path in tree.files.items()}
    places = {path: Place(match[1]) for path, match in found.items() if match}
    if tree.folders and len(set(places.values())) < 2:
        return None
    return places


def split_folders(tree: Tree) -> Places | None:
    """train/, validation/, test/ (or their other names), each in a layout of its own."""
    splits = _splits_by_word(tree) or _splits_by_longer_name(tree)
    places: Places = {}
    for name, split in splits.items():
        for path, place in _places(tree.folders[name]).items():
            places[path] = Place(place.class_name, split)
    return places or None


def _splits_by_word(tree: Tree) -> dict[str, str]:
    """Folders called train, test, ... and their splits; {} where that is a class (a train)."""
    named = {n: SPLIT_WORDS[n.lower()] for n in tree.folders if n.lower() in SPLIT_WORDS}
    if len(named) > 1 or len(tree.folders) == 1:
        return named
    holding = _holding_classes(tree)
    return named if holding == list(named) else {}  # Kaggle's: train/ with classes, test1/ without


def _splits_by_longer_name(tree: Tree) -> dict[str, str]:
    """Folders like training_set, seg_test or valImages and their splits; {} unless they hold all
    the classes, in two splits or more: bullet_train may be a class."""
    named = {n: split for n in tree.folders if (split := _split_in(n)) is not None}
    holding = [named.get(name) for name in _holding_classes(tree)] if named else []
    return named if None not in holding and len(set(holding)) > 1 else {}


def _split_in(name: str) -> str | None:
    """The split that a folder's name has among its words, if it has just one."""
    words = [word.lower().removesuffix("set") for word in WORD.findall(name)]
    found = {SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS}
    return found.pop() if len(found) == 1 else None


def _holding_classes(tree: Tree) -> list[str]:
    """The folders in which more than one class is found."""
    return [name for name, folder in tree.folders.items() if _class_count(folder) > 1]


def _places(tree: Tree) -> Places:
    arranged = arrange(tree)
    return arranged[1] if arranged else {}


def _class_count(tree: Tree) -> int:
    try:
        return len({place.class_name for place in _places(tree).values()})
    except PasunchatError:
        return 0


def class_folders(tree: Tree) -> Places | None:
    """One folder a class, at any depth below it; or cat/train/, cat/test/, dog/train/, ...

    Raises PasunchatError where two of them hold the same folders, which may be the classes.
    """
    if len(tree.folders) < 2:
        return None
    _refuse_the_same_folders(tree)
    places: Places = {}
    for name, folder in tree.folders.items():
        splits = set(folder.folders) if not folder.files else set()
        if splits and all(split.lower() in SPLIT_WORDS for split in splits):
            for split, part in folder.folders.items():
                places |= _all_in(part, name, SPLIT_WORDS[split.lower()])
        else:
            places |= _all_in(folder, name)
    return places


def _refuse_the_same_folders(tree: Tree) -> None:
    inside = {
        name: {inner for inner in folder.folders if inner.lower() not in SPLIT_WORDS}
        for name, folder in tree.folders.items()
    }
    for one, other in combinations(inside, 2):
        both = sorted(inside[one] & inside[other])
        if len(both) > 1:
            raise PasunchatError(
                f"the folders {one} and {other} both hold folders {both[0]} and {both[1]}, so "
                "that classes and splits cannot be told apart; call the splits train/, "
                "validation/ and test/, or name each folder that holds the classes as a source "
                "of its own"
            )


def _all_in(folder: Tree, class_name: str, split: str | None = None) -> Places:
    return dict.fromkeys(folder.paths(), Place(class_name, split))


LAYOUTS: Mapping[str, Callable[[Tree], Places | None]] = {
    "flat names": flat_names,
    "split folders": split_folders,
    "class folders": class_folders,
}
