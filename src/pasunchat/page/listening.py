"""bound: a port of this machine that is listened at. It imports little, so that whoever comes while
the rest is imported waits for the answer instead of being refused."""

import socket

from pasunchat.errors import PasunchatError
from pasunchat.words import command

NEXT = 20  # ports behind the one asked for that are tried for the advice


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises PasunchatError where it cannot."""
    # asyncio sends small answers at once (TCP_NODELAY) only over sockets that say they are TCP
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(256)
    except (OSError, OverflowError) as error:
        listener.close()
        raise PasunchatError(_cannot_bind(host, port, error)) from error
    return listener


def _cannot_bind(host: str, port: int, error: Exception) -> str:
    reason = getattr(error, "strerror", None) or str(error)
    free = next((p for p in range(port + 1, min(port + NEXT, 65536)) if _is_free(host, p)), None)
    advice = command("page", "--port", str(free)) if free else "name another with --port"
    return f"port {port} cannot be used ({reason}); take a free one: {advice}"


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
