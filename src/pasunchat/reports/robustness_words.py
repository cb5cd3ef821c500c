"""An attack on a whole split in words, the same for the terminal, the pictures and the report."""

from pasunchat.measures.attacked import AttackedPhoto
from pasunchat.measures.robust_accuracy import Robustness
from pasunchat.norms import Norm
from pasunchat.story.wording import TERMINAL, Words

SHARES = (0.25, 0.5, 0.75, 0.9, 1.0)


def axis_in_words(norm: Norm, words: Words) -> str:
    """The label of an axis of sizes; that of the norm itself where the words know no such norm."""
    key = f"size_{norm.name}"
    return words.t(key) if key in words.table else norm.axis


def size_in_words(norm: Norm, distance: float, words: Words) -> str:
    """A distance as its norm says it: "L2 0.51", "3 of 255 levels"."""
    return words.told(norm.in_words(distance))


def enough_in_words(found: Robustness, words: Words = TERMINAL) -> list[tuple[str, str]]:
    """How small a change is enough for each of SHARES of all photos: ("50 %", "L2 0.51")."""

    def enough_for(part: float) -> str:
        radius = found.enough_for(part)
        if radius is None:
            return words.t("rob_not_found")
        return size_in_words(found.norm, radius, words) if radius else words.t("rob_misread")

    return [(words.tick(part), enough_for(part)) for part in SHARES]


def findings(found: Robustness, words: Words = TERMINAL) -> list[str]:
    """What the attack found, one sentence each."""
    info, radius = found.info, found.info.request.radius
    share = words.share_of(found.accuracy, found.photos, f"photos_{info.split}")
    sentences = [words.n("rob_right", found.photos, share=share)]
    if found.attack is None:
        return sentences
    stays = found.robust_accuracy
    kept = "rob_stay_all" if stays == 1 else "rob_stay_some"
    told = {
        "attack": found.attack,
        "k": words.cnt(found.fooled),
        "n": words.cnt(found.right),
        "stays": words.t(kept, share=words.part(stays)),
    }
    if radius is None:
        sentences += [words.t("rob_fools", **told), _half(found, words)]
    else:
        size = size_in_words(found.norm, radius, words)
        sentences.append(words.t("rob_fools_inside", size=size, **told))
    if found.no_gradient:
        photos = words.n("n_photos", found.no_gradient)
        sentences.append(words.t("rob_no_gradient", photos=photos))
    return sentences


def _half(found: Robustness, words: Words) -> str:
    if found.median is None:
        return words.t("rob_half_none")
    if not found.median:
        return words.t("rob_half_already")
    return words.t("rob_half", size=size_in_words(found.norm, found.median, words))


def caveats(found: Robustness, words: Words = TERMINAL) -> list[str]:
    """What the findings do not show, one sentence each."""
    request = found.info.request
    sentences = [words.t("rob_caveat")]
    if request.radius is not None:
        sentences.append(words.t("rob_caveat_radius"))
    if request.confidence is not None:
        sentences.append(words.t("rob_caveat_sure", p=words.pc(request.confidence)))
    return sentences


def photo_in_words(found: Robustness, photo: AttackedPhoto, words: Words = TERMINAL) -> str:
    """One of the photos: "train/dog.7.jpg, really dog: read as cat after L2 0.17"."""
    missed = "rob_photo_try" if photo.levels else "rob_photo_not"
    return words.t(
        "rob_photo" if photo.fooled else missed,
        name=photo.name,
        real=words.cls(photo.real),
        after=words.cls(photo.after),
        size=size_in_words(found.norm, photo.distance, words),
    )


def attack_captions(photo: AttackedPhoto, words: Words = TERMINAL) -> tuple[str, str, str]:
    """Over photo, noise and picture: "Initial dog at 83 %", "+ 0.004x", "= cat at 51 %"."""
    end = "cap_end_still" if photo.after == photo.before else "cap_end"
    plus = "cap_plus" if photo.levels else "cap_plus_none"
    return (
        words.t("cap_initial", a=words.cls(photo.before), p=words.pc(photo.confidence_before)),
        words.t(plus, factor=words.num(photo.levels / 255, 3)),
        words.t(end, a=words.cls(photo.after), p=words.pc(photo.confidence)),
    )
