"""Certificates by double masking, against brute force."""

from itertools import product

import pytest
import torch
from torch import Tensor, nn

import pasunchat
from pasunchat.certificates.certificate import Proof
from pasunchat.certificates.masks import masks
from pasunchat.classifiers.classifier import Classifier
from pasunchat.classifiers.masked import BLANK, Masking, patch_side, shown_beside
from pasunchat.errors import PasunchatError

SIZE, AREA, WINDOWS = 8, 0.06, 3
PHOTOS = 24


def toy(seed: int) -> Classifier:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 36, 2 + seed % 2)
        base = Classifier(nn.Sequential(*layers)).eval()
    with torch.no_grad():  # so that pictures get all its answers, many of them narrowly
        layers[-1].bias -= base(pictures(seed)).mean(0)
    return base


def pictures(seed: int) -> Tensor:
    return torch.rand(PHOTOS, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))


def every_pair_right(base: Classifier, picture: Tensor, label: int) -> bool:
    shown = shown_beside(Masking(AREA, WINDOWS), SIZE, SIZE)
    pairs = torch.stack([one & other for one, other in product(shown, shown)])
    seen = torch.where(pairs, picture, torch.tensor(BLANK))
    return set(base.predict_logits(seen).argmax(1).tolist()) == {label}


def with_patches(base: Classifier, picture: Tensor, label: int) -> Tensor:
    """The picture with a patch at every place, of five contents: black, white, two colours, and
    whatever the gradient there says is worst."""
    side = patch_side(AREA, SIZE, SIZE)
    leaf = picture[None].clone().requires_grad_()
    logits = base(leaf)[0]
    others = [z for place, z in enumerate(logits) if place != label]
    (gradient,) = torch.autograd.grad(max(others) - logits[label], leaf)
    colours = [
        torch.tensor(c).view(3, 1, 1) for c in ((0.0,) * 3, (1.0,) * 3, (1.0, 0, 0), (0, 1.0, 1))
    ]
    fillings = [c.expand(3, SIZE, SIZE) for c in colours] + [(gradient[0] > 0).float()]
    patched = []
    for top, left, filling in product(range(SIZE - side + 1), range(SIZE - side + 1), fillings):
        one = picture.clone()
        place = slice(None), slice(top, top + side), slice(left, left + side)
        one[place] = filling[place]
        patched.append(one)
    return torch.stack(patched)


@pytest.mark.parametrize("seed", range(3))
def test_the_verdict_is_that_of_brute_force_and_no_patch_changes_what_is_proved(seed: int) -> None:
    base, pixels = toy(seed), pictures(seed)
    masked = pasunchat.masked(base, AREA, windows=WINDOWS)
    labels = base.predict_logits(pixels).argmax(1)
    found = masks(masked, pixels, labels)
    answers = masked.predict_logits(pixels).argmax(1).tolist()
    assert [one.answer for one in found] == answers
    proved = [one.proof is Proof.PROVED for one in found]
    assert proved == [
        every_pair_right(base, picture, int(label))
        for picture, label in zip(pixels, labels, strict=True)
    ]
    assert any(proved) and not all(proved)
    for certificate, picture in zip(found, pixels, strict=True):
        if certificate.proof is Proof.PROVED:
            patched = with_patches(base, picture, certificate.label)
            assert set(masked.predict_logits(patched).argmax(1).tolist()) == {certificate.label}
            assert certificate.radius == AREA and certificate.norm == "patch"
        else:
            assert certificate.radius == 0
            wrong = certificate.answer != certificate.label
            assert certificate.proof is (Proof.MISREAD if wrong else Proof.NOT_PROVED)


def test_patches_do_change_answers_that_are_not_proved() -> None:
    """So the test above could have failed."""
    base, pixels = toy(0), pictures(0)
    masked = pasunchat.masked(base, AREA, windows=WINDOWS)
    labels = base.predict_logits(pixels).argmax(1)

    def changes(picture: Tensor, label: int) -> bool:
        patched = masked.predict_logits(with_patches(base, picture, label)).argmax(1)
        return bool((patched != label).any())

    assert any(
        changes(picture, one.label)
        for one, picture in zip(masks(masked, pixels, labels), pixels, strict=True)
        if one.proof is Proof.NOT_PROVED
    )


def test_it_asks_about_every_pair_once_where_it_proves_and_stops_early_where_it_fails() -> None:
    base, pixels = toy(0), pictures(0)
    masked = pasunchat.masked(base, AREA, windows=6)
    labels = base.predict_logits(pixels).argmax(1)
    seen: list[tuple[int, int]] = []
    found = masks(masked, pixels, labels, progress=lambda *done: seen.append(done))
    spent = {proof: {one.queries for one in found if one.proof is proof} for proof in Proof}
    assert spent[Proof.PROVED] == {666} and min(spent[Proof.NOT_PROVED]) < 100
    assert seen == [(row + 1, PHOTOS) for row in range(PHOTOS)]
    assert {one.of for one in found} == {masked.digest()}
    assert {(one.alpha, one.seed) for one in found} == {(None, None)}
    assert masks(masked, pixels, labels) == found


def test_a_margin_that_rounding_could_undo_is_not_counted_on() -> None:
    flat = Classifier(nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE**2, 2))).eval()
    with torch.no_grad():
        flat.network[1].weight.zero_()
        flat.network[1].bias.copy_(torch.tensor([1.00001, 1.0]))
    (found,) = masks(pasunchat.masked(flat), pictures(0)[:1], torch.zeros(1, dtype=torch.int64))
    assert found.answer == 0 and found.proof is Proof.NOT_PROVED


def test_another_classifier_and_a_patch_that_does_not_fit_are_refused() -> None:
    base, labels = toy(0), torch.zeros(1, dtype=torch.int64)
    with pytest.raises(PasunchatError, match="take masked:"):
        masks(base, pictures(0)[:1], labels)
    wide = torch.rand(1, 3, 8, 60)
    with pytest.raises(PasunchatError, match="smaller area"):
        masks(pasunchat.masked(base, 0.3), wide, labels)
