"""Classroom: others of the local network, who come in with the code on the teacher's screen.

Whoever sits at the machine itself needs no code. A visitor is a cookie with a random name; nothing
of him outlives the program, nor half an hour without a question.
"""

import hmac
import secrets
import socket
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from pasunchat.errors import PasunchatError
from pasunchat.page.bodies import read_body
from pasunchat.page.first_screen import code_screen
from pasunchat.page.refusals import Refused
from pasunchat.page.settings import ClassLimits, Limits

COOKIE = "pasunchat"
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # none that look like a digit
CODE_LETTERS = 6
MINUTE = 60.0
IDLE = 1800.0  # seconds after which a visitor is forgotten
TEACHER = "teacher"
LOCAL = ("127.0.0.1", "::1")
OPEN = ("/static/", "/health")  # what nobody needs a code for
FREE = ("/static/", "/health", "/example/")  # what is not counted
CODE = "/code"
# Without a referrer a browser would not say, with a form, which page it comes from.
FORM = {"Referrer-Policy": "same-origin"}


class Rate:
    """So many events a minute."""

    def __init__(self, most: int) -> None:
        self.most, self.times = most, deque[float]()

    def blocked(self, now: float) -> float:
        """Seconds until there may be another where there are too many, else 0."""
        while self.times and self.times[0] <= now - MINUTE:
            self.times.popleft()
        return self.times[0] + MINUTE - now if len(self.times) >= self.most else 0.0

    def wait(self, now: float) -> float:
        """The same; where there may be one now, it is counted."""
        blocked = self.blocked(now)
        if not blocked:
            self.times.append(now)
        return blocked


@dataclass
class Visitor:
    """One who has come in."""

    name: str
    seen: float  # when last
    rates: Mapping[str, Rate] = field(default_factory=dict)  # by what is asked


class Classroom:
    """The code, who has come in, and how often each may ask. forget: lets go what a visitor's name
    stands for."""

    def __init__(
        self, limits: ClassLimits, forget: Callable[[str], None], clock: Callable[[], float]
    ) -> None:
        self.limits, self.forget, self.clock = limits, forget, clock
        self.code = "".join(secrets.choice(LETTERS) for _ in range(CODE_LETTERS))
        self.visitors: dict[str, Visitor] = {}  # by cookie
        self.wrong: dict[str, Rate] = {}  # by address

    def visitor(self, cookie: str) -> Visitor | None:
        """Who has this cookie, if he has come in."""
        self._forget_idle()
        found = self.visitors.get(cookie)
        if found is not None:
            found.seen = self.clock()
        return found

    def enter(self, code: str, address: str) -> str:
        """The cookie of a new visitor. Raises Refused for a wrong code, too many of those, and too
        many visitors."""
        wrong, now = self.wrong.setdefault(address, Rate(self.limits.wrong_codes)), self.clock()
        blocked = wrong.blocked(now)
        if blocked:
            raise _too_often("code_many", blocked)
        tried = "".join(code.split()).upper()
        if not hmac.compare_digest(tried.encode(), self.code.encode()):
            wrong.wait(now)
            raise Refused(403, "code_wrong")
        self._forget_idle()
        if len(self.visitors) >= self.limits.visitors:
            raise Refused(503, "code_full")
        limits, cookie = self.limits, secrets.token_urlsafe(24)
        rates = {
            "photo": Rate(limits.photos),
            "attack": Rate(limits.searches),
            "question": Rate(limits.questions),
        }
        name = secrets.token_urlsafe(12)
        self.visitors[cookie] = Visitor(name, self.clock(), rates)
        return cookie

    def count(self, visitor: Visitor, method: str, path: str) -> None:
        """Count a request. Raises Refused where a visitor asks too often."""
        if path.startswith(FREE) or path == "/":
            return
        asks = "question"
        if method == "POST":
            asks = {"/attack": "attack", "/photo": "photo"}.get(path, asks)
            asks = "photo" if path.startswith("/sample/") else asks
        wait = visitor.rates[asks].wait(self.clock())
        if wait:
            key = {"photo": "e_rate", "attack": "q_full"}.get(asks, "g_many")
            raise _too_often(key, wait)

    def _forget_idle(self) -> None:
        old = self.clock() - IDLE
        for cookie in [c for c, visitor in self.visitors.items() if visitor.seen < old]:
            self.forget(self.visitors.pop(cookie).name)
        self.wrong = {a: r for a, r in self.wrong.items() if r.times and r.times[-1] > old}


class Door:
    """An ASGI application around another: lets in whoever sits at this machine, and visitors with
    the code. Everyone has a name for the photos that are his."""

    def __init__(self, app: ASGIApp, classroom: Classroom, lang: str, limits: Limits) -> None:
        self.app, self.classroom, self.lang, self.limits = app, classroom, lang, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        try:
            answer = await self._answer(scope, receive)
        except Refused as refusal:
            answer = JSONResponse(refusal.facts(), refusal.status, refusal.headers())
        return await (answer or self.app)(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response | None:
        """What is answered here; None for whoever may go on."""
        path, method, headers = scope["path"], scope["method"], Headers(scope=scope)
        state = scope.setdefault("state", {})
        if (scope.get("client") or ("",))[0] in LOCAL:
            state["visitor"] = TEACHER
            return None
        visitor = self.classroom.visitor(_cookie(headers))
        if visitor is not None:
            self.classroom.count(visitor, method, path)
            state["visitor"] = visitor.name
            return None
        if path.startswith(OPEN):
            return None
        if path == CODE and method == "POST":
            return await self._entered(Request(scope, receive))
        if path == "/":
            return HTMLResponse(code_screen(self._lang(scope)), headers=FORM)
        return JSONResponse({"key": "g_code", "values": {}}, 401)

    async def _entered(self, request: Request) -> Response:
        """The answer to the form: the page, or the form once more with what was wrong."""
        limits = self.limits
        body = await read_body(request, limits.question_bytes, limits.body_seconds)
        fields = parse_qs(body.decode("utf-8", "replace"))
        lang = fields.get("lang", [self.lang])[0]
        try:
            address = request.client.host if request.client else ""
            cookie = self.classroom.enter(fields.get("code", [""])[0], address)
        except Refused as refusal:
            text = code_screen(lang, refusal.key, refusal.values)
            return HTMLResponse(text, refusal.status, {**refusal.headers(), **FORM})
        answer = RedirectResponse(f"/?lang={'fr' if lang == 'fr' else 'en'}", 303)
        answer.set_cookie(COOKIE, cookie, httponly=True, samesite="strict")
        return answer

    def _lang(self, scope: Scope) -> str:
        asked = parse_qs(str(scope["query_string"], "latin-1"))
        return asked.get("lang", [self.lang])[0]


def class_address() -> str:
    """This machine's address in its local network; nothing is sent to find it. Raises
    PasunchatError where it is in none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address that is nobody's: it only picks the way
            address = str(probe.getsockname()[0])
        except OSError:
            address = ""
    if not address or address.startswith("127."):
        raise PasunchatError(
            "--class: expected a local network that others are in, and there is none; join one, or "
            "leave --class out"
        )
    return address


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def _too_often(key: str, wait: float) -> Refused:
    seconds = int(wait) + 1
    return Refused(429, key, {"s": seconds}, after_s=seconds)
