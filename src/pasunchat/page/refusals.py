"""Refusal: what the page says no to, as a status and a key of its table of words."""

from collections.abc import Mapping

Value = str | int | float


class Refused(Exception):
    """A request that is turned down. The page words it: `key` is one of its table of words."""

    def __init__(
        self,
        status: int,
        key: str,
        values: Mapping[str, Value] | None = None,
        *,
        after_s: int | None = None,
    ) -> None:
        super().__init__(key)
        self.status, self.key, self.values, self.after_s = status, key, dict(values or {}), after_s

    def facts(self) -> dict[str, object]:
        """What is sent."""
        facts: dict[str, object] = {"key": self.key, "values": self.values}
        return facts if self.after_s is None else {**facts, "after_s": self.after_s}

    def headers(self) -> dict[str, str]:
        """What HTTP has for it."""
        return {} if self.after_s is None else {"Retry-After": str(self.after_s)}
