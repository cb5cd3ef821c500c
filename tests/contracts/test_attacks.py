"""What every attack of ATTACKS keeps to, for each norm it serves. One more joins by its row."""

from collections.abc import Callable
from dataclasses import asdict, fields

import msgspec
import pytest
import torch

from pasunchat.attacks import ATTACKS
from pasunchat.attacks.find import Strategy
from pasunchat.attacks.fool import fool
from pasunchat.attacks.problem import Goal
from pasunchat.attacks.result import AttackResult, Status
from pasunchat.classifiers.build import build
from pasunchat.classifiers.classifier import Classifier
from pasunchat.norms import NORMS, Norm
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
    "eot-pgd": "eot-pgd:steps=4",
    "vmi-fgsm": "vmi-fgsm:steps=3,step_size=0.4",
    "admix": "admix:steps=3,step_size=0.4",
    "sim": "sim:steps=4,step_size=0.3",
}
CONTROLS = ("random-noise",)  # may well reach nothing
MIXES = ("admix",)  # mixes in the photos that a photo is beside
RADII = {"l2": 2.0, "linf": 16 / 255, "l1": 40.0, "l0": 200.0, "pixels": 100.0}
NEARER = {"l2": 0.3, "linf": 2 / 255, "l1": 4.0, "l0": 6.0, "pixels": 3.0}  # too near for most
CASES = [(name, norm) for name, attack in ATTACKS.items() for norm in attack.info.norms]
NEAREST = [case for case in CASES if "nearest" in ATTACKS[case[0]].info.aims]
Fool = Callable[..., AttackResult]


@pytest.fixture(params=CASES, ids="-".join)
def case(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Each attack by name, with a norm it serves."""
    return request.param


@pytest.fixture
def attacked(case: tuple[str, str]) -> Fool:
    """`fool` with that attack, quick settings, the norm, and a radius where it needs one."""
    name, norm = case
    nearest = "nearest" in ATTACKS[name].info.aims

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
    again = torch.cat([classifier.predict_logits(row[None]) for row in found.pixels])
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
    if found.request.radius is not None:
        assert (found.distance <= found.request.radius * (1 + 1e-5)).all()


def test_a_row_ends_the_same_in_any_company(
    attacked: Fool, case: tuple[str, str], classifier: Classifier
) -> None:
    """The batch that a row is asked in changes its logits by rounding, so never its status, and its
    distance by next to nothing."""
    if case[0] in MIXES:
        pytest.skip("depends on the photos beside it, as its paper says")
    company = 20 if isinstance(ATTACKS[case[0]], Strategy) else 62  # its parts are rows too
    one, others = photos(1), photos(company, seed=1)
    impossible = torch.zeros_like(one)
    alone = attacked(classifier, one)
    first = attacked(classifier, torch.cat([one, others]))
    beside = attacked(classifier, torch.cat([impossible, one]))
    for found, row in ((first, 0), (beside, 1)):
        assert found.status[row] is alone.status[0]
        assert torch.allclose(found.distance[row], alone.distance[0], rtol=1e-3)


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


@pytest.mark.parametrize("levels", [256, None], ids=["grid", "float"])
@pytest.mark.parametrize("case", NEAREST, ids="-".join)
def test_inside_a_radius_no_nearest_attack_leaves_it_or_returns_the_photo(
    attacked: Fool, case: tuple[str, str], classifier: Classifier, levels: int | None
) -> None:
    """Neither what fools nor the closest try lies outside the radius; and a try it is."""
    given, norm = photos(6), NORMS[case[1]]
    radius = NEARER[case[1]]
    found = attacked(classifier, given, radius=radius, levels=levels)
    assert (found.distance <= radius * (1 + 1e-5)).all()
    assert (norm.measure(found.pixels - given) > 0).all()
    for row, status in enumerate(found.status):
        assert (status is Status.REACHED) == bool(found.after[row] == found.goal[row])


def test_what_is_already_so_costs_nothing_and_stays(attacked: Fool, classifier: Classifier) -> None:
    given = photos(2)
    already = classifier.predict_logits(given, batch=1).argmax(1)
    found = attacked(classifier, given, goal=Goal(already))
    assert found.status == (Status.ALREADY_WRONG, Status.ALREADY_WRONG)
    assert torch.equal(found.pixels, given)
    assert found.forwards.sum() == found.backwards.sum() == 0


def test_counts_agree_with_a_counting_network(attacked: Fool, classifier: Classifier) -> None:
    """Every picture that the network is shown and every row that is differentiated is counted,
    none more, but for the two judgements of each photo, before and after."""
    shown = differentiated = 0

    def count_forward(_: object, given: tuple[torch.Tensor]) -> None:
        nonlocal shown
        shown += len(given[0])

    def count_backward(_: object, __: object, gradients: tuple[torch.Tensor]) -> None:
        nonlocal differentiated
        differentiated += len(gradients[0])

    hooks = (
        classifier.register_forward_pre_hook(count_forward),
        classifier.network.register_full_backward_hook(count_backward),
    )
    found = attacked(classifier, photos(4))
    for hook in hooks:
        hook.remove()
    judged = 2 * 4
    assert shown - judged == found.forwards.sum() > 0
    assert differentiated == found.backwards.sum()


def test_a_network_without_slope_is_named(attacked: Fool, case: tuple[str, str]) -> None:
    flat = build("linear", classes=("cat", "dog"), size=SIZE)
    with torch.no_grad():
        flat.network.dense.weight.zero_()
        flat.network.dense.bias.copy_(torch.tensor([1.0, 0.0]))
    found = attacked(flat, photos(1))
    gradients = ATTACKS[case[0]].info.needs == "gradients"
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
    words = ",".join(f"{field.name}={getattr(attack, field.name)}" for field in fields(attack))
    assert from_table(f"{name}:{words}", ATTACKS, "attack") == attack


@pytest.mark.parametrize("name", ATTACKS)
def test_states_what_it_is(name: str) -> None:
    info = ATTACKS[name].info
    assert info.about and info.paper and info.when and info.cost
    assert info.norms and set(info.norms) <= set(NORMS)
    assert info.aims


@pytest.mark.parametrize("norm", NORMS.values(), ids=lambda norm: norm.name)
def test_every_norm_has_an_attack_by_default(norm: Norm) -> None:
    info = ATTACKS[norm.nearest].info
    assert norm.name in info.norms and "nearest" in info.aims
