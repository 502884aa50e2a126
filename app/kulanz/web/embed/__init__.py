"""`/embed/notice.js`: the web component that a product's pages load to show the notice of an entitlement."""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files

from flask import Blueprint, Response, request

from kulanz.web.api import query_parameters

MAX_AGE = 3600


def blueprint() -> Blueprint:
    """Return the component's address. It is the same for all users, and pages of any origin may load it."""
    embed = Blueprint("embed", __name__, url_prefix="/embed")
    script = files(__name__).joinpath("notice.js").read_bytes()
    tag = sha256(script).hexdigest()[:32]

    @embed.get("/notice.js")
    def notice() -> Response:
        query_parameters.read(request.args, ())
        response = Response(script, content_type="text/javascript; charset=utf-8")
        response.headers["Cache-Control"] = f"public, max-age={MAX_AGE}"
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        response.set_etag(tag)
        response.make_conditional(request)
        return response

    return embed
