"""What a model says of a photo: its square, its logits, whether that can be believed."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pasunchat.errors import PasunchatError
from pasunchat.framing import scaled_size
from pasunchat.page.models import Model, ModelFacts
from pasunchat.page.opening import FORMATS
from pasunchat.page.photos import KeptPhoto
from pasunchat.page.refusals import Refused
from pasunchat.photos.image import decode_photo, near_size

if TYPE_CHECKING:
    from pasunchat.classifiers.classifier import Classifier
    from pasunchat.fooled.receipt import Receipt


def square(photo: KeptPhoto, run: str, classifier: "Classifier") -> NDArray[np.uint8]:
    """The photo as a model sees it, uint8 [size, size, 3]. Raises Refused for a model that states
    no size."""
    if classifier.size is None:
        raise Refused(422, "e_nosize", {"model": classifier.known_as})
    if run not in photo.squares:
        near = near_size(classifier.size, classifier.framing, classifier.decode)
        opened = photo.decoded if near is None else None
        opened = opened or decode_photo(photo.data, near=near, formats=FORMATS)
        photo.squares[run] = opened.square(classifier.size, classifier.framing)
    return photo.squares[run]


def photo_facts(photo: KeptPhoto, model: ModelFacts, classifier: "Classifier") -> dict[str, Any]:
    """What the page says of a photo; computed once for each model. To be called in the thread of
    quick questions."""
    if model.run not in photo.facts:
        photo.facts[model.run] = _facts_of(photo, model, classifier)
    return photo.facts[model.run]


def _facts_of(photo: KeptPhoto, model: ModelFacts, classifier: "Classifier") -> dict[str, Any]:
    from pasunchat.classifiers.classifier import softmax

    logits = classifier.logits(square(photo, model.run, classifier)[None])
    probabilities = softmax(logits)[0].tolist()
    return {
        "photo": photo.id,
        "file": file_facts(photo),
        "seen": seen_facts(photo, classifier),
        "logits": logits[0].tolist(),
        "probabilities": probabilities,
        "believe": belief_facts(max(probabilities), model),
    }


def belief_facts(confidence: float, model: ModelFacts) -> dict[str, Any] | None:
    """Of the test photos of which the model was as sure, how many it read rightly."""
    from pasunchat.explain import ConfidenceBin, belief

    bins = [ConfidenceBin(**each) for each in model.bins or ()]  # type: ignore[arg-type]
    found = belief(confidence, bins)
    return None if found is None else {**asdict(found), "interval": list(found.interval)}


def receipt_in_file(photo: KeptPhoto) -> "Receipt | str | None":
    """The receipt inside a PNG; what is wrong with it where it is damaged; None without one."""
    from pasunchat.fooled.receipt import receipt_in
    from pasunchat.photos.image import png_texts

    if photo.kind != "PNG":
        return None
    try:
        return receipt_in(png_texts(photo.data), photo.name)
    except PasunchatError as error:
        return str(error)


def receipt_facts(
    photo: KeptPhoto, receipt: "Receipt", model: Model, classifier: "Classifier"
) -> dict[str, Any]:
    """Whether a PNG holds what its receipt says, asked of the model that it names. To be called in
    the thread of quick questions."""
    from pasunchat.fooled.receipt import against_receipt, ask_image

    prediction = ask_image(classifier, square(photo, model.facts.run, classifier))
    own = np.asarray(decode_photo(photo.data, formats=FORMATS).picture)
    findings = against_receipt(own, prediction, classifier, receipt)
    return {**_told(receipt), "p": prediction.confidence, **_state(findings)}


def unchecked(receipt: "Receipt | str") -> dict[str, Any]:
    """What is said of a receipt that is damaged, or of a model that is not here."""
    if isinstance(receipt, str):
        return {"goal": None, "p": None, "max": None, "model": None, **_state([receipt])}
    why = "none of the page's models is the one that the receipt names"
    return {**_told(receipt), "p": receipt.after.confidence, **_state([why])}


def _told(receipt: "Receipt") -> dict[str, Any]:
    return {"goal": receipt.goal, "max": receipt.largest_change, "model": receipt.model}


def _state(findings: list[str]) -> dict[str, Any]:
    return {"state": "not" if findings else "holds", "findings": findings}


def file_facts(photo: KeptPhoto) -> dict[str, Any]:
    """What the file was."""
    return {
        "name": photo.name,
        "width": photo.width,
        "height": photo.height,
        "kind": photo.kind,
        "turned": photo.turned,
        "frames": photo.frames,
    }


def seen_facts(photo: KeptPhoto, classifier: "Classifier") -> dict[str, Any]:
    """Where the photo lies in the square that is seen."""
    size, framing = classifier.size, classifier.framing
    assert size is not None
    box = [0, 0, size, size]
    if framing == "pad":
        width, height = scaled_size(photo.width, photo.height, size, framing)
        left, top = (size - width) // 2, (size - height) // 2
        box = [left, top, left + width, top + height]
    return {"size": size, "box": box, "framing": framing}
