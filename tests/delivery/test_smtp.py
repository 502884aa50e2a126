"""Mails to a real mail server that fails at every step of the conversation."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kulanz.delivery import AttemptState, Channels, deliver
from kulanz.delivery.smtp import mail_server
from kulanz.policy.facts import Outcome
from tests.delivery import values
from tests.fake_servers import Mailbox, a_free_port, a_mailbox


def through(mailbox: Mailbox, **given: object) -> Channels:
    return values.the_channels(
        **{"smtp_url": mailbox.url, "mail_from": "Plexo Billing <billing@plexo.example>", **given}
    )


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's TLS and that of a client which trusts it."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = _self_signed(folder)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    return server, ssl.create_default_context(cafile=str(certificate))


def _self_signed(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(*form))
    return folder / "cert.pem", folder / "key.pem"


def test_a_mail_that_the_server_accepts_is_delivered(mailbox: Mailbox) -> None:
    report = deliver(values.mail(), through(mailbox), values.an_attempt())

    assert (report.state, report.outcome, report.error) == (AttemptState.DONE, Outcome.DONE, None)
    assert mailbox.envelopes == [("billing@plexo.example", "anna@example.com")]


def test_a_mail_carries_what_software_needs_to_know_of_it(mailbox: Mailbox) -> None:
    deliver(values.mail(), through(mailbox), values.an_attempt())

    mail = mailbox.accepted[0]
    assert mail["X-Kulanz-Notice"] == "grace_warning"
    assert mail["X-Kulanz-Account"] == "org_42"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["From"] == "Plexo Billing <billing@plexo.example>"
    assert mail["To"] == "anna@example.com"
    assert abs(parsedate_to_datetime(mail["Date"]) - datetime.now(UTC)) < timedelta(seconds=10)
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


def test_the_message_id_is_that_of_the_effect(mailbox: Mailbox) -> None:
    for effect in (values.mail(), values.mail(), values.mail(id="ef_3")):
        deliver(effect, through(mailbox), values.an_attempt())

    first, again, other = (mail["Message-ID"] for mail in mailbox.accepted)
    assert first == again != other
    assert first.endswith("@plexo.example>")


def test_a_long_account_id_arrives_unharmed(mailbox: Mailbox) -> None:
    account = "x" * 128

    deliver(values.mail(), through(mailbox), values.an_attempt(account=account))

    assert mailbox.accepted[0]["X-Kulanz-Account"] == account


def test_umlauts_and_lines_that_start_with_a_dot_arrive_as_written(mailbox: Mailbox) -> None:
    effect = values.mail(locale="de-AT", data={**values.mail().data, "plan": ". große.\n.\nqu-it"})

    deliver(effect, through(mailbox, timezone="Europe/Vienna"), values.an_attempt())

    text = mailbox.accepted[0].get_body(("plain",)).get_content()
    assert "„. Große. . Qu It“" in text
    assert "8. März 2026, 15:08 Uhr (MEZ)" in text


@pytest.mark.parametrize("step", ["sender_reply", "recipient_reply", "data_reply"])
def test_a_refusal_for_now_is_tried_again_and_not_quoted(mailbox: Mailbox, step: str) -> None:
    setattr(mailbox, step, "451 4.3.0 anna@example.com is greylisted")

    report = deliver(values.mail(), through(mailbox), values.an_attempt())

    assert (report.state, report.outcome, report.retry_after) == (AttemptState.RETRY, None, timedelta(seconds=5))
    assert "451 4.3.0" in str(report.error)
    assert "anna" not in str(report.error)


@pytest.mark.parametrize("step", ["sender_reply", "recipient_reply", "data_reply"])
def test_a_refusal_for_good_is_parked_and_not_quoted(mailbox: Mailbox, step: str) -> None:
    setattr(mailbox, step, "550 5.1.1 anna@example.com: no such user")

    report = deliver(values.mail(), through(mailbox), values.an_attempt())

    assert (report.state, report.outcome) == (AttemptState.PARKED, Outcome.FAILED)
    assert "550 5.1.1" in str(report.error)
    assert "anna" not in str(report.error)


def test_a_server_that_is_away_is_tried_again(mailbox: Mailbox) -> None:
    mailbox.close()

    report = deliver(values.mail(), through(mailbox), values.an_attempt())

    assert (report.state, report.error) == (
        AttemptState.RETRY,
        "the mail server cannot be reached (ConnectionRefusedError)",
    )

    mailbox.open()
    assert deliver(values.mail(), through(mailbox), values.an_attempt(attempts=1)).state is AttemptState.DONE


def test_a_line_that_is_cut_before_the_letter_is_tried_again(mailbox: Mailbox) -> None:
    mailbox.drop_at = "rcpt"

    report = deliver(values.mail(), through(mailbox), values.an_attempt())

    assert (report.state, report.outcome) == (AttemptState.RETRY, None)
    assert mailbox.accepted == []


def test_a_line_that_is_cut_after_the_letter_leaves_the_outcome_unknown(mailbox: Mailbox) -> None:
    mailbox.drop_at = "data"

    report = deliver(values.mail(), through(mailbox), values.an_attempt())

    assert (report.state, report.outcome, report.retry_after) == (AttemptState.UNKNOWN, Outcome.UNKNOWN, None)
    assert len(mailbox.accepted) == 1


def test_an_answer_that_cannot_be_read_leaves_the_outcome_unknown(mailbox: Mailbox) -> None:
    mailbox.data_reply = "nonsense"

    assert deliver(values.mail(), through(mailbox), values.an_attempt()).state is AttemptState.UNKNOWN


@contextmanager
def _a_server_that_says(greeting: bytes) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def answer() -> None:
            line, _ = server.accept()
            with line:
                line.sendall(greeting)
                line.recv(1024)

        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


@pytest.mark.parametrize(
    "greeting", [b"554 go away\r\n", b"HTTP/1.1 400 Bad Request\r\n", b"x" * 10_000 + b"\r\n", b""]
)
def test_a_server_that_is_none_is_tried_again(greeting: bytes) -> None:
    with _a_server_that_says(greeting) as port:
        channels = values.the_channels(smtp_url=f"smtp://127.0.0.1:{port}", step_timeout=timedelta(seconds=0.2))

        report = deliver(values.mail(), channels, values.an_attempt())

    assert report.state is AttemptState.RETRY


def test_starttls_is_used_where_it_is_offered(certified: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server, client = certified
    with a_mailbox(tls=server, users={"kulanz": "p@ss/word"}) as mailbox:
        url = mailbox.url.replace("//", "//kulanz:p%40ss%2Fword@")

        report = deliver(values.mail(), through(mailbox, smtp_url=url, tls=client), values.an_attempt())

        assert report.state is AttemptState.DONE
        assert (mailbox.encrypted, mailbox.logins) == ([True], ["kulanz"])


def test_smtps_is_encrypted_from_the_start(certified: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server, client = certified
    with a_mailbox(tls=server, implicit=True) as mailbox:
        report = deliver(values.mail(), through(mailbox, tls=client), values.an_attempt())

        assert (report.state, mailbox.encrypted) == (AttemptState.DONE, [True])


@pytest.mark.parametrize("implicit", [False, True])
def test_a_certificate_that_nobody_vouches_for_is_refused(
    certified: tuple[ssl.SSLContext, ssl.SSLContext], *, implicit: bool
) -> None:
    with a_mailbox(tls=certified[0], implicit=implicit) as mailbox:
        report = deliver(values.mail(), through(mailbox), values.an_attempt())

        assert (report.state, report.error) == (
            AttemptState.RETRY,
            "the mail server's certificate is not trusted, or its TLS failed",
        )
        assert mailbox.accepted == []


def test_a_wrong_password_is_ours_to_mend_and_is_not_quoted(
    certified: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    server, client = certified
    with a_mailbox(tls=server, users={"kulanz": "right"}) as mailbox:
        url = mailbox.url.replace("//", "//kulanz:wr0ng@")

        report = deliver(values.mail(), through(mailbox, smtp_url=url, tls=client), values.an_attempt())

        assert (report.state, report.error) == (AttemptState.RETRY, "the mail server did not let us in (535)")


@pytest.mark.parametrize(
    ("url", "needed"),
    [
        ("smtp://user:secret@mail.example:2525", True),
        ("smtp://mail.example:587", True),
        ("smtp://mail.example", True),
        ("smtp://mail.example:25", False),
        ("smtp://user:secret@127.0.0.1:2525", False),
        ("smtp://localhost:587", False),
    ],
)
def test_passwords_and_submissions_travel_encrypted_but_for_this_machine(url: str, *, needed: bool) -> None:
    assert mail_server(url, ssl.create_default_context(), 1.0).needs_tls is needed


@pytest.mark.parametrize("url", ["http://mail.example", "smtp://", "smtp://mail.example:port", "mail.example"])
def test_an_address_that_leads_nowhere_is_visible_and_not_quoted(url: str) -> None:
    report = deliver(values.mail(), values.the_channels(smtp_url=url), values.an_attempt())

    assert report.state is AttemptState.RETRY
    assert "mail.example" not in str(report.error)


def test_no_error_names_the_customer_or_the_password() -> None:
    url = f"smtp://user:hunter2@127.0.0.1:{a_free_port()}"

    text = repr(deliver(values.mail(), values.the_channels(smtp_url=url), values.an_attempt())) + repr(
        values.the_channels(smtp_url=url)
    )

    assert not [secret for secret in ("hunter2", "anna", "example.com") if secret in text]
