"""From the names of files to classes and splits: the layouts that a source may have."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
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
    the layout is looked for inside it; failing that, the lone folder is a class.
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
    named = [name for name in tree.folders if name.lower() in SPLIT_WORDS]
    if not named or not _are_splits(tree, named):
        return None
    places: Places = {}
    for name in named:
        split = SPLIT_WORDS[name.lower()]
        for path, place in _places(tree.folders[name]).items():
            places[path] = Place(place.class_name, split)
    return places


def _are_splits(tree: Tree, named: list[str]) -> bool:
    """Whether these folders are splits, and not classes that bear such a name (a train)."""
    if len(named) > 1 or len(tree.folders) == 1:
        return True
    holding = [name for name, folder in tree.folders.items() if _class_count(folder) > 1]
    return holding == named  # as in Kaggle's set: train/ with classes, test1/ without


def _places(tree: Tree) -> Places:
    arranged = arrange(tree)
    return arranged[1] if arranged else {}


def _class_count(tree: Tree) -> int:
    return len({place.class_name for place in _places(tree).values()})


def class_folders(tree: Tree) -> Places | None:
    """One folder a class, at any depth below it."""
    if len(tree.folders) < 2:
        return None
    places: Places = {}
    for name, folder in tree.folders.items():
        places |= _all_in(folder, name)
    return places


def _all_in(folder: Tree, class_name: str) -> Places:
    return dict.fromkeys(folder.paths(), Place(class_name))


LAYOUTS: Mapping[str, Callable[[Tree], Places | None]] = {
    "flat names": flat_names,
    "split folders": split_folders,
    "class folders": class_folders,
}
