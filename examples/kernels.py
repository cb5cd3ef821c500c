"""Go wider: each layer has several representations of its input, one a kernel.

Four kernels written by hand, those that the talk names: vertical edges, horizontal edges,
brightness, blueness. Each makes one map of a drawn cat, here after relu and pooling, as in the
talk's network. Writes kernels.png into the folder given, or into the current one.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import conv2d, max_pool2d

from pasunchat.photos.drawing import draw

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
photo = np.array(draw("cat", 0, 3))
pixels = torch.from_numpy(photo).permute(2, 0, 1)[None] / 255 - 0.5  # [1, 3, 224, 224]

edge = torch.tensor([[-1.0, 0.0, 1.0]] * 3) / 3
mean = torch.full((3, 3), 1 / 9)
colours = {  # of each kernel: how much of it is for red, green and blue
    "vertical edges": (edge, (1, 1, 1)),
    "horizontal edges": (edge.T, (1, 1, 1)),
    "brightness": (mean, (1, 1, 1)),
    "blueness": (mean, (-1, -1, 2)),
}
kernels = torch.stack(
    [torch.tensor(share)[:, None, None] * kernel for kernel, share in colours.values()]
)  # [4, 3, 3, 3]: 27 weights each
maps = max_pool2d(conv2d(pixels, kernels, padding=1).relu(), 2)[0]  # [4, 112, 112]

row = [photo]
for name, found in zip(colours, maps, strict=True):
    active = (found > 0.05).float().mean()
    print(f"{name}: {tuple(found.shape)}, largest {found.max():.2f}, above 0.05 in {active:.0%}")
    ink = 255 - 255 * found / found.max()  # paper is 0, ink the largest
    large = ink.repeat_interleave(2, 0).repeat_interleave(2, 1).byte().numpy()
    row.append(np.repeat(large[:, :, None], 3, axis=2))
Image.fromarray(np.concatenate(row, axis=1)).save(FOLDER / "kernels.png")
