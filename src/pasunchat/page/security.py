"""Guard: who may ask this page what. It stands before every endpoint.

A page in another tab, or on another site, can reach an address of this machine. So every request
has to name this page's own address as its Host (a name that is bound to it by DNS would not), and
what changes anything also has to come from this page: Origin, Sec-Fetch-Site, and a token that is
new at each start.
"""

import hmac
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN = "X-Pasunchat-Token"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
READING = ("GET", "HEAD")
POLICY = "; ".join(
    (
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("script", "style", "img", "font", "connect")),
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """An ASGI application around another. hosts: what the Host header may be, port and all. forms:
    paths of forms, which can send no token: what they hold is as secret."""

    def __init__(
        self, app: ASGIApp, hosts: Collection[str], token: str, forms: Collection[str] = ()
    ) -> None:
        self.app, self.hosts, self.token, self.forms = app, frozenset(hosts), token, forms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        headers = Headers(scope=scope)
        reason = self._against(scope["method"], scope["path"], headers)
        if reason is None:
            await self.app(scope, receive, send_with_headers)
        else:
            refusal = JSONResponse({"key": "refused", "values": {"why": reason}}, 403)
            await refusal(scope, receive, send_with_headers)

    def _against(self, method: str, path: str, headers: Headers) -> str | None:
        """Why a request is refused; None where it is not."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0] not in self.hosts:
            return "host"
        if method in READING:
            return None
        if method != "POST":
            return "method"
        if headers.getlist("origin") != [f"http://{hosts[0]}"]:
            return "origin"
        # browsers leave this header out where the address is not one of this machine
        usual = None if _is_loopback(hosts[0]) else "same-origin"
        if headers.get("sec-fetch-site", usual) != "same-origin":
            return "site"
        if path in self.forms:
            return None
        if not hmac.compare_digest(headers.get(TOKEN, "").encode(), self.token.encode()):
            return "token"
        return None


def _is_loopback(host: str) -> bool:
    return host.rpartition(":")[0] in LOOPBACK or host in LOOPBACK


def own_hosts(port: int, address: str | None = None) -> tuple[str, ...]:
    """What a Host header may say: this machine, and where it is given, its address in the local
    network."""
    names = [*LOOPBACK, *([address] if address else [])]
    hosts = [f"{name}:{port}" for name in names]
    return tuple(hosts + names if port == 80 else hosts)  # a browser leaves the usual port out
