"""Every notice in both languages: what it says, and what data can never make it say."""

from __future__ import annotations

from contextlib import suppress
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from kulanz.delivery import AttemptState, deliver
from kulanz.delivery.mail import MAIL_POLICY
from kulanz.delivery.notices import LANGUAGES, REQUIRED, Recipient, RenderedNotice, locale_of, render, zone_of
from kulanz.delivery.samples import EVERYTHING, least
from kulanz.errors import UntranslatableError
from kulanz.formats.bank_accounts import BankAccount
from tests.delivery import snapshots, values

BILLING = "https://app.plexo.example/billing"
FULL: dict[str, Any] = {name: value for name, value in EVERYTHING.items() if name != "policy_url"}
"""All but the one link beside the billing page."""
EVERY = [(notice, language) for notice in REQUIRED for language in LANGUAGES]


def reader(locale: str = "de", **given: Any) -> Recipient:
    usual = {"zone": ZoneInfo("Europe/Vienna"), "account": "org_42", "sender": "Plexo", "billing_url": BILLING}
    return Recipient(**{**usual, "locale": Locale.parse(locale), **given})


def letter(notice: str, locale: str = "de", **data: Any) -> RenderedNotice:
    return render(notice, data, reader(locale))


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words = ""
        self.tags: list[str] = []
        self.links: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links.extend(value for name, value in attrs if name in {"href", "src"})

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] != ["style"]:
            self.words += data


def read(html: str) -> _Text:
    parser = _Text()
    parser.feed(html)
    return parser


@pytest.mark.parametrize(("notice", "language"), EVERY)
def test_every_notice_can_be_written_with_all_its_data_and_with_no_more_than_it_needs(
    notice: str, language: str
) -> None:
    for data in (FULL, least(notice)):
        written = render(notice, data, reader(language))

        assert "\n" not in written.subject
        assert "None" not in written.subject + written.text
        assert "  " not in written.text.replace("\n  ", "\n")


@pytest.mark.parametrize(("notice", "language"), EVERY)
def test_both_parts_of_a_mail_say_the_same(notice: str, language: str) -> None:
    written = render(notice, FULL, reader(language))

    plain = written.text.replace("- ", "").replace(f":\n{BILLING}", "").split()
    assert " ".join(read(written.html).words.split()) == " ".join([*written.subject.split(), *plain])


@pytest.mark.parametrize(("notice", "language"), EVERY)
def test_the_only_link_is_the_billing_page(notice: str, language: str) -> None:
    written = render(notice, FULL, reader(language))

    assert set(read(written.html).links) <= {BILLING}
    assert written.text.count("http") == written.text.count(BILLING) <= 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_notice_reads_as_it_was_read_over_last(language: str) -> None:
    assert snapshots.path_of(language).read_text() == snapshots.written(language), (
        "python -m tests.delivery.snapshots, then read the difference as a customer would"
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_is_a_template_for_every_notice_and_none_besides(language: str) -> None:
    folder = Path(__file__).parents[2] / "app/kulanz/delivery/templates" / language

    assert {path.stem for path in folder.glob("*.txt") if not path.stem.startswith("_")} == set(REQUIRED)


def test_the_html_names_its_language_and_has_a_title() -> None:
    written = letter("recovered")

    assert '<html lang="de">' in written.html
    assert "<title>Vielen Dank: Ihre Zahlung ist eingegangen</title>" in written.html


def test_a_deadline_is_told_to_the_minute_in_the_readers_zone() -> None:
    german = letter("grace_warning", deadline="2026-03-08T14:08:20Z")
    english = render("grace_warning", FULL, reader("en_GB", zone=ZoneInfo("UTC")))
    french = render("grace_warning", FULL, reader("fr", zone=ZoneInfo("UTC")))

    assert "Die Frist dafür endet am 8. März 2026, 15:08 Uhr (MEZ)." in german.text.replace("\n", " ")
    assert "The deadline for it is 8 March 2026, 14:08 (UTC)." in english.text.replace("\n", " ")
    assert "Le délai prend fin le 8 mars 2026 à 14:08 (TU)." in french.text.replace("\n", " ")


@pytest.mark.parametrize(
    ("locale", "amount", "currency", "written"),
    [
        ("de", 1999, "EUR", "19,99 €"),
        ("de_AT", 123456, "EUR", "€ 1.234,56"),
        ("en", 1999, "EUR", "€19.99"),
        ("en", 500, "JPY", "¥500"),
        ("de", 1999, "XYZ", "19,99 XYZ"),
        ("fr", 123456, "EUR", "1 234,56 €"),
        ("fr_CA", 1999, "CAD", "19,99 $"),
    ],
)
def test_money_is_written_as_the_reader_writes_it(locale: str, amount: int, currency: str, written: str) -> None:
    text = letter("recovered", locale, amount_due=amount, currency=currency).text

    assert written in text.replace("\n", " ")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_refusal_says_that_statutory_rights_are_not_affected_and_until_when_one_may_withdraw(language: str) -> None:
    text = letter("refund_decided", language, **{**FULL, "decision": "denied"}).text.replace("\n", " ")

    sentence, day = {
        "de": ("Ihre gesetzlichen Rechte bleiben davon unberührt.", "20. März 2026"),
        "en": ("Your statutory rights are not affected.", "March 20, 2026"),
        "fr": ("Vos droits légaux ne sont pas affectés.", "20 mars 2026"),
    }[language]
    assert sentence in text
    assert day in text


def test_what_stays_possible_is_told_to_whom_access_is_taken() -> None:
    for notice in ("suspended", "downgraded"):
        text = letter(notice, access="none").text.replace("\n", " ")

        assert "Die Anmeldung, der Export Ihrer Daten und die Auskunft über den Stand Ihres Kontos" in text


def test_a_suspension_without_a_dispute_speaks_of_none() -> None:
    assert "Rückbuchung" in letter("suspended", amount=4900, currency="EUR").text
    assert "Rückbuchung" not in letter("suspended").text
    assert "Rückbuchung" not in letter("suspended", reason="operator", amount=4900, currency="EUR").text


@pytest.mark.parametrize(
    ("wanted", "default", "found"),
    [("de-AT", "en", "de_AT"), ("de", "en", "de"), ("it-IT", "de", "de"), (None, "de", "de"), ("../x", "zz", "en")],
)
def test_an_unknown_language_falls_back_to_the_installations_and_then_to_english(
    wanted: str | None, default: str, found: str
) -> None:
    assert str(locale_of(wanted, default)) == found


@pytest.mark.parametrize("name", [None, "", "Nowhere/City", "../../etc/passwd", "Europe", "\x00", 7])
def test_an_unknown_zone_falls_back(name: object) -> None:
    assert zone_of(name, "Europe/Vienna").key == "Europe/Vienna"
    assert zone_of(name).key == "UTC"


@pytest.mark.parametrize(
    ("notice", "data"),
    [
        ("grace_warning", {}),
        ("grace_warning", {"deadline": None}),
        ("grace_warning", {"deadline": "tomorrow"}),
        ("grace_warning", {"deadline": "2026-03-08T14:08:20"}),
        ("grace_warning", {"deadline": "0001-01-01T00:00:00+14:00"}),
        ("recovered", {"amount_due": "a lot", "currency": "EUR"}),
        ("no_such_notice", {}),
        ("../letter.html", {}),
    ],
)
def test_a_notice_that_does_not_fit_its_data_is_parked_and_not_sent(
    notice: str, data: dict[str, Any], tmp_path: Path
) -> None:
    report = deliver(values.mail(notice=notice, data=data), values.the_channels(mail_dir=tmp_path), values.an_attempt())

    assert report.state is AttemptState.PARKED
    assert list(tmp_path.iterdir()) == []


SCALARS = st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(list(FULL.values()))


@given(st.sampled_from(EVERY), st.dictionaries(st.sampled_from(list(FULL)) | st.text(), SCALARS), st.text())
def test_no_data_breaks_out_of_its_place(which: tuple[str, str], data: dict[str, Any], plan: str) -> None:
    notice, language = which
    usual = render(notice, {**FULL, "plan": "x"}, reader(language))

    written = render(notice, {**FULL, "plan": f"x\r\nBcc: a@b.c\n\n<b>{plan}"}, reader(language))
    with suppress(UntranslatableError):
        render(notice, data, reader(language))

    assert len(written.subject.splitlines()) == 1
    assert read(written.html).tags == read(usual.html).tags
    assert written.text.count("\n\n") == usual.text.count("\n\n")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("which", ["reminder", "demand", "last_demand"])
def test_each_dunning_letter_says_what_is_owed_and_stands_without_an_invoice(which: str, language: str) -> None:
    existing = {
        "amount_due": 1999,
        "currency": "EUR",
        "fee": 500,
        "fees": 1500,
        "total_due": 3499,
        "invoice": "1134999",
    }

    whole = letter("dunning_level", language, letter=which, **existing)
    unknown = letter("dunning_level", language, letter=which, amount_due=0, fees=0, total_due=0, level=1)

    assert all(sum_ in whole.text for sum_ in ("19", "15", "34", "1134999"))
    assert "1134999" in whole.subject
    assert "0" not in unknown.text.replace("org_42", "")
    assert "None" not in whole.text + unknown.text


def test_the_dunning_letters_differ_and_only_the_last_speaks_of_a_hand_over() -> None:
    texts = [
        letter("dunning_level", letter=item, collections=True).text for item in ("reminder", "demand", "last_demand")
    ]

    assert len(set(texts)) == 3
    assert ["Inkasso" in text for text in texts] == [False, False, True]


@pytest.mark.parametrize(
    ("clause", "german", "english", "french"),
    [
        ("6.2", "(Ziffer 6.2 unserer Richtlinie)", "(section 6.2 of our policy)", "(point 6.2 de notre politique)"),
        (
            "§Non-Payment",
            "(Abschnitt „Non-Payment“ unserer Richtlinie)",
            "(section “Non-Payment” of our policy)",
            "(section « Non-Payment » de notre politique)",
        ),
        (
            "4-Mahnung",
            "(Ziffer 4, Abschnitt „Mahnung“ unserer Richtlinie)",
            "(section 4, section “Mahnung” of our policy)",
            "(point 4, section « Mahnung » de notre politique)",
        ),
    ],
)
def test_a_clause_is_named_as_the_policy_names_it_and_only_where_mails_may(
    clause: str, german: str, english: str, french: str
) -> None:
    texts = [letter("downgraded", language, clause=clause, cites=True).text for language in LANGUAGES]
    silent = letter("downgraded", clause=clause).text

    assert [said in " ".join(text.split()) for said, text in zip((german, english, french), texts, strict=True)] == [
        True
    ] * 3
    assert "Richtlinie" not in silent


def test_the_consequence_names_the_clause_of_the_downgrade() -> None:
    data = {**FULL, "clause": "6.1", "consequence_clause": "6.2"}

    text = " ".join(letter("grace_reminder", **data).text.split())

    assert "kostenlosen Tarif umgestellt (Ziffer 6.2 unserer Richtlinie)" in text
    assert "6.1" not in text


def test_the_policys_page_stands_below_where_clauses_are_named() -> None:
    text = letter("downgraded", clause="6.2", cites=True, policy_url="https://shop.example/terms").text

    assert "Unsere Richtlinie lesen Sie hier: https://shop.example/terms" in text


def test_a_letter_on_paper_has_the_sender_the_bank_account_and_the_printed_address_of_the_payment_page() -> None:
    bank = BankAccount.parse("Shop GmbH; AT611904300234573201; BKAUATWW")
    on_paper = reader(bank=bank, to=("Ada Byron", "Ring 1"), from_lines=("Shop GmbH", "Gasse 2"))

    written = " ".join(read(render("grace_warning", FULL, on_paper).html).words.split())

    assert "Shop GmbH · Gasse 2 Ada Byron" in written
    assert "IBAN: AT61 1904 3002 3457 3201 BIC: BKAUATWW Verwendungszweck: 1134999" in written
    assert BILLING in written


def test_a_mail_about_a_card_asks_for_no_transfer() -> None:
    bank = BankAccount.parse("Shop GmbH; AT611904300234573201")

    assert "IBAN" not in render("grace_warning", {**FULL, "letter": None}, reader(bank=bank)).text
    assert "IBAN" in render("dunning_level", FULL, reader(bank=bank)).text


@pytest.mark.parametrize("text", ["", "Shop", "Shop; AT621904300234573201", "Shop; AT61 1904 3002 3457 3201; x", ";;"])
def test_a_bank_account_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        BankAccount.parse(text)


@given(
    st.text(st.characters(categories=("L", "N", "P", "Zs"), exclude_characters="\xa0\u202f"), min_size=1, max_size=200)
)
def test_a_subject_is_read_as_it_was_written_however_it_is_folded(words: str) -> None:
    subject = " ".join(words.split()) or "x"
    message = EmailMessage(policy=MAIL_POLICY)
    message["Subject"] = subject

    folded = message.as_bytes()

    assert str(message_from_bytes(folded, policy=default)["Subject"]) == subject
    assert all(len(line) <= 78 for line in folded.splitlines()) or " " not in subject


def test_the_subject_of_a_reminder_has_no_two_spaces(tmp_path: Path) -> None:
    data = {**FULL, "deadline": "2026-03-08T14:08:20Z"}
    channels = values.the_channels(mail_dir=tmp_path, mail_locale="de")

    deliver(values.mail(notice="grace_reminder", data=data), channels, values.an_attempt())

    (path,) = tmp_path.iterdir()
    assert "bis zum 8. März 2026" in str(message_from_bytes(path.read_bytes(), policy=default)["Subject"])
