"""Leaving a class by aiming at each other class in turn."""

from dataclasses import dataclass, replace

from pasunchat.attacks.find import find
from pasunchat.attacks.protocol import AttackInfo, Method, refuse_below_one
from pasunchat.attacks.search import SearchResult, SearchTask, no_result
from pasunchat.attacks.strategies.ranking import LIKELIEST, nearest_first
from pasunchat.attacks.strategies.strategy import info_of_parts, take_better


@dataclass(frozen=True)
class EachTarget:
    """To leave a class, each other class is the target in turn, the nearest first, the next for
    the rows that are not fooled yet (Croce and Hein 2020, arXiv:2003.01690, section 4, where the
    order is that of the logits)."""

    attack: Method
    most: int = 9  # classes

    def __post_init__(self) -> None:
        refuse_below_one(self, "most")

    @property
    def info(self) -> AttackInfo:
        """What follows from its attack."""
        return info_of_parts(
            (self.attack,),
            about=f"each other class as the target in turn: {self.attack.info.about}",
            when="to leave a class, from three classes on",
            cost=f"up to {self.most} times {self.attack.info.cost}",
        )

    def find(self, task: SearchTask) -> SearchResult:
        """As `search`. A goal that is targeted already has one target."""
        problem, rows = task.problem, task.rows
        if problem.goal.targeted:
            return find(self.attack, task)
        ranking = nearest_first(task, max(self.most, LIKELIEST))
        found = no_result(problem)
        ranking.count_in(found)
        for number in range(min(self.most, ranking.classes.shape[1])):
            if not len(rows) or (number and task.is_over()):
                break
            goal = replace(problem.goal, classes=ranking.classes[:, number], targeted=True)
            part = replace(task.part(rows, "target", number), problem=replace(problem, goal=goal))
            take_better(found, find(self.attack, part), rows)
            rows = found.active(rows)
            task.report(rows)
        return found
