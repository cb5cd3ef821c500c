"""The talk's `simple`, a Keras file, as a classifier of ours: the same function, much quicker.

Keras on torch pads its convolutions and turns them to NHWC and back, which would take most of the
time that is measured, ours or a peer's.
"""

from pathlib import Path

import numpy as np
import torch

import pasunchat
from pasunchat.classifiers.build import build
from pasunchat.classifiers.files import save

SIZE, CLOSE = 224, 1e-4


def simple_of_keras(file: str, folder: Path) -> None:
    """Write the classifier of `file` into `folder`, once its logits on noise are the same.

    Keras's kernels are [3, 3, in, out], and its flattening has channels last.
    """
    theirs = pasunchat.load(file)
    marked = "._functional._torch_params."
    weights = {
        name.partition(marked)[2]: value
        for name, value in theirs.state_dict().items()
        if marked in name
    }
    ours = build("simple", classes=("cat", "dog"), size=SIZE)
    state = {}
    kernels = sorted(name for name in weights if name.endswith("kernel") and "conv" in name)
    for place, name in enumerate(kernels, start=1):
        state[f"conv{place}.weight"] = weights[name].permute(3, 2, 0, 1)
        state[f"conv{place}.bias"] = weights[name.replace("kernel", "bias")]
    dense = next(name for name in weights if name.endswith("kernel") and "dense" in name)
    side = SIZE >> len(kernels)
    rows = weights[dense].view(side, side, -1, 2).permute(3, 2, 0, 1)
    state["dense.weight"], state["dense.bias"] = (
        rows.reshape(2, -1),
        weights[dense.replace("kernel", "bias")],
    )
    ours.network.load_state_dict({name: value.contiguous() for name, value in state.items()})
    drawn = np.random.default_rng(0).integers(0, 256, (4, SIZE, SIZE, 3), dtype=np.uint8)
    torch.testing.assert_close(ours.logits(drawn), theirs.logits(drawn), rtol=CLOSE, atol=CLOSE)
    folder.mkdir(parents=True, exist_ok=True)
    save(ours, folder)
