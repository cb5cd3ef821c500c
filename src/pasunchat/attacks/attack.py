"""What an attack is: its paper and nothing else. The loop around it is in search.py."""

from dataclasses import Field
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, TypeVar

from torch import Tensor

from pasunchat.attacks.problem import Problem

Access = Literal["gradients", "scores", "labels"]


class Ask(NamedTuple):
    """What an attack wants to know. Rows first.

    pixels: [N, Q, 3, H, W], Q queries a row. gradient: bool [N], whether the gradient of the
    attack's loss at query 0 is wanted.
    """

    pixels: Tensor
    gradient: Tensor


class Answer(NamedTuple):
    """What the classifier says to an Ask; what the attack's access forbids is None.

    logits [N, Q, C], margin [N, Q] (of the goal), reached bool [N, Q]; loss [N] and gradient
    [N, 3, H, W] at query 0 where asked for.
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


class Attack(Protocol[S]):
    """A frozen dataclass; its fields are its settings. No base class."""

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

    def start(self, problem: Problem, keys: Tensor) -> S:
        """The first state; every draw is a function of the row's key, int64 [N]."""

    def ask(self, problem: Problem, state: S) -> Ask:
        """What to ask now."""

    def loss(self, problem: Problem, logits: Tensor) -> Tensor:
        """logits [N, C] -> [N]; larger is nearer to the goal."""

    def step(self, problem: Problem, state: S, answer: Answer) -> S:
        """The next state, from the answer."""

    def kept(self, problem: Problem, state: S) -> Tensor:
        """The best pixels so far by the attack's own criterion, [N, 3, H, W]."""
