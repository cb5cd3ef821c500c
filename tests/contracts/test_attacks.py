"""What every attack of ATTACKS keeps to. One more attack joins by its row."""

from dataclasses import asdict, fields

import msgspec
import pytest
import torch

from pasunchat.attacks import ATTACKS
from pasunchat.attacks.fool import fool
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import Status
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.parsing import from_table
from pasunchat.runtime import generator

SIZE = 16
QUICK = {"learned-noise": "learned-noise:lr=0.01"}


@pytest.fixture(params=ATTACKS)
def name(request: pytest.FixtureRequest) -> str:
    """Each attack, with settings that make it quick on small pictures."""
    return QUICK.get(request.param, request.param)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    """Untrained, with larger logits, so that photos differ in how near the border they lie."""
    found = build("simple", classes=("cat", "dog", "fox"), size=SIZE, seed=3)
    with torch.no_grad():
        found.network.dense.weight.mul_(6)
    return found


def photos(count: int, seed: int = 0) -> torch.Tensor:
    levels = torch.randint(0, 256, (count, 3, SIZE, SIZE), generator=generator(seed))
    return levels.float().div(255)


def test_is_on_the_grid_in_range_and_judged_as_saved(name: str, classifier: Classifier) -> None:
    found = fool(classifier, photos(6), attack=name)
    levels = found.pixels * 255
    assert (levels - levels.round()).abs().max() < 1e-3
    assert found.pixels.min() >= 0 and found.pixels.max() <= 1
    again = torch.cat([classifier.judge(row[None]) for row in found.pixels])
    assert torch.equal(again, found.after_logits)
    assert Status.REACHED in found.status
    for row, status in enumerate(found.status):
        assert (status is Status.REACHED) == bool(found.after[row] == found.goal[row])


def test_distance_is_that_of_the_change(name: str, classifier: Classifier) -> None:
    given = photos(3)
    found = fool(classifier, given, attack=name)
    expected = (found.pixels - given).flatten(1).norm(dim=1)
    assert torch.allclose(found.distance, expected, atol=1e-5)
    assert torch.equal(found.photos, given)


def test_a_row_is_the_same_bytes_in_any_company(name: str, classifier: Classifier) -> None:
    one, others = photos(1), photos(62, seed=1)
    impossible = torch.zeros_like(one)
    alone = fool(classifier, one, attack=name)
    first = fool(classifier, torch.cat([one, others]), attack=name)
    last = fool(classifier, torch.cat([others, one]), attack=name)
    beside = fool(classifier, torch.cat([impossible, one]), attack=name)
    for company, row in ((first, 0), (last, 62), (beside, 1)):
        assert torch.equal(company.pixels[row], alone.pixels[0])
        assert company.forwards[row] == alone.forwards[0]


def test_same_seed_same_bytes_and_global_state_untouched(name: str, classifier: Classifier) -> None:
    before = torch.random.get_rng_state()
    one, same, other = (fool(classifier, photos(2), attack=name, seed=s) for s in (0, 0, 1))
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(one.pixels, same.pixels)
    assert not torch.equal(one.pixels, other.pixels)


def test_both_memory_layouts_give_the_same_answer(name: str, classifier: Classifier) -> None:
    given = photos(2)
    last = given.contiguous(memory_format=torch.channels_last)
    one, other = (fool(classifier, g, attack=name) for g in (given.contiguous(), last))
    assert torch.equal(one.pixels, other.pixels)


def test_what_is_already_so_costs_nothing_and_stays(name: str, classifier: Classifier) -> None:
    given = photos(2)
    already = classifier.judge(given, batch=1).argmax(1)
    found = fool(classifier, given, goal=Goal(already), attack=name)
    assert found.status == (Status.ALREADY_WRONG, Status.ALREADY_WRONG)
    assert torch.equal(found.pixels, given)
    assert found.forwards.sum() == found.backwards.sum() == 0


def test_counts_agree_with_a_counting_network(name: str, classifier: Classifier) -> None:
    asked = 0

    def count(_: object, given: tuple[torch.Tensor]) -> None:
        nonlocal asked
        asked += len(given[0])

    hook = classifier.register_forward_pre_hook(count)
    found = fool(classifier, photos(4), attack=name)
    hook.remove()
    judged = 2 * 4
    assert asked - judged >= found.forwards.sum() > 0
    assert (found.backwards <= found.forwards).all()


def test_a_network_without_slope_is_named(name: str) -> None:
    flat = build("linear", classes=("cat", "dog"), size=SIZE)
    with torch.no_grad():
        flat.network.dense.weight.zero_()
        flat.network.dense.bias.copy_(torch.tensor([1.0, 0.0]))
    found = fool(flat, photos(1), attack=name)
    assert found.status == (Status.NO_GRADIENT,)


def test_leaves_the_classifier_and_the_photos_alone(name: str, classifier: Classifier) -> None:
    given, digest = photos(2), classifier.digest()
    kept = given.clone()
    classifier.train()
    fool(classifier, given, attack=name)
    assert classifier.training
    assert classifier.digest() == digest
    assert torch.equal(given, kept)
    assert all(p.requires_grad and p.grad is None for p in classifier.parameters())


def test_settings_go_through_json_and_from_words(name: str) -> None:
    attack = from_table(name, ATTACKS, "attack")
    again = msgspec.json.decode(msgspec.json.encode(asdict(attack)), type=type(attack))
    assert again == attack
    assert attack.about and attack.paper and attack.norms
    assert all(field.name in asdict(attack) for field in fields(attack))
