"""Alerts to the people who run this."""

from __future__ import annotations

import pytest

from kulanz.delivery import AttemptState, deliver
from kulanz.policy.effects import AlertOperators, Notify, SendMail, fan_out
from tests.delivery import values
from tests.fake_servers import CallbackReceiver, Mailbox

ALERT = AlertOperators(
    id="ef_9", topic="look_unanswered", subject="lemonsqueezy:421953", data={"account_id": "org_42", "hours": 24}
)


def test_an_alert_goes_two_ways_with_an_id_for_each() -> None:
    mail, call = fan_out(ALERT, "ops@plexo.example")

    assert isinstance(mail, SendMail)
    assert isinstance(call, Notify)
    assert (mail.to, mail.notice, call.type) == ("ops@plexo.example", "ops_alert", "ops.alert")
    assert len({mail.id, call.id, ALERT.id}) == 3


def test_without_an_address_an_alert_is_a_callback_alone() -> None:
    assert [type(part) for part in fan_out(ALERT)] == [Notify]


def test_any_other_effect_stays_one() -> None:
    assert fan_out(values.mail(), "ops@plexo.example") == (values.mail(),)


def test_operators_read_what_it_is_about(mailbox: Mailbox, receiver: CallbackReceiver) -> None:
    channels = values.the_channels(
        smtp_url=mailbox.url,
        callback_url=receiver.url,
        callback_secret=receiver.secret,
        ops_alert_to="ops@plexo.example",
    )

    report = deliver(ALERT, channels, values.an_attempt())

    assert report.state is AttemptState.DONE
    text = mailbox.accepted[0].get_body(("plain",)).get_content()
    assert "- Topic: look unanswered\n- Account: org_42\n- Subject: lemonsqueezy:421953\n- hours: 24\n" in text
    assert receiver.documents[0]["data"]["topic"] == "look_unanswered"


@pytest.mark.parametrize(
    ("account", "argument"),
    [("org_42", "org_42"), ("x|reboot", "'x|reboot'"), ("a+b", "a+b"), ("--help", "-- --help"), ("a@b.c", "a@b.c")],
)
def test_the_command_in_an_alert_can_be_copied_whatever_id_a_buyer_chose(
    mailbox: Mailbox, account: str, argument: str
) -> None:
    deliver(
        ALERT,
        values.the_channels(smtp_url=mailbox.url, ops_alert_to="ops@plexo.example"),
        values.an_attempt(account=account),
    )

    text = mailbox.accepted[0].get_body(("plain",)).get_content()
    assert f"\nkulanz account explain {argument}\n" in text


def test_an_alert_that_went_one_way_is_told(mailbox: Mailbox) -> None:
    channels = values.the_channels(smtp_url=mailbox.url, ops_alert_to="ops@plexo.example")

    assert deliver(ALERT, channels, values.an_attempt()).state is AttemptState.DONE


def test_an_alert_that_nobody_is_named_for_is_skipped() -> None:
    assert deliver(ALERT, values.the_channels(), values.an_attempt()).state is AttemptState.SKIPPED
