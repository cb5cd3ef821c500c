"""The same bits however the batch is divided among threads, and what may be missing or wrong."""

import concurrent.futures
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from pasunchat.classifiers.classifier import Classifier

Maker, Run = Callable[..., nn.Sequential], Callable[..., Tensor]


def results(kernel: Run, network: nn.Sequential, pixels: Tensor) -> list[Tensor]:
    """Logits, and gradients of pixels and weights."""
    pixels = pixels.clone(memory_format=torch.channels_last).requires_grad_()
    logits = kernel(network, pixels)
    slopes = torch.tensor([[0.5, -0.5]]).expand(len(pixels), 2)
    found = torch.autograd.grad(logits, [pixels, *network.parameters()], slopes)
    return [logits.detach(), *found]


def test_the_same_bits_on_any_number_of_threads(make_network: Maker, make_pixels: Run,
                                                kernel: Run) -> None:  # fmt: skip
    network, pixels, found = make_network(), make_pixels(7), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        found.append(results(kernel, network, pixels))
    for other in found[1:]:
        assert all(map(torch.equal, found[0], other))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_an_image_has_the_same_bits_in_any_batch(
    make_network: Maker, make_pixels: Run, kernel: Run, count: int
) -> None:
    network, pixels = make_network(), make_pixels(7)
    logits, slopes, *_ = results(kernel, network, pixels)
    for first in (0, 7 - count):
        part = slice(first, first + count)
        ours, theirs, *_ = results(kernel, network, pixels[part])
        assert torch.equal(ours, logits[part])
        assert torch.equal(theirs, slopes[part])
    with torch.inference_mode():
        assert torch.equal(kernel(network, pixels[:count]), logits[:count])


def test_callers_on_several_threads_do_not_disturb_each_other(
    make_network: Maker, make_pixels: Run, kernel: Run
) -> None:
    network = make_network()
    batches = [make_pixels(3, seed=seed) for seed in range(6)]
    alone = [results(kernel, network, batch) for batch in batches]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda batch: results(kernel, network, batch), batches))
    for a, b in zip(alone, together, strict=True):
        assert all(map(torch.equal, a, b))


@pytest.mark.parametrize("colours", [1, 3])
def test_it_normalises_as_a_classifier_does(
    make_network: Maker, make_pixels: Run, kernel: Run, colours: int
) -> None:
    from pasunchat.classifiers.fast.dispatch import run

    network, slopes = make_network(), torch.tensor([[0.5, -0.5], [1.0, -1.0], [1.0, 0.0]])
    classifier = Classifier(network, mean=[0.4, 0.5, 0.6][:colours], std=[0.5, 0.25, 2][:colours])
    pixels, parameters = (make_pixels(3) + 0.5).requires_grad_(), list(network.parameters())
    logits = run(network, pixels, classifier.scale, classifier.shift)
    assert logits is not None
    before = kernel(network, classifier.normalised(pixels))
    assert torch.allclose(logits, before, rtol=0, atol=1e-6)
    ours, theirs = (torch.autograd.grad(z, [pixels, *parameters], slopes) for z in (logits, before))
    for a, b in zip(ours, theirs, strict=True):
        assert (a - b).norm() < 1e-5 * b.norm()


def test_the_talk_s_normalisation_gives_the_same_bits(
    make_network: Maker, make_pixels: Run, kernel: Run
) -> None:
    from pasunchat.classifiers.fast.dispatch import run

    network, pixels = make_network(), make_pixels(3) + 0.5
    classifier = Classifier(network, mean=0.5)
    ours = run(network, pixels, classifier.scale, classifier.shift)
    assert ours is not None
    assert torch.equal(ours, kernel(network, classifier.normalised(pixels)))


def test_what_is_not_a_number_comes_out_as_such(make_network: Maker, make_pixels: Run,
                                                kernel: Run) -> None:  # fmt: skip
    network, pixels = make_network(), make_pixels(3)
    clean = kernel(network, pixels)
    pixels[1, 0, 5, 5] = torch.nan
    logits, slopes, *weights = results(kernel, network, pixels)
    assert logits[1].isnan().all()
    assert torch.equal(logits[::2], clean[::2])
    assert slopes[::2].isfinite().all()
    assert weights[0].isnan().any()


def test_no_folder_to_keep_the_compiled_kernel_in(monkeypatch: pytest.MonkeyPatch) -> None:
    from numba.core import caching

    from pasunchat.classifiers.fast.passes import compiled

    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])

    def add(a: int, b: int) -> int:
        return a + b

    assert compiled(add)(1, 2) == 3
