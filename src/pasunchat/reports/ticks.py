"""Numbers at the axes of figures, in the language of a report."""

from matplotlib.ticker import Formatter, FuncFormatter, ScalarFormatter

from pasunchat.story.wording import Words


class _Numbers(ScalarFormatter):
    """Numbers as matplotlib writes them, with the language's decimal mark."""

    def __init__(self, words: Words) -> None:
        super().__init__()
        self._words = words

    def __call__(self, x: float, pos: int | None = None) -> str:
        return self._words.told(super().__call__(x, pos))


def share_ticks(words: Words) -> Formatter:
    """Shares in [0, 1]: "80 %", "all"."""
    return FuncFormatter(lambda value, _: words.tick(value))


def number_ticks(words: Words) -> Formatter:
    """Numbers of any size: "0.25", in French "0,25"."""
    return _Numbers(words)
