"""Inside: a network's way through one photo, kept for the questions that follow each other."""

from collections import OrderedDict
from dataclasses import asdict, dataclass, field
from typing import Any

from pasunchat.classifiers.classifier import Classifier
from pasunchat.explain import (
    Field,
    ForwardPass,
    forward_pass,
    layer_maps,
    shown_layers,
    unit,
    votes,
)
from pasunchat.page.asking import square
from pasunchat.page.models import ModelFacts
from pasunchat.page.photos import KeptPhoto
from pasunchat.page.pictures import Image, atlas, tops

KEPT_PASSES = 3  # of the photos asked about last; some 15 MB each for `simple`, 150 for a backbone
KEPT_INSIDES = 8

Insides = OrderedDict[tuple[str, str], "Inside"]


@dataclass
class Inside:
    """What a model did with a photo, and what has been asked of that already."""

    classifier: Classifier
    photo: Any  # uint8 [H, W, 3], as the model sees it
    shown: list[str]
    seen: ForwardPass | None = None
    answers: dict[tuple[str, object], Any] = field(default_factory=dict)

    def ahead(self) -> ForwardPass:
        """The pass, made anew where it was let go."""
        if self.seen is None:
            self.seen = forward_pass(self.classifier, self.photo)
        return self.seen

    def layers(self) -> list[dict[str, Any]]:
        """Of the layers that are shown, what is drawn beside their maps."""
        if ("layers", "") not in self.answers:
            found = []
            for maps in layer_maps(self.classifier, self.ahead(), tuple(self.shown)):
                chosen = list(maps.shown)
                (whole,) = layer_maps(self.classifier, self.ahead(), (maps.name,), pooled=False)
                found.append(
                    {
                        "name": maps.name,
                        "kind": maps.kind,
                        "side": list(maps.maps.shape[1:]),
                        "channels": len(maps.maps),
                        "shown": list(maps.shown),
                        "sees": field_facts(maps.field),
                        "parameters": maps.parameters,
                        "top": tops(maps.maps[chosen].numpy()).tolist(),
                        "top_unpooled": tops(whole.maps[chosen].numpy()).tolist(),
                    }
                )
            self.answers["layers", ""] = found
        told: list[dict[str, Any]] = self.answers["layers", ""]
        return told

    def atlas(self, name: str, *, pooled: bool) -> Image:
        """The shown maps of a layer side by side, grey: 255 is a map's `top`, without its poolings
        its `top_unpooled`. Raises PasunchatError for a name that is none."""
        if (name, pooled) not in self.answers:
            (maps,) = layer_maps(self.classifier, self.ahead(), (name,))
            shown = list(maps.shown)
            if not pooled:
                (maps,) = layer_maps(self.classifier, self.ahead(), (name,), pooled=False)
            self.answers[name, pooled] = atlas(maps.maps[shown].numpy())
        found: Image = self.answers[name, pooled]
        return found

    def unit(self, layer: str, index: int, y: int, x: int) -> dict[str, Any]:
        """A unit's arithmetic."""
        return asdict(unit(self.classifier, self.ahead(), layer, index, y, x))

    def votes(self, target: int, other: int) -> dict[str, Any] | None:
        """What each place of the last maps adds to the lead of one class over another."""
        found = votes(self.classifier, self.ahead(), target, other)
        if found is None:
            return None
        return {
            "side": list(found.side),
            "votes": found.votes.ravel().tolist(),
            "bias": found.bias,
            "totals": list(found.totals),
            "lead": found.lead,
            "mirror": found.mirror,
        }


def inside_of(kept: Insides, photo: KeptPhoto, model: ModelFacts, classifier: Classifier) -> Inside:
    """The one of a photo and a model; passes are let go sooner than answers, for their size."""
    key = (photo.id, model.run)
    if key not in kept:
        kept[key] = Inside(
            classifier,
            square(photo, model.run, classifier),
            model.shown or [*shown_layers(classifier)],
        )
    kept.move_to_end(key)
    while len(kept) > KEPT_INSIDES:
        kept.popitem(last=False)
    for old in list(kept.values())[:-KEPT_PASSES]:
        old.seen = None
    return kept[key]


def field_facts(seen: Field | None) -> list[int] | None:
    """[stride, offset, size] in pixels."""
    return None if seen is None else [seen.stride, seen.offset, seen.size]
