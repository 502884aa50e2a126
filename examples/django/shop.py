"""Shop of one page in Django, with plain functions: `python examples/run.py django` runs it beside Kulanz."""

from __future__ import annotations

import logging
import os
import secrets
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST
from kulanz_client import CallbackError, Client, Entitlement, UnavailableError

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    DEBUG=False,
    ROOT_URLCONF=__name__,
    SECRET_KEY=secrets.token_hex(32),
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [Path(__file__).resolve().parent / "templates"],
        }
    ],
    USE_TZ=True,
)

client = Client(
    os.environ["KULANZ_URL"],
    os.environ["KULANZ_TOKEN"],
    callback_secret=os.environ["KULANZ_CALLBACK_SECRET"],
    plans=("professional", "enterprise"),
)
log = logging.getLogger(__name__)
View = Callable[[HttpRequest], HttpResponse]


def signed_in(request: HttpRequest) -> str:
    """Return the account of this request; a real shop has a login here."""
    return str(request.GET.get("account", "anna"))


def with_entitlement(view: Callable[[HttpRequest, Entitlement], HttpResponse]) -> View:
    """Give a view the entitlement; 503 where nothing is known of the account and Kulanz cannot be asked."""

    @wraps(view)
    def requested(request: HttpRequest) -> HttpResponse:
        try:
            entitlement = client.entitlement(signed_in(request))
        except UnavailableError as error:
            wait = str(max(round(error.retry_after), 1))
            return HttpResponse("Please try again shortly.", status=503, headers={"Retry-After": wait})
        return view(request, entitlement)

    return requested


def requires_plan(plan: str) -> Callable[[View], View]:
    """Let a view be called only for accounts with this plan or a higher one."""
    client.check_plan(plan)

    def decorate(view: View) -> View:
        @with_entitlement
        def checked(request: HttpRequest, entitlement: Entitlement) -> HttpResponse:
            if client.covers(entitlement, plan):
                return view(request)
            return render(request, "denied.html", {"entitlement": entitlement, "plan": plan}, status=403)

        return wraps(view)(checked)

    return decorate


@require_GET
@with_entitlement
def home(request: HttpRequest, entitlement: Entitlement) -> HttpResponse:
    """Show the plan, and the notice where there is one."""
    return render(request, "home.html", {"entitlement": entitlement})


@require_GET
@requires_plan("professional")
def reports(request: HttpRequest) -> HttpResponse:
    """Show the page for paying accounts."""
    return render(request, "reports.html")


@csrf_exempt
@require_POST
def kulanz_callback(request: HttpRequest) -> HttpResponse:
    """Take a callback: the signature takes the place of the CSRF token."""
    try:
        callback = client.receive(request.body, request.headers)
    except CallbackError:
        return HttpResponse("The callback is not accepted.", status=401)
    if callback.type == "account.suspended":
        log.warning("%s is suspended: %s", callback.account_id, callback.rule)  # End the account's sessions here.
    return HttpResponse(status=204)


urlpatterns = [path("", home), path("reports", reports), path("kulanz", kulanz_callback)]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
