"""The talk's own tables, to the digit."""

from pasunchat.classifiers.build import build
from pasunchat.classifiers.summary import describe

CLASSES = ("cat", "dog")


def test_simple_is_the_talk_s_table() -> None:
    described = describe(build("simple", classes=CLASSES))
    rows = [layer for layer in described.layers if layer.kind != "relu"]
    assert [(row.shape, row.parameters) for row in rows] == [
        ((224, 224, 16), 448),
        ((112, 112, 16), 0),
        ((112, 112, 16), 2320),
        ((56, 56, 16), 0),
        ((56, 56, 16), 2320),
        ((28, 28, 16), 0),
        ((12544,), 0),
        ((2,), 25090),
    ]
    assert [row.seen[0] for row in rows[:6]] == [3, 4, 8, 10, 18, 22]
    assert rows[-1].seen == (224, 224)
    assert described.parameters == described.trainable == 30178


def test_linear_has_the_talk_s_301058() -> None:
    assert describe(build("linear", classes=CLASSES)).parameters == 150528 * 2 + 2 == 301058


def test_multiply_adds_of_simple() -> None:
    described = describe(build("simple", classes=CLASSES))
    convolutions = [224 * 224 * 432, 112 * 112 * 2304, 56 * 56 * 2304]
    assert described.multiply_adds == sum(convolutions) + 12544 * 2


def test_dense_counts_both_layers() -> None:
    described = describe(build("dense:units=8", classes=CLASSES, size=16))
    assert described.parameters == 768 * 8 + 8 + 8 * 2 + 2
