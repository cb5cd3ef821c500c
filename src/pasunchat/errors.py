"""The one error that people are meant to read."""


class PasunchatError(Exception):
    """Bad input or a job that cannot be done.

    The message is one line: what was expected, what came, what to do.
    """
