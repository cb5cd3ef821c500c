"""A run in words: how its network was trained, every setting of it, and what a frozen base is."""

import re
from dataclasses import asdict, dataclass

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.networks import NETWORKS
from pasunchat.classifiers.networks.base_and_head import BaseAndHead
from pasunchat.classifiers.summary import Summary
from pasunchat.parsing import from_table
from pasunchat.reports.fooled import file_name
from pasunchat.story.wording import TERMINAL, Words
from pasunchat.training.defences import defending
from pasunchat.training.recipe import Augment, Recipe
from pasunchat.training.run import Run

# Changes that are a share; what is left is said as it is.
SHARES = ("crop", "flip", "brightness", "contrast", "colour", "grey", "erase")


def network_said(name: str) -> str:
    """A network's name as a recipe has it, without the folders of a file among its settings."""
    return re.sub(r"=[^,=]*[/\\]", "=", name)


def changes_in_words(augment: Augment, words: Words = TERMINAL) -> str:
    """What is done to training photos at random; "" for nothing."""
    off = asdict(Augment())
    found = [
        words.t(f"change_{name}", v=words.share(value, 0) if name in SHARES else f"{value:g}")
        for name, value in asdict(augment).items()
        if value != off[name]
    ]
    return words.listed(found) if found else ""


def settings_in_words(recipe: Recipe, words: Words = TERMINAL) -> list[tuple[str, str]]:
    """Every setting: ("photos in a step", "32"). What is switched off is "no"."""
    return [(words.t(f"set_{name}"), _said(recipe, name, words)) for name in asdict(recipe)]


def _said(recipe: Recipe, name: str, words: Words) -> str:
    value = getattr(recipe, name)
    if name == "network":
        return network_said(value)
    if name == "augment":
        return changes_in_words(value, words) or words.t("changes_none")
    if name in ("teacher", "start") and value:
        return file_name(value)
    if value is None or value is False or value == ():
        return words.t("no")
    if value is True:
        return words.t("yes")
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return words.cnt(value) if isinstance(value, int) else str(value)


def recipe_in_words(recipe: Recipe, words: Words = TERMINAL) -> list[str]:
    """The settings that matter most, in sentences."""
    sentences = [
        words.t(
            "recipe_steps",
            photos=words.n("n_photos", recipe.batch_size),
            lr=words.told(f"{recipe.lr:g}"),
            epochs=words.n("n_epochs", recipe.epochs),
        )
    ]
    if recipe.patience is not None:
        sentences.append(words.t("recipe_patience", epochs=words.n("n_epochs", recipe.patience)))
    if changes := changes_in_words(recipe.augment, words):
        sentences.append(words.t("recipe_changes", changes=changes))
    if recipe.mirrored:
        sentences.append(words.t("recipe_mirrored"))
    if recipe.start:
        sentences.append(words.t("recipe_start", name=file_name(recipe.start)))
    if recipe.defend:
        defence = defending(recipe.defend)
        sentences.append(
            words.t(
                "recipe_noise" if defence.is_noise else "recipe_attacks",
                size=words.told(defence.size_in_words),
                paper=defence.method.info.paper.partition(":")[0],
            )
        )
    if recipe.teacher:
        sentences.append(words.t("recipe_teacher", name=file_name(recipe.teacher)))
    return sentences


def ended_in_words(run: Run, words: Words = TERMINAL) -> str:
    """Why the training of a run ended; what is not among the usual reasons as it was recorded."""
    done, best, patience = len(run.history), run.info.best_epoch or 0, run.recipe.patience
    if run.info.good and patience is not None and best and done - best >= patience:
        return words.t("ended_patience", best=best, n=done - best, patience=patience)
    if run.info.good and done >= run.recipe.epochs:
        return words.t("ended_all", n=done)
    return run.info.ended or ""


@dataclass(frozen=True)
class Base:
    """The part of a network that others trained."""

    network: str  # its name in NETWORKS
    parameters: int
    head: int  # parameters of what is on top
    trained: int | str  # how many of its last parts were trained here, or "all"


def base_of(classifier: Classifier, recipe: Recipe, network: Summary) -> Base | None:
    """The pretrained base of a run's network; None where it has none."""
    plan = from_table(recipe.network, NETWORKS, "network")
    if not plan.frozen or not isinstance(classifier.network, BaseAndHead):
        return None
    head = sum(parameter.numel() for parameter in classifier.network.head.parameters())
    return Base(recipe.network.partition(":")[0], network.parameters - head, head, recipe.unfreeze)


def base_in_words(base: Base, words: Words = TERMINAL) -> str:
    """What the base is, where it comes from, and what became of it here."""
    parts = 0 if base.trained == "all" else int(base.trained)
    key = "base_all" if base.trained == "all" else "base_part" if parts else "base_frozen"
    then = words.t(key, n=words.cnt(base.head), parts=words.n("n_parts", parts))
    what = words.t("base_what", n=words.cnt(base.parameters))
    return f"{words.t(f'base_{base.network}')} {what} {then}"
