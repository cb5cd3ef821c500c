"""Randomised smoothing: what is proved of a smoothed classifier, in L2, by counting votes.

Cohen, Rosenfeld and Kolter 2019, "Certified Adversarial Robustness via Randomized Smoothing":
CERTIFY and its theorem 1. If class A wins with probability p_A or more under noise of sigma, no
change shorter than sigma * Phi^-1(p_A) makes another class win. p_A is bounded from below by the
exact interval of Clopper and Pearson, p_B by 1 - p_A, of however many classes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pasunchat.certificates.certificate import Certificate, Proof
from pasunchat.classifiers.classifier import Classifier, cannot_run, finite
from pasunchat.classifiers.outputs import in_one_line
from pasunchat.classifiers.smoothed import Smoothed
from pasunchat.classifiers.versions import Ask, asking, votes_of
from pasunchat.errors import PasunchatError
from pasunchat.progress import Progress, silent
from pasunchat.runtime import generator, seed_from
from pasunchat.storage import sha256
from pasunchat.words import command, count, percent

METHOD, NORM = "votes", "l2"
ALPHA = 0.001  # largest probability that one certificate is wrong
CHOOSING = 100  # votes that choose the class; others than those that are counted for it
COUNTED = {"quick": 100, "normal": 1_000, "thorough": 10_000}  # votes, by effort
TOGETHER = 50  # noisy pictures asked about at once; it divides all of these
LEAST_ACCURACY = 0.6  # under noise, of a classifier worth smoothing


@dataclass(frozen=True)
class Tally:
    """How the votes on one picture fell."""

    choosing: Tensor  # int64 [C], of CHOOSING
    counted: Tensor  # int64 [C]


def votes(
    classifier: Classifier,
    pixels: Tensor,
    labels: Tensor,
    *,
    effort: str = "normal",
    seed: int = 0,
    alpha: float = ALPHA,
    progress: Progress = silent,
) -> list[Certificate]:
    """A certificate for each of pixels, float32 [N, 3, H, W] in [0, 1], with labels, int64 [N].

    classifier: one of `smoothed`. effort: a key of COUNTED. alpha: the largest probability, over
    the noise, that a certificate is wrong; each has its own. progress: (photos done, photos).
    PROVED: the right class wins at every distance below the radius. MISREAD: another class wins,
    with the same certainty. ABSTAINED: no class is sure to win. What an attack finds changes the
    answer of the 32 draws that it searched; that it changes this vote too is shown where the
    certificate of the found picture is MISREAD.

    Noise is a function of (seed, photo, draw), so the same photo gets the same certificate alone or
    among others. Photos of one call share what is drawn, each shifted by a number of places of its
    own; so each certificate holds as if it were alone, but their errors are not independent.
    Raises PasunchatError for another classifier, an unknown effort, and an alpha out of (0, 1).
    """
    network = smoothed_network(classifier)
    if effort not in COUNTED:
        raise PasunchatError(f'effort: expected {", ".join(COUNTED)}, got "{effort}"')
    if not 0 < alpha < 1:
        raise PasunchatError(f"alpha: expected a probability between 0 and 1, got {alpha:g}")
    digest = classifier.digest()
    tallies = count_votes(network, pixels, COUNTED[effort], seed, progress)
    return [
        _certificate(tally, int(label), network.smoothing.sigma, alpha, digest, seed)
        for tally, label in zip(tallies, labels.tolist(), strict=True)
    ]


def smoothed_network(classifier: Classifier) -> Smoothed:
    """The network of a smoothed classifier. Raises PasunchatError for any other classifier."""
    if not isinstance(classifier.network, Smoothed):
        raise PasunchatError(
            f"votes prove something of a smoothed classifier only, got {classifier.known_as}; take "
            f"smoothed:{classifier.known_as},sigma=0.25"
        )
    return classifier.network


def count_votes(
    network: Smoothed, pixels: Tensor, counted: int, seed: int, progress: Progress = silent
) -> list[Tally]:
    """The votes on each of pixels, float32 [N, 3, H, W]: CHOOSING, then `counted` more."""
    base, ask = network.classifier, asking(network.classifier)
    rows = pixels.permute(0, 2, 3, 1).contiguous()  # as the noise lies in memory
    shifts = [_shift(seed, row) for row in rows]
    parts: list[list[Tensor]] = [[] for _ in rows]
    batches = (CHOOSING + counted) // TOGETHER
    with base.as_judge(), in_one_line(cannot_run(pixels)):
        for batch in range(batches):
            noise = _noise(seed, batch, rows.shape[1:]) * network.smoothing.sigma
            for row, shift, part in zip(rows, shifts, parts, strict=True):
                part.append(_votes_on(ask, row, noise.roll(shift)))
            progress(batch * len(rows) // batches, len(rows))
    progress(len(rows), len(rows))
    chosen = CHOOSING // TOGETHER
    return [Tally(_sum(part[:chosen]), _sum(part[chosen:])) for part in parts]


def lower_bound(votes: int, of: int, alpha: float = ALPHA) -> float:
    """The exact lower bound for a probability, of Clopper and Pearson 1934, one-sided: from so many
    votes of so many it is too high with probability alpha at most."""
    from scipy.stats import beta

    return float(beta.ppf(alpha, votes, of - votes + 1)) if votes else 0.0


def proved_radius(probability: float, sigma: float) -> float:
    """The L2 distance within which a class that wins with this probability or more still wins;
    0 up to one half (theorem 1 with p_B = 1 - p_A)."""
    from scipy.stats import norm

    return sigma * float(norm.ppf(probability)) if probability > 0.5 else 0.0


def accuracy_under_noise(classifier: Classifier, pixels: Tensor, labels: Tensor) -> float:
    """In which share of photos the classifier inside a smoothed one is right under its noise.

    pixels: float32 [N, 3, H, W]. labels: int64 [N]. Of each photo as many draws as make a hundred
    questions or more.
    """
    network = smoothed_network(classifier)
    ask = asking(network.classifier)
    draws = -(-CHOOSING // len(pixels))
    rows = pixels.permute(0, 2, 3, 1).contiguous()
    right = 0
    with network.classifier.as_judge(), in_one_line(cannot_run(pixels)):
        for place, (row, label) in enumerate(zip(rows, labels.tolist(), strict=True)):
            noise = _noise("accuracy", place, row.shape, draws) * network.smoothing.sigma
            right += int(_votes_on(ask, row, noise)[label])
    return right / (draws * len(pixels))


def refuse_without_noise(classifier: Classifier, pixels: Tensor, labels: Tensor) -> None:
    """Raise PasunchatError if the classifier inside has seen too little noise to be certified: it
    would abstain nearly everywhere. The arguments: see `accuracy_under_noise`."""
    accuracy = accuracy_under_noise(classifier, pixels, labels)
    if accuracy >= LEAST_ACCURACY:
        return
    network = smoothed_network(classifier)
    sigma, base = f"{network.smoothing.sigma:g}", network.classifier.known_as
    train = command("train", "DATA", "--start", base, "--defend", f"noise:{sigma}")
    raise PasunchatError(
        f"{base} is right in {percent(accuracy)} of {count(len(pixels), 'photo')} under noise of "
        f"sigma {sigma}, expected {percent(LEAST_ACCURACY)}: too few of its votes would agree to "
        f"prove anything; train it to see through noise: {train}"
    )


def _certificate(
    tally: Tally, label: int, sigma: float, alpha: float, digest: str, seed: int
) -> Certificate:
    chosen = int(tally.choosing.argmax())
    counted = int(tally.counted.sum())
    radius = proved_radius(lower_bound(int(tally.counted[chosen]), counted, alpha), sigma)
    answers = radius > 0
    proof = Proof.ABSTAINED if not answers else Proof.PROVED if chosen == label else Proof.MISREAD
    return Certificate(
        proof=proof,
        norm=NORM,
        radius=radius if proof is Proof.PROVED else 0.0,
        method=METHOD,
        label=label,
        answer=chosen if answers else None,
        of=digest,
        alpha=alpha,
        queries=CHOOSING + counted,
        seed=seed,
    )


def _votes_on(ask: Ask, row: Tensor, noise: Tensor) -> Tensor:
    """Votes, int64 [C], on one picture, float32 [H, W, 3], under noise [K, H, W, 3]."""
    logits = finite(ask((noise.to(row.device) + row).permute(0, 3, 1, 2)))
    return votes_of(logits.argmax(1)[None], logits.shape[1])[0].cpu()


def _noise(seed: object, batch: int, shape: torch.Size, draws: int = TOGETHER) -> Tensor:
    """Standard normal noise, float32 [draws, *shape], on the CPU."""
    return torch.randn(draws, *shape, generator=generator(seed, "votes", batch))


def _sum(parts: list[Tensor]) -> Tensor:
    """The sum of some votes, int64 [C]."""
    return torch.stack(parts).sum(0)


def _shift(seed: int, row: Tensor) -> int:
    """By how many places the noise is shifted for a picture. Noise that is shifted as a whole, by a
    number that does not depend on it, is distributed as before."""
    return seed_from(seed, "shift", sha256(row.cpu().numpy().tobytes())) % (TOGETHER * row.numel())
