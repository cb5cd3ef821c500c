"""The one error, and the one warning, that people are meant to read."""


class PasunchatError(Exception):
    """Bad input or a job that cannot be done.

    The message is one line: what was expected, what came, what to do.
    """


class PasunchatWarning(UserWarning):
    """Something that a result says less by than it seems; the message is one line."""
