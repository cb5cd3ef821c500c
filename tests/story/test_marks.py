"""A class keeps one mark; of many, only the answer and the goal have one."""

from pasunchat.story.marks import mark


def test_up_to_four_classes_have_marks_of_their_own() -> None:
    assert [mark(index, 4, answer=2, goal=0) for index in range(4)] == [1, 2, 3, 4]


def test_of_many_only_the_answer_and_the_goal_are_marked() -> None:
    assert [mark(index, 6, answer=2, goal=4) for index in range(6)] == [5, 5, 1, 5, 2, 5]
