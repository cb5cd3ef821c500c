"""A classifier for photos at their own size: framing and resize become part of what it does."""

from dataclasses import replace

from torch import Tensor, nn

from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.on_images import Framed, Step, on_images
from pasunchat.errors import PasunchatError


def full_size(classifier: Classifier) -> Classifier:
    """The classifier for pixels of any height and width, float [N, 3, H, W] in [0, 1].

    It gives, bit for bit, the logits that `classifier` gives for these pixels saved as a PNG: they
    are rounded to 256 levels, framed and resized by Pillow. A gradient goes back through all of it,
    by the transpose of the resize. Raises PasunchatError for a classifier that states no image
    size.
    """
    return wrap(classifier, _AtFullSize(classifier, framed_as_for(classifier)), size=None)


def fitting(classifier: Classifier, height: int, width: int) -> Classifier:
    """The classifier itself for pixels of its own size, else `full_size` of it."""
    if classifier.size is None or (height, width) == (classifier.size, classifier.size):
        return classifier
    return full_size(classifier)


def framed_as_for(classifier: Classifier) -> Framed:
    """The step that frames an image as `predict` frames a photo for this classifier."""
    if classifier.size is None:
        raise PasunchatError("this classifier states no image size; give pixels of a size it takes")
    return Framed(classifier.size, classifier.framing)


def wrap(classifier: Classifier, network: nn.Module, *, size: int | None) -> Classifier:
    """A Classifier of `network`, which calls `classifier`: with its info, origin and mode."""
    info = replace(classifier.info, size=size, mirrored=False)  # the inner one does that itself
    wrapped = Classifier.with_info(network, info)
    wrapped.origin, wrapped.known_as = classifier.origin, classifier.known_as
    wrapped.company = classifier.company
    return wrapped.to(classifier.mean.device).train(classifier.training)


class _AtFullSize(nn.Module):
    def __init__(self, classifier: Classifier, step: Step) -> None:
        super().__init__()
        self.classifier = classifier
        self.step = step

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.classifier(on_images(pixels, [self.step] * len(pixels)))
        return logits
