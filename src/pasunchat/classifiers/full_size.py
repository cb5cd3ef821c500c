"""A classifier for photos at their own size: framing and resize become part of what it does."""

from torch import Tensor, nn

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.on_images import Framed, Step, on_images
from pasunchat.errors import PasunchatError


def full_size(classifier: Classifier) -> Classifier:
    """The classifier for pixels of any height and width, float [N, 3, H, W] in [0, 1].

    It says bit by bit what `predict` says of these pixels saved as a PNG: they are rounded to 256
    levels, framed and resized by Pillow. A gradient goes back through all of it, by the transpose
    of the resize. Files are still asked about through the classifier given.
    Raises PasunchatError for a classifier that states no picture size.
    """
    return around(classifier, _AtFullSize(classifier, framed_as_for(classifier)), size=None)


def fitting(classifier: Classifier, height: int, width: int) -> Classifier:
    """The classifier itself for pictures of its own size, else `full_size` of it."""
    if classifier.size is None or (height, width) == (classifier.size, classifier.size):
        return classifier
    return full_size(classifier)


def framed_as_for(classifier: Classifier) -> Framed:
    """The step that makes of any picture what the classifier sees of it."""
    if classifier.size is None:
        raise PasunchatError(
            "this classifier states no picture size; give pixels of a size it takes"
        )
    return Framed(classifier.size, classifier.framing)


def around(classifier: Classifier, network: nn.Module, *, size: int | None) -> Classifier:
    """A Classifier of `network`, which asks `classifier`: with its names, origin and mode."""
    wrapped = Classifier(
        network,
        classes=classifier.classes,
        size=size,
        framing=classifier.framing,
        decode=classifier.decode,
        network_name=classifier.network_name,
        trained_on=classifier.trained_on,
        origin=classifier.origin,
    )
    wrapped.known_as = classifier.known_as
    return wrapped.to(classifier.mean.device).train(classifier.training)


class _AtFullSize(nn.Module):
    def __init__(self, classifier: Classifier, step: Step) -> None:
        super().__init__()
        self.classifier = classifier
        self.step = step

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.classifier(on_images(pixels, [self.step] * len(pixels)))
        return logits
