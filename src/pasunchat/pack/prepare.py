"""What a page without a program shows of one classifier: photos, and how they were fooled.

All of it is asked of the page's own parts, as a visitor's questions would be.
"""

import asyncio
import base64
import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pasunchat.errors import PasunchatError
from pasunchat.page.asking import photo_facts, square
from pasunchat.page.later import LATER
from pasunchat.page.opening import opened, shown
from pasunchat.page.photos import KeptPhoto
from pasunchat.page.refusals import Refused
from pasunchat.page.searches import AttackRequest, Search, new_search
from pasunchat.page.settings import Limits, Settings
from pasunchat.page.state import Page
from pasunchat.photos.image import png_bytes
from pasunchat.progress import Progress, silent

PATIENT = 3600.0  # seconds a search may take: nobody waits for it
ENDING = 30.0  # seconds that are waited for the page's threads to end
OWNER = ""
WEBP_QUALITY = 80
THUMB = 144  # pixels of a sample's small picture
QUICK = ("why", "little")  # of LATER, what is asked of the first fall of a large network


@dataclass(frozen=True)
class Sample:
    """A photo that a page offers."""

    name: str
    file: str  # its name
    data: bytes
    fooled: bool = True  # whether its fall is prepared


@dataclass
class Prepared:
    """What was found out: plain values, and pictures as addresses that hold them."""

    models: list[dict[str, Any]]
    photos: dict[str, dict[str, Any]] = field(default_factory=dict)
    falls: dict[str, dict[str, Any]] = field(default_factory=dict)
    samples: list[dict[str, str]] = field(default_factory=list)
    rooms: list[dict[str, Any]] = field(default_factory=list)  # of the layers that are shown


def prepared(
    model: str,
    samples: Sequence[Sample],
    *,
    inside: bool,
    progress: Progress = silent,
) -> Prepared:
    """Ask a model about photos and fool those that are to be.

    inside: whether maps and votes are drawn beforehand, for a network that does not run in the
    page. progress: (photos done, photos). Raises PasunchatError for a photo that is none.
    """

    def run() -> Prepared:
        return asyncio.run(_prepared(model, samples, inside, progress))

    with ThreadPoolExecutor(1) as apart:  # a notebook has an event loop of its own
        return apart.submit(run).result()


async def _prepared(
    model: str, samples: Sequence[Sample], inside: bool, progress: Progress
) -> Prepared:
    limits = replace(Limits(), search_seconds=PATIENT, leave_seconds=PATIENT)
    page = Page(Settings(models=(model,), limits=limits))
    page.shown.set()
    page.begin()
    try:
        return await _asked(page, samples, inside, progress)
    finally:
        page.end()
        await asyncio.to_thread(page.workers.join, ENDING)


async def _asked(
    page: Page, samples: Sequence[Sample], inside: bool, progress: Progress
) -> Prepared:
    one = page.models.of(None)
    await asyncio.wrap_future(one.looked_into)
    one.facts.name = without_folders(one.facts.name)
    for classifier in (one.asked.result(), one.looked_into.result()):
        classifier.known_as = without_folders(classifier.known_as)  # which receipts tell
    made = Prepared(models=[msgspec.to_builtins(each) for each in page.models.facts()])
    preparing = _Preparing(page, made, inside)
    for place, sample in enumerate(samples):
        kept = _opened(sample, page.settings.limits)
        page.photos.add(kept)
        await preparing.photo(kept, sample)
        if sample.fooled:
            await preparing.fall(kept, sample, everything=place == 0)
        progress(place + 1, len(samples))
    return made


def _opened(sample: Sample, limits: Limits) -> KeptPhoto:
    try:
        kept = opened(sample.data, sample.file, OWNER, limits)
    except Refused as refusal:
        why = refusal.values.get("why", refusal.key)
        raise PasunchatError(f"{sample.file}: {why}") from refusal
    kept.id = f"sample-{sample.name}"
    return kept


@dataclass
class _Preparing:
    page: Page
    made: Prepared
    inside: bool

    async def photo(self, kept: KeptPhoto, sample: Sample) -> None:
        """What the model says of a photo, and the pictures of it."""
        one = self.page.models.of(None)
        classifier = one.asked.result()
        facts = await self.page.workers.quick.run(photo_facts, kept, one.facts, classifier)
        seen = square(kept, one.facts.run, classifier)
        self.made.photos[kept.id] = {
            "facts": facts,
            "file": as_address(shown(kept), "webp"),
            "seen": png_address(seen),
            **await self._inside(kept, facts["probabilities"]),
        }
        self.made.samples.append({"name": sample.name, "url": _thumbnail(shown(kept))})

    async def fall(self, kept: KeptPhoto, sample: Sample, *, everything: bool) -> None:
        """The photo fooled, as a visitor who changes no option would fool it."""
        page, one = self.page, self.page.models.of(None)
        request = AttackRequest(kept.id, one.facts.run)
        search = page.searches.put(new_search(OWNER, request, kept, one, PATIENT))
        search.id = f"fall-{sample.name}"
        async for _ in search.log.listen():
            pass
        if "failed" in search.facts:
            return
        asked = () if not everything else QUICK if self.inside else LATER
        later = {name: await LATER[name](page, search) for name in asked}
        why = later.pop("why", None) or {}
        await self._keep(search, kept, {**search.facts, **why, **later}, everything=everything)

    async def _keep(
        self, search: Search, kept: KeptPhoto, facts: dict[str, Any], *, everything: bool
    ) -> None:
        """A fall's facts and pictures. What a network that runs in the page finds out itself is
        left out, but for the first one."""
        assert search.judged is not None and search.picture is not None
        name, changed = search.id, f"{search.id}-changed"
        facts = {**facts, "picture": changed, "seconds_limit": None}
        facts["request"] = {**facts["request"], "photo": kept.id, "attack": None}
        facts |= {"others": facts.get("others"), "price": facts.get("price", [])}
        noise = search.aftermath if everything or self.inside else None
        if noise is None:
            facts.pop("control", None)
        one = self.page.models.of(None)
        after = await self.page.workers.quick.run(
            photo_facts, search.picture, one.facts, one.asked.result()
        )
        self.made.photos[changed] = {
            "facts": {**after, "photo": changed},
            "seen": (picture := png_address(search.judged.picture, search.judged.png)),
            "file": picture,
            **await self._inside(search.picture, after["probabilities"]),
        }
        self.made.falls[name] = {
            "facts": facts,
            "changed": picture,
            "random": png_address(noise.random) if noise and noise.random is not None else "",
            "random32": webp_address(noise.random32)
            if noise and noise.random32 is not None
            else "",
        }

    async def _inside(self, kept: KeptPhoto, probabilities: list[float]) -> dict[str, Any]:
        """The layers and the last sum, drawn beforehand; of a network in the page only which layers
        are shown."""
        from pasunchat.page.inside import inside_of

        page, one = self.page, self.page.models.of(None)
        inside = inside_of(page.insides, kept, one.facts, one.asked.result())
        ask: Callable[..., Any] = page.workers.quick.run
        facts = await ask(inside.layers)
        if not self.made.rooms:
            names = ("name", "kind", "sees", "parameters")
            self.made.rooms = [{name: layer[name] for name in names} for layer in facts]
        if not self.inside or not facts:
            return {}
        atlases = {}
        for layer in facts:
            grey = await ask(inside.atlas, layer["name"], pooled=True)
            atlases[layer["name"]] = png_address(grey)
        votes = {}
        order = sorted(range(len(probabilities)), key=lambda i: -probabilities[i])[:2]
        for target, other in (order, order[::-1]) if one.facts.votes else ():
            votes[f"{target} {other}"] = await ask(inside.votes, target, other)
        return {"layers": {"facts": facts, "atlases": atlases}, "votes": votes}


def without_folders(name: str) -> str:
    """A model's name as another user would type it: of a whole path its last part, since a page is
    handed on. "runs/mine", "shipped:simple" and "timm:resnet18" stay."""
    path = Path(name)
    return path.name if path.is_absolute() else name


def as_address(data: bytes, kind: str) -> str:
    """A picture's bytes as an address that needs no file."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def png_address(image: NDArray[np.uint8], data: bytes | None = None) -> str:
    """An image, uint8 [H, W, 3] or grey [H, W], without loss. data: its PNG, where there is one."""
    return as_address(data or png_bytes(image, {}), "png")


def webp_address(image: NDArray[np.uint8]) -> str:
    """An image to be looked at."""
    return as_address(_webp(Image.fromarray(image)), "webp")


def _thumbnail(shown: bytes) -> str:
    """The middle square, small."""
    with Image.open(io.BytesIO(shown)) as picture:
        side = min(picture.size)
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        middle = picture.convert("RGB").crop((left, top, left + side, top + side))
    return as_address(_webp(middle.resize((THUMB, THUMB), Image.Resampling.LANCZOS)), "webp")


def _webp(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=WEBP_QUALITY, method=6)
    return file.getvalue()


def sample_of(path: Path) -> Sample:
    """A photo of the user's."""
    try:
        return Sample(path.stem, path.name, path.read_bytes())
    except OSError as error:
        raise PasunchatError(f"{path}: cannot be read: {error.strerror}") from error
