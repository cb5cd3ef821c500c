"""What is asked about a proof."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pasunchat.page.live import live
from pasunchat.page.photo_requests import model_of, owner_of, photo_of
from pasunchat.page.proofs import Proof, proof_of
from pasunchat.page.state import page_of


async def proof(request: Request) -> Response:
    """Put the proof of a photo into the queue, where it is not there already."""
    page, photo, model = page_of(request), photo_of(request), model_of(request)
    await page.classifier_of(model)
    seconds = page.settings.limits.proof_seconds
    found = proof_of(page.proofs, owner_of(request), photo, model, seconds)
    return JSONResponse({"proof": found.id, "place": page.proofs.place(found)}, 202)


async def proof_events(request: Request) -> Response:
    """What it says, from the beginning or from after the last event that was heard."""
    return live(request, _asked(request).log)


async def stop_proof(request: Request) -> Response:
    """End it; what is proved so far counts. One that others listen to goes on for them."""
    found = _asked(request)
    if found.log.listeners < 2:
        page_of(request).proofs.stop(found)
    return Response(status_code=204)


def _asked(request: Request) -> Proof:
    """The proof that a request names. Raises Refused where it is gone."""
    return page_of(request).proofs.get(request.path_params["proof"], owner_of(request))
