"""Each class of a dataset is found among the outputs of a classifier, by its name alone."""

from dataclasses import replace

import pytest
from torch import nn

from pasunchat.classifiers.classifier import Classifier
from pasunchat.errors import PasunchatError
from pasunchat.measures.class_match import match_classes
from pasunchat.photos.dataset import Dataset


def of(dataset: Dataset, *classes: str) -> Dataset:
    return replace(dataset, facts=replace(dataset.facts, classes=classes))


def naming(*classes: str) -> Classifier:
    return Classifier(nn.Flatten(), classes=classes)


@pytest.mark.parametrize(
    ("outputs", "found"),
    [
        (("cat", "dog"), [0, 1]),
        (("dog", "cat"), [1, 0]),
        (("owl", "dog", "fox", "cat"), [3, 1]),
        (("DOG ", "Cat"), [1, 0]),
        (("dog", "Dog", "cat"), [2, 0]),  # one of them is the same to the letter
        (("tabby, cat, mouser", "hound, dog"), [0, 1]),
        (("cat, tabby", "cat", "dog"), [1, 2]),
    ],
)
def test_by_name_in_any_order(dataset: Dataset, outputs: tuple[str, ...], found: list[int]) -> None:
    match = match_classes(naming(*outputs), of(dataset, "cat", "dog"))
    assert match.outputs.tolist() == found
    assert [match.names[output] for output in found] == ["cat", "dog"]
    assert match.left_out == len(outputs) - 2


def test_underscores_hyphens_and_spaces_are_alike(dataset: Dataset) -> None:
    match = match_classes(
        naming("Great Dane", "fox-terrier"), of(dataset, "fox_terrier", "great dane")
    )
    assert match.outputs.tolist() == [1, 0]


def test_folders_with_numbers_for_names_are_the_outputs_of_these_numbers(dataset: Dataset) -> None:
    folders = tuple(sorted(map(str, range(12))))  # "0", "1", "10", "11", "2", ...
    match = match_classes(naming(*map(str, range(12))), of(dataset, *folders))
    assert match.outputs.tolist() == [int(name) for name in folders]


@pytest.mark.parametrize(
    ("outputs", "folders", "named"),
    [
        (("0", "1"), ("cat", "dog"), r"classes=cat/dog if cat comes first"),
        (("LABEL_0", "LABEL_1"), ("cat", "dog"), r"classes=cat/dog"),
        (("class_0", "class_1", "class_2"), ("cat", "dog"), r"3 outputs .* classes=names\.txt"),
        (("cat", "dog"), ("cat", "fox"), r'no class "fox".*its classes: cat, dog'),
        (("crane, bird", "crane, machine", "dog"), ("crane", "dog"), r'may mean output 0 .* or 1'),
        (("CAT", "Cat", "dog"), ("cat", "dog"), r'may mean output 0 \("CAT"\) or 1'),
        (("cat", "dog"), ("cat", "dog", "Dog"), r'both mean the class "dog"'),
    ],
)  # fmt: skip
def test_what_cannot_be_known_is_asked_for(
    dataset: Dataset, outputs: tuple[str, ...], folders: tuple[str, ...], named: str
) -> None:
    with pytest.raises(PasunchatError, match=named):
        match_classes(naming(*outputs), of(dataset, *folders))


def test_of_many_classes_the_likeliest_are_named(dataset: Dataset) -> None:
    breeds = naming(*(f"breed of letter {letter}" for letter in "abcdefghijk"), "siamese cat")
    with pytest.raises(PasunchatError, match=r'no class "siamese cats".*siamese cat and'):
        match_classes(breeds, of(dataset, "siamese cats"))


def test_outputs_without_names_are_counted(dataset: Dataset) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 2))
    assert match_classes(Classifier(network), of(dataset, "1", "0")).outputs.tolist() == [1, 0]
    with pytest.raises(PasunchatError, match=r"the 2 outputs \(0, 1\) of this model"):
        match_classes(Classifier(network), of(dataset, "cat", "dog"))
