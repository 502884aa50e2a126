"""Shop of one page: `python examples/run.py flask` runs it beside Kulanz."""

from __future__ import annotations

import os
import secrets

from flask import Flask, render_template, request, session
from kulanz_client import Callback, Client, Entitlement
from kulanz_client.flask import Kulanz

app = Flask(__name__)
app.secret_key = secrets.token_bytes(32)

client = Client(
    os.environ["KULANZ_URL"],
    os.environ["KULANZ_TOKEN"],
    callback_secret=os.environ["KULANZ_CALLBACK_SECRET"],
    plans=("professional", "enterprise"),
)


def signed_in() -> str:
    """Return the account of this request; a real shop has a login here."""
    return str(session.get("account", "anna"))


def denied(entitlement: Entitlement, plan: str) -> tuple[str, int]:
    """Answer a request with too low a plan; a real shop shows its prices here."""
    return render_template("denied.html", entitlement=entitlement, plan=plan), 403


kulanz = Kulanz(client, account=signed_in, denied=denied)
kulanz.init_app(app, "/kulanz")


@app.get("/")
def home() -> str:
    """Show the plan, and the notice where there is one."""
    return render_template("home.html", entitlement=kulanz.entitlement())


@app.get("/reports")
@kulanz.requires_plan("professional")
def reports() -> str:
    """Show the page for paying accounts."""
    return render_template("reports.html")


@app.post("/sign-in")
def sign_in() -> str:
    """Become another customer."""
    session["account"] = request.form["account"]
    return home()


@kulanz.on("account.suspended")
def end_sessions(callback: Callback) -> None:
    """React at once to a suspension; a real shop would end the account's sessions here."""
    app.logger.warning("%s is suspended: %s", callback.account_id, callback.rule)
