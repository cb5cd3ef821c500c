"""What every attack of ATTACKS keeps to, for each norm it serves. One more joins by its row."""

from collections.abc import Callable
from dataclasses import asdict, fields

import msgspec
import pytest
import torch

from pasunchat.attacks import ATTACKS, NEAREST
from pasunchat.attacks.fool import fool
from pasunchat.attacks.norms import NORMS
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import AttackResult, Status
from pasunchat.attacks.strategies.strategy import Strategy
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.parsing import from_table
from pasunchat.runtime import generator

SIZE = 16
QUICK = {
    "learned-noise": "learned-noise:lr=0.01",
    "sparse": "sparse:queries=50",
    "portfolio": "portfolio:effort=quick",
    "standard": "standard:steps=20,queries=100",
    "sigma-zero": "sigma-zero:steps=30",
    "pdpgd": "pdpgd:steps=30",
    "ddn": "ddn:steps=30",
    "fmn": "fmn:steps=30",
    "carlini-wagner": "carlini-wagner:round_steps=40,rounds=2,lr=0.05",
    "random-noise": "random-noise:draws=20",
    "square": "square:queries=200",
    "hop-skip-jump": "hop-skip-jump:queries=200",
}
CONTROLS = ("random-noise",)  # may well reach nothing
RADII = {"l2": 2.0, "linf": 16 / 255, "l1": 40.0, "l0": 200.0, "pixels": 100.0}
CASES = [(name, norm) for name, attack in ATTACKS.items() for norm in attack.norms]
Fool = Callable[..., AttackResult]


@pytest.fixture(params=CASES, ids=lambda case: "-".join(case))
def case(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Each attack by name, with a norm it serves."""
    return request.param


@pytest.fixture
def attacked(case: tuple[str, str]) -> Fool:
    """`fool` with that attack, quick settings, the norm, and a radius where it needs one."""
    name, norm = case
    nearest = "nearest" in ATTACKS[name].aims

    def run(*given: object, **named: object) -> AttackResult:
        settings = {"radius": None if nearest else RADII[norm], **named}
        return fool(*given, attack=QUICK.get(name, name), norm=NORMS[norm], **settings)

    return run


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


def test_is_on_the_grid_in_range_and_judged_as_saved(
    attacked: Fool, case: tuple[str, str], classifier: Classifier
) -> None:
    found = attacked(classifier, photos(6))
    levels = found.pixels * 255
    assert (levels - levels.round()).abs().max() < 1e-3
    assert found.pixels.min() >= 0 and found.pixels.max() <= 1
    again = torch.cat([classifier.judge(row[None]) for row in found.pixels])
    assert torch.equal(again, found.after_logits)
    assert Status.REACHED in found.status or case[0] in CONTROLS
    for row, status in enumerate(found.status):
        assert (status is Status.REACHED) == bool(found.after[row] == found.goal[row])


def test_distance_is_that_of_the_change(
    attacked: Fool, case: tuple[str, str], classifier: Classifier
) -> None:
    given = photos(3)
    found = attacked(classifier, given)
    assert torch.allclose(found.distance, NORMS[case[1]].measure(found.pixels - given))
    assert torch.equal(found.photos, given)
    if found.radius is not None:
        assert (found.distance <= found.radius * (1 + 1e-5)).all()


def test_a_row_is_the_same_bytes_in_any_company(
    attacked: Fool, case: tuple[str, str], classifier: Classifier
) -> None:
    company = 20 if isinstance(ATTACKS[case[0]], Strategy) else 62  # its parts are rows too
    one, others = photos(1), photos(company, seed=1)
    impossible = torch.zeros_like(one)
    alone = attacked(classifier, one)
    first = attacked(classifier, torch.cat([one, others]))
    last = attacked(classifier, torch.cat([others, one]))
    beside = attacked(classifier, torch.cat([impossible, one]))
    for found, row in ((first, 0), (last, company), (beside, 1)):
        assert torch.equal(found.pixels[row], alone.pixels[0])
        assert found.forwards[row] == alone.forwards[0]


def test_same_seed_same_bytes_and_global_state_untouched(
    attacked: Fool, classifier: Classifier
) -> None:
    before = torch.random.get_rng_state()
    one, same = (attacked(classifier, photos(2), seed=5) for _ in range(2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(one.pixels, same.pixels)


def test_both_memory_layouts_give_the_same_answer(attacked: Fool, classifier: Classifier) -> None:
    given = photos(2)
    last = given.contiguous(memory_format=torch.channels_last)
    one, other = (attacked(classifier, g) for g in (given.contiguous(), last))
    assert torch.equal(one.pixels, other.pixels)


def test_what_is_already_so_costs_nothing_and_stays(attacked: Fool, classifier: Classifier) -> None:
    given = photos(2)
    already = classifier.judge(given, batch=1).argmax(1)
    found = attacked(classifier, given, goal=Goal(already))
    assert found.status == (Status.ALREADY_WRONG, Status.ALREADY_WRONG)
    assert torch.equal(found.pixels, given)
    assert found.forwards.sum() == found.backwards.sum() == 0


def test_counts_agree_with_a_counting_network(attacked: Fool, classifier: Classifier) -> None:
    asked = 0

    def count(_: object, given: tuple[torch.Tensor]) -> None:
        nonlocal asked
        asked += len(given[0])

    hook = classifier.register_forward_pre_hook(count)
    found = attacked(classifier, photos(4))
    hook.remove()
    judged = 2 * 4
    assert asked - judged >= found.forwards.sum() > 0
    assert (found.backwards <= found.forwards * len(classifier.classes)).all()


def test_a_network_without_slope_is_named(attacked: Fool, case: tuple[str, str]) -> None:
    flat = build("linear", classes=("cat", "dog"), size=SIZE)
    with torch.no_grad():
        flat.network.dense.weight.zero_()
        flat.network.dense.bias.copy_(torch.tensor([1.0, 0.0]))
    found = attacked(flat, photos(1))
    gradients = ATTACKS[case[0]].needs == "gradients"
    assert found.status == ((Status.NO_GRADIENT if gradients else Status.NOT_REACHED),)


def test_leaves_the_classifier_and_the_photos_alone(attacked: Fool, classifier: Classifier) -> None:
    given, digest = photos(2), classifier.digest()
    kept = given.clone()
    classifier.train()
    attacked(classifier, given)
    assert classifier.training
    assert classifier.digest() == digest
    assert torch.equal(given, kept)
    assert all(p.requires_grad and p.grad is None for p in classifier.parameters())


def test_what_a_mask_forbids_is_not_changed(
    attacked: Fool, case: tuple[str, str], classifier: Classifier
) -> None:
    given, mask = photos(2), torch.zeros(SIZE, SIZE, dtype=torch.bool)
    mask[: SIZE // 2] = True
    found = attacked(classifier, given, mask=mask)
    assert torch.equal(found.pixels[:, :, SIZE // 2 :], given[:, :, SIZE // 2 :])


@pytest.mark.parametrize("name", ATTACKS)
def test_settings_go_through_json_and_from_words(name: str) -> None:
    attack = from_table(name, ATTACKS, "attack")
    again = msgspec.json.decode(msgspec.json.encode(asdict(attack)), type=type(attack))
    assert again == attack
    assert attack.about and attack.paper and attack.norms and attack.aims
    assert all(field.name in asdict(attack) for field in fields(attack))


@pytest.mark.parametrize("norm", NORMS)
def test_every_norm_has_an_attack_of_its_own(norm: str) -> None:
    attack = ATTACKS[NEAREST[norm]]
    assert norm in attack.norms and "nearest" in attack.aims
