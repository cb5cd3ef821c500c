"""What an attack is: its paper and nothing else. The loop around it is in search.py."""

from dataclasses import Field, fields, is_dataclass, replace
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, TypeVar, runtime_checkable

from torch import Tensor

from pasunchat.attacks.problem import Problem

Access = Literal["gradients", "scores", "labels"]
Aim = Literal["nearest", "within"]
Keeps = Literal["nearest", "own"]
Effort = Literal["quick", "normal", "thorough"]
Setting = float | int | str | bool | None


class Ask(NamedTuple):
    """What an attack wants to know. Rows first.

    pixels: [N, Q, 3, H, W] in [0, 1], Q queries a row. gradient: bool [N], whether the gradient
    of the attack's loss at query 0 is wanted. on_grid: that all pixels lie on the problem's grid,
    which saves the loop the work of finding out.
    """

    pixels: Tensor
    gradient: Tensor
    on_grid: bool = False


def ask_once(problem: Problem, pixels: Tensor, gradient: Tensor) -> Ask:
    """To ask once of each row about pixels [N, 3, H, W] that lie on the grid, if the problem has
    one. gradient: bool [N]."""
    return Ask(pixels[:, None], gradient, on_grid=problem.levels is not None)


def ask_snapped(problem: Problem, pixels: Tensor, gradient: Tensor) -> Ask:
    """As `ask_once`, about pixels that are first put on the grid."""
    return ask_once(problem, problem.snap(pixels), gradient)


class Answer(NamedTuple):
    """What the classifier says to an Ask; what the attack's access forbids is None.

    logits [N, Q, C], margin [N, Q] (of the goal; below 0 where it is not reached, a tie too),
    reached bool [N, Q]; loss [N] and gradient [N, 3, H, W] at query 0, zero for the rows that did
    not ask for it, None where no row did. An attack whose loss is [N, K] is given K gradients,
    [N, K, 3, H, W].
    """

    logits: Tensor | None
    margin: Tensor | None
    reached: Tensor
    loss: Tensor | None
    gradient: Tensor | None


class State(Protocol):
    """Where each row's search stands: a dataclass of tensors, rows first."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def done(self) -> Tensor:
        """bool [N]: which rows have ended their search."""


S = TypeVar("S", bound=State)


def take(state: S, rows: Tensor | slice) -> S:
    """The state of some rows; of a slice, without a copy."""
    parts = {field.name: getattr(state, field.name)[rows] for field in fields(state)}
    changed: S = replace(state, **parts)
    return changed


def put(state: S, rows: Tensor, part: S) -> S:
    """The state with some rows replaced by those of `part`."""
    values = {
        field.name: getattr(state, field.name).index_copy(0, rows, getattr(part, field.name))
        for field in fields(state)
    }
    changed: S = replace(state, **values)
    return changed


def settings_of(method: object) -> dict[str, Setting]:
    """A dataclass's fields as plain values; what is made of other attacks, in words."""
    assert is_dataclass(method)
    values = {field.name: getattr(method, field.name) for field in fields(method)}
    return {name: v if isinstance(v, Setting) else str(v) for name, v in values.items()}


def refuse_below_one(method: object, *names: str) -> None:
    """Raise ValueError if one of these settings, counts of something, is below 1."""
    for name in names:
        if getattr(method, name) < 1:
            raise ValueError(f"{name}: expected 1 or more, got {getattr(method, name)}")


class Facts(Protocol):
    """What every row of ATTACKS says of itself: a frozen dataclass, its fields are its settings."""

    @property
    def about(self) -> str:
        """One sentence: what it does."""

    @property
    def paper(self) -> str:
        """Where it comes from."""

    @property
    def needs(self) -> Access:
        """What it must be told about the classifier."""

    @property
    def norms(self) -> tuple[str, ...]:
        """The names of the norms it makes small."""

    @property
    def aims(self) -> tuple[Aim, ...]:
        """nearest: the least change. within: any change inside the problem's radius."""

    @property
    def when(self) -> str:
        """What to take it for, in a few words."""

    @property
    def cost(self) -> str:
        """What one photo costs, in gradients and questions."""


class Attack(Facts, Protocol[S]):
    """One search. No base class."""

    @property
    def keeps(self) -> Keeps:
        """nearest: of all queries that reach, the loop keeps the nearest. own: the attack keeps
        the best by a criterion of its own (KeepsOwn)."""

    def start(self, problem: Problem, keys: Tensor) -> S:
        """The first state; every draw is a function of the row's key, int64 [N]."""

    def ask(self, problem: Problem, state: S) -> Ask:
        """What to ask now."""

    def loss(self, problem: Problem, state: S, logits: Tensor) -> Tensor:
        """logits [N, C] -> [N] or [N, K]; larger is nearer to the goal."""

    def step(self, problem: Problem, state: S, answer: Answer) -> S:
        """The next state, from the answer."""


@runtime_checkable
class KeepsOwn(Protocol):
    """An attack that keeps its best by a criterion of its own."""

    def kept(self, problem: Problem, state: Any) -> Tensor:
        """The best pixels so far, [N, 3, H, W]."""
