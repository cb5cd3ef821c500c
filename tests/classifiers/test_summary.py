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


def test_where_paths_meet_the_one_that_sees_most_counts() -> None:
    rows = {row.name: row for row in describe(build("residual", classes=CLASSES)).layers}
    assert rows["base.stem2.relu"].seen == (7, 7)  # strides of 2 and 2
    assert rows["base.stage1_block1.conv2.norm"].seen == (23, 23)  # two more 3x3 at stride 4
    assert rows["base.stage1_block1.relu"].seen == (23, 23)  # not 7, the shortcut's
    assert rows["base.stage2_block1.shortcut.0"].seen == (43, 43)  # 39 and 2x2 at stride 4
    assert rows["base.pool"].seen == rows["head.dense"].seen == (224, 224)


def test_squeezing_sees_the_whole_picture() -> None:
    rows = {row.name: row for row in describe(build("residual:squeeze=8", classes=CLASSES)).layers}
    assert rows["base.stage1_block1.conv2.norm"].seen == (23, 23)
    assert rows["base.stage1_block1.squeeze.down"].seen == (224, 224)
    assert rows["base.stage1_block1.relu"].seen == (224, 224)


def test_describing_leaves_mode_and_statistics_alone() -> None:
    classifier = build("tiny", classes=CLASSES, size=32)
    before = classifier.digest()
    describe(classifier)
    assert classifier.training
    assert classifier.digest() == before
