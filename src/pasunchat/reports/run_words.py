"""A run in words: how its network was trained, every setting of it, and what a frozen base is."""

import re
from dataclasses import asdict, dataclass

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.networks import NETWORKS
from pasunchat.classifiers.networks.base_and_head import BaseAndHead
from pasunchat.classifiers.summary import Summary
from pasunchat.parsing import from_table
from pasunchat.reports.fooled import file_name
from pasunchat.training.defences import defending
from pasunchat.training.recipe import Augment, Recipe
from pasunchat.words import count, listed

# What each field of Recipe and Augment is called in a report. Where there is nothing to say (a
# value that switches it off), `settings_in_words` says "no".
SETTINGS = {
    "network": "network",
    "start": "trained model it begins from",
    "defend": "changes it is trained to withstand",
    "epochs": "epochs, at most",
    "patience": "epochs without a lower validation loss, after which it ends",
    "batch_size": "photos in a step",
    "steps_per_epoch": "steps in an epoch, at least",
    "lr": "learning rate (AdamW)",
    "betas": "decay of AdamW’s two running means",
    "weight_decay": "weight decay",
    "warmup": "steps of warm-up",
    "final_lr": "learning rate at the end, as a share of that at the start",
    "clip": "largest gradient (L2)",
    "label_smoothing": "share of each label spread over all classes",
    "ema": "decay of the running mean of the weights",
    "augment": "random changes of training photos",
    "copies": "copies with such changes, shown in turn",
    "resolutions": "sides of the pictures, in pixels, in turn",
    "mirrored": "looks at the mirror image too",
    "teacher": "a trained network to imitate",
    "teacher_share": "share of the teacher in the loss",
    "temperature": "temperature of the teacher’s softmax",
    "unfreeze": "last parts of the base that are trained",
    "base_lr": "learning rate of the base, as a share of that of the head",
    "seed": "seed",
    "precision": "precision",
}
CHANGES = {
    "crop": "cut to {:.0%} of the side at least",
    "flip": "mirrored in {:.0%}",
    "brightness": "brighter or darker by {:.0%} at most",
    "contrast": "contrast changed by {:.0%} at most",
    "colour": "colours changed by {:.0%} at most",
    "grey": "without colour in {:.0%}",
    "erase": "a grey square in {:.0%}",
    "mixup": "two photos blended (alpha {:g})",
}


def network_said(name: str) -> str:
    """A network's name as a recipe has it, without the folders of a file among its settings."""
    return re.sub(r"=[^,=]*[/\\]", "=", name)


def changes_in_words(augment: Augment) -> str:
    """What is done to training photos at random, or "none"."""
    off = asdict(Augment())
    found = [
        CHANGES[name].format(value).replace("%", " %")
        for name, value in asdict(augment).items()
        if value != off[name]
    ]
    return listed(found) if found else "none"


def settings_in_words(recipe: Recipe) -> list[tuple[str, str]]:
    """Every setting: ("photos in a step", "32")."""
    return [(SETTINGS[name], _said(recipe, name)) for name in asdict(recipe)]


def _said(recipe: Recipe, name: str) -> str:
    value = getattr(recipe, name)
    if name == "network":
        return network_said(value)
    if name == "augment":
        return changes_in_words(value)
    if name in ("teacher", "start") and value:
        return file_name(value)
    if value is None or value is False or value == ():
        return "no"
    if value is True:
        return "yes"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return count(value) if isinstance(value, int) else str(value)


def recipe_in_words(recipe: Recipe) -> list[str]:
    """The settings that matter most, in sentences."""
    sentences = [
        f"It was shown {count(recipe.batch_size, 'photo')} a step, at a learning rate of "
        f"{recipe.lr:g} (AdamW), for {count(recipe.epochs, 'epoch')} at most."
    ]
    if recipe.patience is not None:
        sentences.append(
            f"It was to end after {count(recipe.patience, 'epoch')} without a lower validation "
            "loss."
        )
    changes = changes_in_words(recipe.augment)
    if changes != "none":
        sentences.append(f"Training photos were changed at random: {changes}.")
    if recipe.mirrored:
        sentences.append("It looks at each photo and at its mirror image, and takes the mean.")
    if recipe.start:
        sentences.append(f"It began from a trained network, {file_name(recipe.start)}.")
    if recipe.defend:
        defence = defending(recipe.defend)
        against = "noise" if defence.is_noise else "attacks"
        sentences.append(
            f"It was trained against {against}: changes of {defence.size_in_words}, by "
            f"{defence.method.info.paper.partition(':')[0]}."
        )
    if recipe.teacher:
        sentences.append(f"It imitated a trained network too, {file_name(recipe.teacher)}.")
    return sentences


@dataclass(frozen=True)
class Base:
    """The part of a network that others trained."""

    about: str  # of the whole network
    parameters: int
    head: int  # parameters of what is on top
    trained: int | str  # how many of its last parts were trained here, or "all"


def base_of(classifier: Classifier, recipe: Recipe, network: Summary) -> Base | None:
    """The pretrained base of a run's network; None where it has none."""
    plan = from_table(recipe.network, NETWORKS, "network")
    if not plan.frozen or not isinstance(classifier.network, BaseAndHead):
        return None
    head = sum(parameter.numel() for parameter in classifier.network.head.parameters())
    return Base(plan.about, network.parameters - head, head, recipe.unfreeze)


def base_in_words(base: Base) -> str:
    """What the base is, where it comes from, and what became of it here."""
    about = f"It is {base.about}."
    what = (
        f"{count(base.parameters)} of its numbers are the base, which others trained on 1.3 "
        "million photos of a thousand kinds of things; it knows edges, fur and eyes before it "
        "sees a photo here."
    )
    on_top = f"the {count(base.head)} numbers on top"
    if base.trained == "all":
        then = f"All of it was trained further here, together with {on_top}."
    elif base.trained:
        then = (
            f"Its last {count(int(base.trained), 'part')} were trained further here, together with "
            f"{on_top}; the rest is frozen, that is, left as it was."
        )
    else:
        then = (
            f"The base is frozen, that is, left as it was: only {on_top} were tuned by this "
            "training."
        )
    return f"{about} {what} {then}"
