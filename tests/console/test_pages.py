"""What operators see of accounts, events and effects, and what they do about them."""

from __future__ import annotations

import html
import json
import re
from datetime import datetime, timedelta

import msgspec
import pytest

from kulanz.commands import execute, versions
from kulanz.commands.commands import BookAddOn, MoveCredit, NoteCancellation, RecordMove
from kulanz.crypto import places
from kulanz.policy import document
from kulanz.policy.facts import CreditEntry
from kulanz.queries import accounts
from kulanz.runtime.clock import real_now
from kulanz.services import Services
from kulanz.store import audit_log, inbox, outbox
from kulanz.store.inbox import NewEvent
from kulanz.web.application import WebApp
from tests.console.operator import HIDDEN, Operator
from tests.days import settle, tell
from tests.lemonsqueezy import dispute_created, order_created, subscription_created
from tests.store.rows import an_effect, an_event

in_a_month = (real_now() + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M")


def sealed_event(services: Services, body: bytes, **stated: object) -> NewEvent:
    event = an_event(**stated)
    sealed = services.vault.seal(body, places.event(event.provider, event.delivery_key))
    return msgspec.structs.replace(event, body=sealed)


def parked(services: Services, *, number: int = 1, state: str = "parked") -> list[str]:
    """Leave events that need a person."""
    events = [sealed_event(services, b'{"data":{}}', state=state, reason="broken") for _ in range(number)]
    with services.database.write() as tx:
        return [inbox.event_id(recorded_event.id) for recorded_event in inbox.record(tx, events, real_now())]


def state_of(services: Services, event: str) -> str:
    with services.database.read() as conn:
        stored_event = inbox.get(conn, inbox.number_of(event))
    assert stored_event is not None
    return stored_event.state


@pytest.mark.usefixtures("in_grace")
def test_the_overview_says_what_needs_a_look_who_is_affected_and_what_is_at_risk(
    operator: Operator, services: Services
) -> None:
    parked(services)

    page = operator.see("/ops/")

    assert "need a look" in page
    assert "Parked events" in page
    assert '49.00 EUR</strong> <span class="note">in 1 open case' in page
    assert 'href="/ops/accounts?standing=grace"' in page
    assert 'role="img" aria-label="Events received in the last 24 hours' in page


def test_the_overview_counts_parked_and_quarantined_events_each_by_itself(app: WebApp, services: Services) -> None:
    parked(services, number=2)
    parked(services, number=3, state="quarantined")
    operator = Operator(app.test_client())
    operator.log_in("ops", "correct horse")

    page = operator.see("/ops/")

    for state, count in (("parked", 2), ("quarantined", 3)):
        light = rf'state={state}">{state.capitalize()} events</a></span>\s*<span class="value">{count}</span>'
        assert re.search(light, page)


@pytest.mark.usefixtures("in_grace")
def test_a_search_that_finds_several_accounts_tells_how_each_stands(operator: Operator, services: Services) -> None:
    tell(services, subscription_created(account="org_43", subscription=43, customer=44))

    page = operator.see("/ops/accounts?q=org_4")

    assert [each for each in ("org_42", "org_43", "grace</", "good</", "professional</td>") if each not in page] == []


def test_the_page_of_an_account_is_reached_whatever_signs_its_id_has(operator: Operator, services: Services) -> None:
    odd = "auth0|5f7c+1@x"
    tell(services, subscription_created(account=odd), subscription_created(account="zed", customer=2, subscription=3))
    listed = operator.see("/ops/accounts")
    (link,) = re.findall(r'href="(/ops/accounts/auth0[^"]*)"', listed)

    page = operator.see(link)
    done = operator.order(link.rpartition("/")[2], order="exempt", until=in_a_month, reason="kind")

    assert odd in page
    assert done.status_code == 303
    assert operator.see(done.headers["Location"])
    assert all(operator.see(item) for item in re.findall(r'href="(/ops/(?:events|effects)\?account=[^"]*)"', page))
    result = operator.client.get("/ops/accounts", query_string={"q": odd}, follow_redirects=True)
    assert result.request.path == f"/ops/accounts/{odd}"


@pytest.mark.usefixtures("in_grace")
def test_an_account_is_found_by_what_is_at_hand(operator: Operator) -> None:
    for requested in ("org_42", "ada@shop.example", " Ada@SHOP.example ", "lemonsqueezy:810233", "810233", "org_"):
        response = operator.client.get("/ops/accounts", query_string={"q": requested})

        assert response.headers.get("Location") == "/ops/accounts/org_42", requested


def test_what_is_not_known_is_said_so_and_shown_as_it_was_typed(operator: Operator) -> None:
    page = operator.client.get("/ops/accounts", query_string={"q": "<b>nobody</b>"}).text

    assert "No account is known by “&lt;b&gt;nobody&lt;/b&gt;”" in page


@pytest.mark.usefixtures("in_grace")
def test_an_account_shows_what_it_has_beside_its_plan(operator: Operator, services: Services) -> None:
    ends = real_now() + timedelta(days=20)
    orders = (
        BookAddOn(kind="users", quantity=3, unit_price=590, currency="EUR", period_ends_at=ends),
        MoveCredit(pot="telephony", entry=CreditEntry.BOUGHT, amount=5000, currency="EUR"),
        RecordMove(reason="they run it themselves now"),
        NoteCancellation(reason="told a partner"),
    )
    for order in orders:
        execute.command(services, "org_42", order, "ada")

    page = operator.see("/ops/accounts/org_42")

    assert "3 \N{MULTIPLICATION SIGN} users" in page
    assert "50.00 EUR bought, 0.00 EUR spent" in page
    assert "recorded by ada" in page
    assert "told a partner" in page


@pytest.mark.usefixtures("in_grace")
def test_an_account_tells_its_story_and_what_would_follow_in_the_readers_language(
    operator: Operator, services: Services
) -> None:
    german = accounts.explanation(services, "org_42", languages=("de-AT",))
    preferring = {"Accept-Language": "it, de-AT;q=0.9, en;q=0.5"}

    page = operator.client.get("/ops/accounts/org_42", headers=preferring).text
    fields = {"token": operator.token, "order": "extend_grace", "until": in_a_month, "reason": "asked for it"}
    preview = operator.client.post("/ops/accounts/org_42/preview", data=fields, headers=preferring).text

    told = re.sub(r"<time [^>]+>[^<]+ UTC</time>", "TIME", page)
    assert german.why[0].startswith("Das Abonnement ")
    for line in [*german.why, *german.outlook, *(said for step in german.steps for said in step.sentences)]:
        assert re.sub(r"\d+\.\xa0\w+\xa0\d{4}, \d\d:\d\d\xa0Uhr \(UTC\)", "TIME", line).replace("'", "&#39;") in told
    assert "ops hat die Nachfrist verlängert bis " in preview
    assert "Grund: asked for it" in preview
    assert '<html lang="de">' in page
    assert '<html lang="de">' in preview


@pytest.mark.usefixtures("in_grace")
def test_an_account_tells_its_story_in_the_words_of_explain(operator: Operator, services: Services) -> None:
    given_document = accounts.explanation(services, "org_42")

    page = re.sub("<[^>]+>", "", operator.see("/ops/accounts/org_42"))

    for line in [
        *given_document.why,
        *given_document.outlook,
        *(line for step in given_document.steps for line in step.sentences),
    ]:
        assert line.replace("'", "&#39;") in page


@pytest.mark.usefixtures("in_grace")
def test_grace_is_extended_after_a_preview_and_only_once(operator: Operator, services: Services) -> None:
    form = {"order": "extend_grace", "until": in_a_month, "reason": "waiting for the bank"}
    before = accounts.account_document(services, "org_42")

    proposal = operator.proposal("org_42", **form)
    seen = accounts.account_document(services, "org_42")
    first = operator.post("/ops/accounts/org_42/orders", **proposal)
    again = operator.post("/ops/accounts/org_42/orders", **proposal)

    assert seen == before
    assert first.status_code == 303
    assert again.status_code in {409, 422}
    after = accounts.account_document(services, "org_42")
    assert f"{after.grace_ends_at:%Y-%m-%dT%H:%M}" == in_a_month
    assert [(item.actor, item.reason) for item in after.overrides] == [("ops", "waiting for the bank")]
    assert "ops extended the grace period" in operator.see("/ops/accounts/org_42?done=extend_grace")


@pytest.mark.usefixtures("in_grace")
def test_a_form_that_is_sent_twice_at_the_same_moment_is_done_once(operator: Operator, services: Services) -> None:
    proposal = operator.proposal("org_42", order="suspend", until=in_a_month, reason="fraud")
    operator.post("/ops/accounts/org_42/orders", **proposal)

    again = operator.post("/ops/accounts/org_42/orders", **proposal | {"seen": str(int(proposal["seen"]) + 1)})

    assert again.status_code == 409
    assert len(accounts.account_document(services, "org_42").overrides) == 1


@pytest.mark.usefixtures("in_grace")
def test_an_exception_that_waits_is_approved_by_somebody_else(
    operator: Operator, app: WebApp, services: Services
) -> None:
    careful = document.preset("plexo") + '\n[overrides]\nsecond_approver = ["waive"]\n'
    versions.activate(services, careful, actor="ada")
    operator.order("org_42", order="waive", reason="our mistake")
    (requested,) = accounts.account_document(services, "org_42").overrides
    bob = Operator(app.test_client())
    bob.log_in("bob", "paper clip")

    assert requested.state == "awaiting_approval"
    own = operator.post("/ops/accounts/org_42/preview", order="approve_override", override=requested.id)
    shown = bob.see("/ops/accounts/org_42")
    other = bob.order("org_42", order="approve_override", override=requested.id)

    assert "waits for a second person" in shown
    assert (requested.state, own.status_code, other.status_code) == ("awaiting_approval", 409, 303)
    (made,) = accounts.account_document(services, "org_42").overrides
    assert (made.state, made.actor, made.approved_by) == ("active", "ops", ("bob",))


@pytest.mark.usefixtures("in_grace")
def test_a_dispute_is_opened_listed_and_closed(operator: Operator, services: Services) -> None:
    form = {"order": "open_dispute", "amount": "49,00", "currency": "eur", "fee": "15", "reason": "told by the bank"}

    assert operator.order("org_42", **form).status_code == 303
    (dispute,) = accounts.account_document(services, "org_42").disputes
    listed = operator.see("/ops/disputes")
    closed = operator.order("org_42", order="close_dispute", dispute=dispute.id, outcome="won")

    assert (dispute.amount, dispute.currency, dispute.fee) == (4900, "EUR", 1500)
    assert 'href="/ops/accounts/org_42"' in listed
    assert closed.status_code == 303
    assert accounts.account_document(services, "org_42").standing == "grace"
    assert "org_42" not in operator.see("/ops/disputes")
    assert "org_42" in operator.see("/ops/disputes?show=all")


@pytest.mark.usefixtures("in_grace")
def test_disputes_are_listed_by_when_they_are_answered_with_their_evidence_file_and_what_it_lacks(
    operator: Operator, reader: Operator, services: Services, now: datetime
) -> None:
    tell(services, subscription_created(account="org_43", subscription=43, customer=44))
    due = now + timedelta(days=3)
    form = {"order": "open_dispute", "amount": "49.00", "currency": "EUR", "reason": "told by the bank"}
    operator.order("org_42", **form, answer_by=due.strftime("%Y-%m-%dT%H:%M"))
    operator.order("org_43", **form)

    page = operator.see("/ops/disputes")
    taken = operator.post("/ops/disputes/evidence", account="org_42")
    story = accounts.explanation(services, "org_42").outlook

    assert page.index("/ops/accounts/org_42") < page.index("/ops/accounts/org_43")
    assert f"{due:%Y-%m-%d %H:%M}" in page
    assert "Lacks: the disputed payment is not known here; no notice to the customer was sent before" in page
    assert "the dispute; no contact with the customer before the dispute is noted" in page
    assert page.count("The provider named no time: look there.") == 1
    assert taken.headers["Content-Disposition"] == 'attachment; filename="org_42.evidence.html"'
    assert "kulanz evidence" in taken.text
    assert "took the evidence file" in operator.see("/ops/log")
    assert [line for line in story if f"has to be answered at the provider by {due:%Y-%m-%d}" in line]
    assert "Evidence file</button>" not in reader.see("/ops/disputes")
    assert reader.post("/ops/disputes/evidence", account="org_42").status_code == 403
    assert operator.post("/ops/disputes/evidence", account="nobody").status_code == 404


@pytest.mark.usefixtures("in_grace")
def test_a_warning_is_listed_with_the_refund_that_prevents_the_chargeback_until_it_is_asked_for(
    operator: Operator, services: Services
) -> None:
    tell(services, order_created(), dispute_created(status="inquiry"))
    listed, overview = operator.see("/ops/disputes?show=warnings"), operator.see("/ops/")
    page = operator.see("/ops/accounts/org_42")
    (proposed,) = [item.proposed for item in accounts.account_document(services, "org_42").chargeback_warnings]
    form = {"order": "request_refund", "payment_id": proposed.payment_id, "organisation": "Bakery"}

    refused = operator.post("/ops/accounts/org_42/preview", **form, contact_email="nobody")
    asked = operator.order("org_42", **form, contact_email="ada@shop.example")

    assert "Chargeback warnings" in overview
    assert 'href="/ops/accounts/org_42"' in listed
    assert f"Refund payment {proposed.payment_id} before it is charged back" in page
    assert (refused.status_code, asked.status_code) == (422, 303)
    assert "org_42" not in operator.see("/ops/disputes?show=warnings")
    (request,) = accounts.account_document(services, "org_42").refund_requests
    assert (request.payment_id, request.state) == (proposed.payment_id, "review")


@pytest.mark.usefixtures("in_grace")
def test_a_contact_is_noted_and_a_chargeback_after_it_takes_nothing(operator: Operator, services: Services) -> None:
    noted = operator.order("org_42", order="note_contact", channel="phone", reason="asked about the invoice")
    operator.order("org_42", order="open_dispute", amount="49.00", currency="EUR", reason="told by the bank")

    account = accounts.account_document(services, "org_42")
    assert noted.status_code == 303
    assert [(item.channel, item.reason) for item in account.contacts] == [("phone", "asked about the invoice")]
    assert (account.standing, account.access) == ("grace", "full")
    assert "In touch by phone" in operator.see("/ops/accounts/org_42")


@pytest.mark.usefixtures("in_grace")
def test_an_order_that_cannot_be_is_refused_beside_its_form(operator: Operator) -> None:
    orders = [
        ({"order": "extend_grace", "until": "2001-01-01T00:00", "reason": "r"}, "ended already"),
        ({"order": "extend_grace", "until": "soon", "reason": "r"}, "as a day and a time"),
        ({"order": "extend_grace", "until": in_a_month}, "reason"),
        ({"order": "open_dispute", "amount": "a lot", "currency": "EUR", "reason": "r"}, "amount"),
        ({"order": "open_dispute", "amount": "1.999", "currency": "EUR", "reason": "r"}, "decimals"),
        ({"order": "open_dispute", "amount": "NaN", "currency": "EUR", "reason": "r"}, "amount"),
        ({"order": "open_dispute", "amount": "1e999999", "currency": "EUR", "reason": "r"}, "amount"),
        ({"order": "open_dispute", "amount": "1e99999", "currency": "EUR", "reason": "r"}, "amount"),
        ({"order": "open_dispute", "amount": "-1e40", "currency": "EUR", "reason": "r"}, "amount"),
        ({"order": "open_dispute", "amount": "5", "currency": "XQZ", "reason": "r"}, "currency"),
        ({"order": "extend_grace", "until": "9999-12-31T23:59:59-14:00", "reason": "r"}, "until"),
        ({"order": "close_dispute", "dispute": "x", "outcome": "opened"}, "how the dispute ended"),
        ({"order": "note_contact", "channel": "pigeon", "reason": "r"}, "channel"),
        ({"order": "note_contact", "channel": "mail", "date": "2031-01-01", "reason": "r"}, "future"),
        ({"order": "explode"}, "no such order"),
    ]

    for form, said in orders:
        response = operator.post("/ops/accounts/org_42/preview", **form)

        assert response.status_code in {400, 409, 422}, form
        assert said in response.text, form
        assert "How it came to this" in response.text, form


@pytest.mark.usefixtures("in_grace")
def test_an_order_without_a_look_at_what_follows_is_refused(operator: Operator) -> None:
    form = {"order": "suspend", "until": in_a_month, "reason": "r"}

    assert operator.post("/ops/accounts/org_42/orders", **form).status_code == 400


@pytest.mark.usefixtures("in_grace")
def test_when_the_account_has_changed_meanwhile_the_new_preview_is_shown(
    operator: Operator, services: Services, now: datetime
) -> None:
    proposal = operator.proposal("org_42", order="waive", reason="goodwill")
    tell(services, dispute_created(at=now))

    response = operator.post("/ops/accounts/org_42/orders", **proposal)

    assert response.status_code == 409
    assert "has changed since you looked" in response.text
    assert accounts.account_document(services, "org_42").overrides == ()
    again = dict(HIDDEN.findall(response.text.partition("<main")[2]))
    assert operator.post("/ops/accounts/org_42/orders", **again).status_code == 303


def test_personal_data_is_masked_until_somebody_asks_who_is_then_noted(
    operator: Operator, reader: Operator, services: Services, now: datetime
) -> None:
    tell(services, subscription_created(at=now, email="ada@shop.example"))

    masked = operator.see("/ops/events/evt_1")
    shown = operator.post("/ops/events/evt_1/payload").text

    assert "ada@shop.example" not in masked
    assert "subscription_created" in masked
    assert "ada@shop.example" in shown
    assert reader.post("/ops/events/evt_1/payload").status_code == 403
    with services.database.read() as conn:
        assert [(act.actor, act.act) for act in audit_log.about(conn, "evt_1")] == [("ops", "looked at personal data")]


def test_the_mask_leaves_only_what_is_known_to_be_about_the_sale(operator: Operator, services: Services) -> None:
    body = json.dumps(
        {"meta": {"event_name": "x"}, "data": {"attributes": {"total": 1999, "favourite_colour": "blue"}}}
    )
    with services.database.write() as tx:
        inbox.record(tx, [sealed_event(services, body.encode())], real_now())

    page = operator.see("/ops/events/evt_1")

    assert "1999" in page
    assert "blue" not in page


def test_the_mask_hides_tax_ids_custom_data_and_addresses_that_stand_where_an_id_should(
    operator: Operator, services: Services
) -> None:
    hidden = {
        "meta": {"event_name": "x", "custom_data": {"passport_id": "P-4711", "nested": {"id": "P-4712"}}},
        "data": {
            "id": "ada@shop.example",
            "product_name": "Ada Baker <ada@shop.example>",
            "customer_id": "cus_77",
            "customer": {"tax_id": ["ATU4713", "eu_vat"], "metadata": {"badge_id": "B-4714"}},
            "vat_id": "ATU4715",
        },
    }
    with services.database.write() as tx:
        inbox.record(tx, [sealed_event(services, json.dumps(hidden).encode())], real_now())

    page = operator.see("/ops/events/evt_1")

    assert "cus_77" in page
    for text in ("P-4711", "P-4712", "ada@shop", "ATU4713", "B-4714", "ATU4715"):
        assert text not in page, text


def test_a_parked_event_is_tried_again_and_skipped_with_a_reason(operator: Operator, services: Services) -> None:
    first, second = parked(services, number=2)

    assert operator.post(f"/ops/events/{first}/retry").status_code == 303
    assert operator.post(f"/ops/events/{second}/skip").status_code == 400
    assert operator.post(f"/ops/events/{second}/skip", reason="a test of the provider's").status_code == 303

    assert (state_of(services, first), state_of(services, second)) == ("received", "ignored")
    assert operator.post(f"/ops/events/{first}/retry").status_code == 409
    assert operator.post("/ops/events/evt_999/retry").status_code == 404
    assert operator.post("/ops/events/evt_x/skip", reason="r").status_code == 404
    assert "a test of the provider&#39;s" in operator.see(f"/ops/events/{second}")


def test_all_parked_events_are_counted_before_they_are_tried_again_and_later_ones_are_not_among_them(
    operator: Operator, services: Services
) -> None:
    events = parked(services, number=5)
    counted = operator.see("/ops/events/retry?state=parked")
    form = dict(HIDDEN.findall(counted.partition("<main")[2]))
    (late,) = parked(services)
    operator.post(f"/ops/events/{events[2]}/skip", reason="meanwhile")

    done = operator.post("/ops/events/retry", **form)
    again = operator.post("/ops/events/retry", **form)

    assert "<strong>5 events</strong>" in counted
    assert "<strong>4</strong> are due again" in done.text
    assert "<strong>0</strong> are due again" in again.text
    assert [state_of(services, event) for event in (*events, late)].count("received") == 4
    assert state_of(services, late) == "parked"


def test_a_bulk_retry_that_was_stopped_goes_on_where_it_was(operator: Operator, services: Services) -> None:
    events = parked(services, number=6)
    half = {"state": "parked", "after": inbox.number_of(events[2]), "through": inbox.number_of(events[5]), "done": 3}

    response = operator.post("/ops/events/retry", **half)

    assert "<strong>6</strong> are due again" in response.text
    assert [state_of(services, event) for event in events] == ["parked"] * 3 + ["received"] * 3


def test_what_is_stuck_is_shown_first_by_reason_with_its_window_and_retried_by_group(
    operator: Operator, services: Services, now: datetime
) -> None:
    reasons = ['no such plan: "a & b"', 'no such plan: "a & b"', "bad amount"]
    told = [
        sealed_event(services, b"{}", state="parked", reason=reason, received_at=now - timedelta(days=day))
        for day, reason in enumerate(reasons)
    ]
    with services.database.write() as tx:
        first, second, other = [inbox.event_id(each.id) for each in inbox.record(tx, told, real_now())]

    page = operator.see("/ops/events")
    group = page.partition("What needs attention")[2].partition("</section>")[0]
    (shown,) = re.findall(r'href="(/ops/events\?state=parked&amp;like=[^"]+)">no such plan', group)
    (counted,) = re.findall(r'href="(/ops/events/retry\?[^"]+no\+such[^"]+)"', group)
    form = dict(HIDDEN.findall(operator.see(counted.replace("&amp;", "&")).partition("<main")[2]))
    done = operator.post("/ops/events/retry", **{name: html.unescape(value) for name, value in form.items()})

    alike = re.findall(r'href="/ops/events/(evt_\d+)"', operator.see(shown.replace("&amp;", "&")))
    assert page.index("What needs attention") < page.index("All, newest first")
    assert ">2</td>" in group
    assert f"{now - timedelta(days=1):%Y-%m-%d %H:%M}" in group
    assert set(alike) <= {first, second}
    assert "<strong>2</strong> are due again" in done.text
    assert [state_of(services, each) for each in (first, second, other)] == ["received", "received", "parked"]


def test_stuck_outgoing_actions_are_shown_first_by_type_and_reason_and_retried_by_group(
    operator: Operator, services: Services
) -> None:
    rows = [
        an_effect("a", state="parked", error="404"),
        an_effect("b", state="parked", error="410"),
        an_effect("c", state="parked", error="404", type="cancel"),
        an_effect("d", attempts=1, error="503", next_attempt_at=real_now() + timedelta(hours=1)),
        an_effect("e", next_attempt_at=real_now() + timedelta(hours=1)),
    ]
    with services.database.write() as tx:
        outbox.add(tx, rows)

    page = operator.see("/ops/effects")
    group = page.partition("What needs attention")[2].partition("</section>")[0]
    shown = operator.see("/ops/effects?state=parked&like=a")
    counted = operator.see("/ops/effects/retry-all?state=parked&type=account.grace_started&reason=404")
    done = operator.post("/ops/effects/retry-all", **dict(HIDDEN.findall(counted.partition("<main")[2])))

    with services.database.read() as conn:
        states = [row.state for name in "abc" if (row := outbox.get(conn, name)) is not None]
    assert len(re.findall("Retry all", group)) == 4
    assert "account.grace started: 503" in group
    assert shown.count('/act"') == 1
    assert "<strong>1</strong> is due again" in done.text
    assert states == ["pending", "parked", "parked"]


@pytest.mark.usefixtures("in_grace")
def test_a_call_that_a_person_made_at_the_provider_is_recorded_and_offered_to_no_reader(
    operator: Operator, reader: Operator, services: Services
) -> None:
    operator.order("org_42", order="open_dispute", amount="49.00", currency="EUR", reason="told by the bank")
    settle(services)
    with services.database.read() as conn:
        (effect,) = outbox.listing(conn, "todo", "org_42")
    offer, path = f"/ops/effects/{effect.id}/act", f"/ops/effects/{effect.id}/done"

    page, read = operator.see("/ops/effects?state=todo"), reader.see("/ops/effects?state=todo")
    unexplained = operator.post(path, reason=" ")
    done = operator.post(path, reason="cancelled in the dashboard")
    again = operator.post(path, reason="twice")

    with services.database.read() as conn:
        assert [row.state for row in [outbox.get(conn, effect.id)] if row is not None] == ["done"]
    assert (offer in page, offer in read) == (True, False)
    assert (unexplained.status_code, done.status_code, again.status_code) == (400, 303, 409)
    assert "it does not wait for a person" in again.text
    assert "recorded as done by hand" in operator.see(done.location)
    assert "cancelled in the dashboard" in operator.see("/ops/log")


def test_lists_go_on_page_by_page_without_gap_or_repeat(operator: Operator, services: Services) -> None:
    events = parked(services, number=120)
    seen: list[str] = []
    path: str | None = "/ops/events?state=parked"

    while path is not None:
        page = operator.see(path)
        seen += re.findall(r'href="/ops/events/(evt_\d+)"', page)
        more = re.search(r'<p class="pager"><a href="([^"]+)"', page)
        path = more[1].replace("&amp;", "&") if more else None

    assert seen == list(reversed(events))


def test_a_stuck_effect_is_tried_again(operator: Operator, services: Services) -> None:
    with services.database.write() as tx:
        outbox.add(tx, [an_effect("e1", state="parked"), an_effect("e2", state="done")])

    assert operator.post("/ops/effects/retry", effect="e1").status_code == 303
    assert operator.post("/ops/effects/retry", effect="e2").status_code == 409
    assert operator.post("/ops/effects/retry", effect="e3").status_code == 404
    with services.database.read() as conn:
        row = outbox.get(conn, "e1")
    assert row is not None
    assert row.state == "pending"


def test_policies_are_shown_and_compared_as_text(operator: Operator, services: Services) -> None:
    with services.database.write() as tx:
        services.adopt_policy(tx)

    assert "in force" in operator.see("/ops/policies")
    assert "grace" in operator.see("/ops/policies/1")
    assert "They are the same" in operator.see("/ops/policies/diff?old=plexo&new=1")
    operator.see("/ops/policies/nothing", status=404)


def test_a_question_that_makes_no_sense_is_refused_on_a_page(operator: Operator) -> None:
    paths = [
        "/ops/events?state=lost",
        "/ops/events?before=-1",
        "/ops/events?before=x",
        "/ops/accounts?standing=rich",
        "/ops/accounts?q=%00",
        "/ops/disputes?show=none",
        "/ops/disputes?at=noon&account=a&key=k",
        "/ops/disputes?at=9999-12-31T23:59:59-14:00&account=a&key=k",
        "/ops/disputes?at=0001-01-01T00:00:00%2B14:00&account=a&key=k",
        "/ops/accounts/org_42?before=x",
    ]

    for path in paths:
        response = operator.client.get(path)

        assert response.status_code in {400, 404}, path
        assert "<h1>" in response.text, path


def test_what_does_not_exist_is_said_on_a_page(operator: Operator) -> None:
    for path in ("/ops/nothing", "/ops/accounts/org_9", "/ops/events/evt_9", "/ops/events/x"):
        assert "Not found" in operator.see(path, status=404)


@pytest.mark.usefixtures("in_grace")
def test_a_reader_sees_every_page_and_no_button_but_the_way_out(reader: Operator, services: Services) -> None:
    parked(services)

    for path in ("/ops/", "/ops/accounts/org_42", "/ops/events/evt_1", "/ops/events?state=parked", "/ops/effects"):
        page = reader.see(path)
        assert re.findall(r'<form[^>]*method="post"[^>]*action="([^"]+)"', page) == ["/ops/logout"]


@pytest.mark.usefixtures("in_grace")
def test_a_sign_that_a_database_cannot_hold_finds_nothing(operator: Operator) -> None:
    asked = [
        "/ops/accounts/a%00",
        "/ops/events/evt_1%00",
        "/ops/events/%00",
        "/ops/effects/%00",
        "/ops/refunds/%00",
        "/ops/policies/%00",
        "/ops/policies/diff?old=%00&new=plexo",
        "/ops/policies/trial?base=%00",
        "/ops/events/retry?reason=%00",
        "/ops/effects/retry-all?reason=%00&type=x",
        "/ops/mails?notice=%00&locale=%00",
    ]
    told = [
        ("/ops/events/retry", {"state": "parked", "through": "9", "reason": "\0"}),
        ("/ops/effects/retry-all", {"state": "parked", "through": "9", "reason": "\0", "type": "\0"}),
        ("/ops/effects/retry", {"effect": "\0"}),
        ("/ops/effects/%00/words", {}),
        ("/ops/events/evt_1%00/retry", {}),
        ("/ops/refunds/%00/asked", {}),
        ("/ops/disputes/evidence", {"account": "a\0"}),
        ("/ops/todo/%00/acknowledge", {}),
        ("/ops/todo/%00/assign", {"name": "ada"}),
        ("/ops/accounts/a%00/preview", {"order": "waive", "reason": "r"}),
        ("/ops/accounts/org_42/preview", {"order": "close_dispute", "dispute": "\0", "outcome": "won"}),
        ("/ops/accounts/org_42/preview", {"order": "approve_override", "override": "\0"}),
        ("/ops/accounts/org_42/preview", {"order": "approve_refund", "refund": "\0"}),
        ("/ops/accounts/org_42/preview", {"order": "propose_collection", "subject": "\0", "reason": "r"}),
        ("/ops/accounts/org_42/orders", {"order": "waive", "reason": "r", "seen": "1", "nonce": "\0"}),
        ("/ops/accounts/org_42/link", {"to": "a\0", "reason": "r"}),
        ("/ops/accounts/a%00/link", {"to": "org_42", "reason": "r"}),
        ("/ops/mails/test", {"notice": "\0", "to": "ada@shop.example"}),
    ]

    answers = [(path, operator.client.get(path).status_code) for path in asked]
    answers += [(f"{path} {form}", operator.post(path, **form).status_code) for path, form in told]

    assert [each for each in answers if each[1] >= 500] == []


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"meta":' + b"[" * 900 + b"]" * 900 + b"}"], ids=["open", "closed"])
def test_a_body_that_is_nested_too_deep_is_hidden_and_shown_when_asked_for(
    operator: Operator, services: Services, body: bytes
) -> None:
    with services.database.write() as tx:
        inbox.record(tx, [sealed_event(services, body)], real_now())

    assert f"{len(body)} bytes, hidden" in operator.see("/ops/events/evt_1")
    assert "[" * 900 in operator.post("/ops/events/evt_1/payload").text.replace("\n", "").replace(" ", "")
