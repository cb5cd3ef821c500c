"""What a job says, sent while it says it."""

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from pasunchat.page.events import EventLog

LIVE = {"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}


def live(request: Request, log: EventLog) -> Response:
    """A log as server-sent events, from the beginning or from after the last that was heard."""
    last = request.headers.get("last-event-id", "")
    return StreamingResponse(log.listen(int(last) if last.isdigit() else -1), headers=LIVE)
