"""The protocol of an attack: a frozen dataclass of settings, with four methods that are its paper.

`start` makes the state, `ask` says which pixels to query the classifier with, `loss` what to take
the gradient of, and `step` what follows from the answer. The loop that calls them is in search.py:
it keeps the best result, applies mask, grid and radius, counts queries and lets finished rows go.
There is no base class; `info` states what the attack is for.
"""

from collections.abc import Callable
from dataclasses import Field, dataclass, fields, is_dataclass, replace
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, TypeVar, runtime_checkable

from torch import Tensor

from pasunchat.attacks.problem import Problem

Access = Literal["labels", "scores", "gradients"]  # each includes the ones before it
Aim = Literal["nearest", "within"]
Effort = Literal["quick", "normal", "thorough"]
Setting = float | int | str | bool | None


@dataclass(frozen=True)
class AttackInfo:
    """What every row of ATTACKS states about itself."""

    about: str  # one line: what it does
    paper: str  # where it comes from
    norms: tuple[str, ...]  # names of the norms it makes small
    when: str  # what to use it for, in a few words
    cost: str  # of one photo, in gradients and queries
    needs: Access = "gradients"  # what it must know about the classifier
    # nearest: it searches for the least change. within: for any change inside a radius.
    aims: tuple[Aim, ...] = ("nearest",)
    # Whether it chooses its result by a criterion of its own (`ChoosesResult`) instead of the
    # nearest query that reached. Such an attack takes no confidence.
    own_result: bool = False
    any_norm: bool = False  # it uses a Norm's members alone, so it serves one that is added too
    # Whether, from three classes on, it leaves a class by aiming at the nearest of the others
    # (strategies/targets.py). Such an attack has an `effort`.
    by_class: bool = False

    def serves(self, norm: str) -> bool:
        """Whether it makes the norm of that name small."""
        return self.any_norm or norm in self.norms


class Views(NamedTuple):
    """Several changed copies of the pixels, over which the loss is averaged."""

    number: int  # V, how many
    # (problem, state, pixels [N, 3, H, W], index in 0 .. V - 1) -> the view, [N, 3, H, W]; a
    # gradient goes through it
    view: Callable[[Problem, Any, Tensor, int], Tensor]


class Query(NamedTuple):
    """What an attack wants to know. Rows first; Q pictures a row."""

    pixels: Tensor  # [N, Q, 3, H, W] in [0, 1]
    # bool [N]: the rows that want the gradient of the loss at picture 0; None: all rows, if the
    # attack needs gradients
    gradient: Tensor | None = None
    on_grid: bool = False  # all pixels lie on the problem's grid already, which saves rounding them
    views: Views | None = None  # the gradient is the mean over these views of picture 0


def query_one(
    problem: Problem, pixels: Tensor, gradient: Tensor | None = None, views: Views | None = None
) -> Query:
    """One picture a row, [N, 3, H, W], that lies on the grid if the problem has one."""
    return Query(pixels[:, None], gradient, problem.levels is not None, views)


def query_snapped(problem: Problem, pixels: Tensor, gradient: Tensor | None = None) -> Query:
    """One picture a row, put on the grid first."""
    return query_one(problem, problem.snap(pixels), gradient)


def query_inside(
    problem: Problem, radius: Tensor, pixels: Tensor, views: Views | None = None
) -> Query:
    """One picture a row inside a radius [N], put on the grid so that it stays inside."""
    return query_one(problem, problem.round_inside(radius, pixels), views=views)


class Answer(NamedTuple):
    """What the classifier answers to a Query. What the attack's access forbids is None."""

    logits: Tensor | None  # [N, Q, C]
    margin: Tensor | None  # [N, Q], of the goal; below 0 where it is not reached, a tie too
    reached: Tensor  # bool [N, Q]
    # The loss and its gradient at picture 0, 0 for rows that did not ask for it, None where no row
    # did: [N] and [N, 3, H, W], or [N, K] and [N, K, 3, H, W] of an attack with K losses.
    loss: Tensor | None
    gradient: Tensor | None
    view_gradients: Tensor | None  # [N, V, 3, H, W]: of each view, where there are views
    has_gradient: Tensor  # bool [N], on the CPU: the gradient is not 0 everywhere
    forwards: Tensor  # int64 [N], on the CPU: what the answer cost
    backwards: Tensor  # int64 [N], on the CPU


class State(Protocol):
    """Where each row's search is: a dataclass of tensors, rows first."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


@runtime_checkable
class EndsByRow(Protocol):
    """A state whose rows may end before the attack's last step."""

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


class Method(Protocol):
    """A row of ATTACKS: an attack, or a strategy made of several searches."""

    @property
    def info(self) -> AttackInfo:
        """What it states about itself."""


@runtime_checkable
class HasEffort(Method, Protocol):
    """One that may search longer or less long; a dataclass."""

    @property
    def effort(self) -> Effort:
        """How long."""


class Attack(Method, Protocol[S]):
    """One search."""

    @property
    def steps(self) -> int | None:
        """Number of steps; the loop then asks once more, without a gradient. None: each row ends by
        itself (`EndsByRow`)."""

    def start(self, problem: Problem, keys: Tensor) -> S:
        """The first state. keys: int64 [N], a seed for each row; see draws.py."""

    def ask(self, problem: Problem, state: S, step: int) -> Query:
        """What to ask at this step, counted from 0."""

    def loss(self, problem: Problem, state: S, logits: Tensor) -> Tensor:
        """logits [N, C] -> [N] or [N, K]; larger is nearer to the goal."""

    def step(self, problem: Problem, state: S, answer: Answer, step: int) -> S:
        """The next state, from the answer at this step."""


@runtime_checkable
class ChoosesResult(Protocol):
    """An attack that chooses its result by a criterion of its own."""

    def result(self, problem: Problem, state: Any) -> Tensor:
        """The pixels it returns, [N, 3, H, W]."""


def settings_of(method: object) -> dict[str, Setting]:
    """A dataclass's fields as plain values; those that are other attacks, in words."""
    assert is_dataclass(method)
    values = {field.name: getattr(method, field.name) for field in fields(method)}
    return {name: v if isinstance(v, Setting) else str(v) for name, v in values.items()}


def refuse_below_one(method: object, *names: str) -> None:
    """Raise ValueError if one of these settings, counts of something, is below 1."""
    for name in names:
        if getattr(method, name) < 1:
            raise ValueError(f"{name}: expected 1 or more, got {getattr(method, name)}")


def refuse_not_positive(method: object, *names: str) -> None:
    """Raise ValueError if one of these settings is not a finite number above 0; None is allowed."""
    for name in names:
        value = getattr(method, name)
        if value is not None and not 0 < value < float("inf"):
            raise ValueError(f"{name}: expected a number above 0, got {value}")
