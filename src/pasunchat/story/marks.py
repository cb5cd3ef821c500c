"""Which mark, colour and texture a class has: 1 circle, 2 square, 3 triangle, 4 diamond, 5 grey."""


def mark(index: int, classes: int, answer: int, goal: int | None = None) -> int:
    """The mark of class `index` of `classes`, in 1..5.

    Up to four classes have marks of their own. Of more, only the answer and the goal are marked.
    """
    if classes <= 4:
        return index + 1
    return 1 if index == answer else 2 if index == goal else 5
