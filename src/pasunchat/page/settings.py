"""Settings: what `pasunchat page` was asked for, and the limits that a page keeps to."""

from dataclasses import dataclass, field

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Limits:
    """How much a visitor may ask for."""

    body_bytes: int = 20 * MEGABYTE  # of a photo as it is sent
    question_bytes: int = 20_000  # of any other body
    pixels: int = 50_000_000  # of a photo, before it is decoded
    header_seconds: float = 10.0  # from a connection, or its last answer, to the end of a header
    body_seconds: float = 30.0  # to the end of a body
    connections: int = 300  # at once
    kept_bytes: int = 400 * MEGABYTE  # of photos; then the oldest are let go
    waiting: int = 8  # searches in the queue
    search_seconds: float = 300.0  # of one search; then the best so far counts
    later_seconds: float = 20.0  # of each search that is made to find out more of a fooled photo
    proof_seconds: float = 60.0  # of one proof; then what is proved so far counts
    leave_seconds: float = 5.0  # after the last listener has gone a search or a proof ends
    kept_searches: int = 24  # whose results may still be asked for


@dataclass(frozen=True)
class ClassLimits:
    """How much one visitor of a class may ask for in a minute; how long one may search."""

    photos: int = 20
    questions: int = 600
    searches: int = 6
    wrong_codes: int = 10
    visitors: int = 60  # in all
    search_seconds: float = 60.0
    waiting: int = 40
    kept_searches: int = 120  # of all visitors


@dataclass(frozen=True)
class Settings:
    """What a page is."""

    models: tuple[str, ...] = ()  # names as `fool --model` takes them; none: the shipped ones
    port: int = 7860
    lang: str = "en"
    teach: bool = False
    # of this machine in the local network, for others who may come in with a code; None: nobody may
    address: str | None = None
    limits: Limits = field(default_factory=Limits)
    class_limits: ClassLimits = field(default_factory=ClassLimits)

    @property
    def classroom(self) -> bool:
        """Whether others may come in."""
        return self.address is not None

    @property
    def search_limits(self) -> Limits | ClassLimits:
        """Those of searches: where others may come in, what each of them may take."""
        return self.class_limits if self.classroom else self.limits

    @property
    def host(self) -> str:
        """The address that is bound."""
        return "0.0.0.0" if self.classroom else "127.0.0.1"
