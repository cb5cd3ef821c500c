"""Maps as the page draws them: a value is what the picture's grey says, pooled or not."""

import numpy as np
import pytest

pytest.importorskip("starlette")

from torch import Tensor, nn

from pasunchat.classifiers.build import build
from pasunchat.explain import layer_maps
from pasunchat.page.inside import Inside


class Pooled(nn.Module):
    """One layer, whose largest values are not those before its pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.pool = nn.AvgPool2d(2)
        self.last = nn.Linear(4 * 16 * 16, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.pool(self.first(x).relu()).flatten(1))


@pytest.mark.parametrize("pooled", [True, False])
def test_a_value_is_its_tops_share_of_255(pooled: bool) -> None:
    classifier = build("simple", classes=("cat", "dog"), size=32, seed=1)
    classifier.network = Pooled().eval()
    photo = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    inside = Inside(classifier, photo, ["first"])
    (facts,) = inside.layers()
    (maps,) = layer_maps(classifier, photo, ("first",), pooled=pooled)
    top = np.array(facts["top" if pooled else "top_unpooled"])[:, None, None]
    grey = np.stack(np.hsplit(inside.atlas("first", pooled=pooled), 4))
    assert np.abs(top * grey / 255 - maps.maps.detach().numpy()).max() <= 0.51 * top.max() / 255
