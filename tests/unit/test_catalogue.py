"""The catalogue has every message of the source, in every language, with the same gaps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel import Locale
from jinja2 import Environment, nodes

from kulanz.formats.catalogue import file_of
from kulanz.formats.localised import LocalReader, reader_of
from kulanz.formats.messages import PLAIN, Message, Money, Name, Reader, counted, message
from tests.catalogue import TEMPLATES, TRANSLATED, messages, updated, written

UTC_ZONE = ZoneInfo("UTC")
VIENNA = ZoneInfo("Europe/Vienna")
DEADLINE = datetime(2026, 3, 8, 14, 8, 20, tzinfo=UTC)
UNPAID = message("Subscription {subscription} is unpaid; access stays on until {deadline}.", subscription="s:1")
GAP = re.compile(r"\{\w+\}")


NO_TEXT, WORDS = {"code", "script", "style"}, re.compile("[A-Za-z]{2}")
READ = {"alt", "aria-label", "data-label", "placeholder", "title"}
NO_LABELS = {"Kulanz", "· Kulanz", "SendLetter", "SendMail"}


class Literals(HTMLParser):
    """The texts of a template that are in no call."""

    def __init__(self, template: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open: list[str] = []
        self.feed(re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", " ", template, flags=re.DOTALL))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"br", "input", "link", "meta"}:
            self._open.append(tag)
        self.found += [value for name, value in attrs if name in READ and value]

    def handle_endtag(self, tag: str) -> None:
        while self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not NO_TEXT & {*self._open}:
            self.found.append(data.strip())


def constants(template: str) -> Iterator[str]:
    """Texts with a space or a capital in a template's expressions, except for those of the catalogue."""
    tree = Environment(autoescape=True).parse(template)
    calls = [call for call in tree.find_all(nodes.Call) if isinstance(call.node, nodes.Name)]
    read = {id(argument) for call in calls if call.node.name in {"_", "counted"} for argument in call.args}
    for constant in tree.find_all(nodes.Const):
        text = constant.value
        if id(constant) not in read and isinstance(text, str) and (" " in text.strip() or text[:1].isupper()):
            yield text


def texts(strings: str | tuple[str, ...]) -> tuple[str, ...]:
    return (strings,) if isinstance(strings, str) else strings


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_file_of_a_language_has_the_messages_of_the_source_and_no_others(language: str) -> None:
    assert file_of(language).read_bytes() == written(language), "python -m tests.catalogue, then translate what is new"


@pytest.mark.parametrize("language", TRANSLATED)
def test_no_message_lacks_a_translation(language: str) -> None:
    assert [each.id for each in updated(language) if not all(texts(each.string))] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_has_the_gaps_of_its_message(language: str) -> None:
    wrong = [
        text
        for each in updated(language)
        if each.id
        for text in texts(each.string)
        if set(GAP.findall(text)) != set(GAP.findall(texts(each.id)[-1]))
    ]

    assert wrong == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_nothing_but_patterns_and_names_is_the_same_in_two_languages(language: str) -> None:
    same = {each.id for each in updated(language) if each.id and each.string == each.id}

    assert same <= {
        *("{why} ({developer}, {contact})", "{policy} {clause}, version {version}", "SHA-256", "in {span}"),
        *("Activations", "Name", "Status", "Version", "{number} h", "{number} min", "{number} s"),
    }


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_every_label_of_the_console_is_in_the_catalogue(path: Path) -> None:
    template = path.read_text()

    found = {text for text in [*Literals(template).found, *constants(template)] if WORDS.search(text)}

    assert found <= NO_LABELS


def test_the_source_has_messages() -> None:
    assert len(set(messages())) > 300


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("de-AT", "Das Abonnement s:1 ist unbezahlt; der Zugang bleibt bis 8. März 2026, 15:08 Uhr (MEZ)."),
        ("en-GB", "Subscription s:1 is unpaid; access stays on until 8 March 2026, 15:08 (CET)."),
        ("fr", "L’abonnement s:1 est impayé ; l’accès est maintenu jusqu’au 8 mars 2026 à 15:08 (UTC+01:00)."),  # noqa: RUF001
        ("it", "Subscription s:1 is unpaid; access stays on until 2026-03-08T14:08:20Z."),
        ("../x", "Subscription s:1 is unpaid; access stays on until 2026-03-08T14:08:20Z."),
    ],
)
def test_a_sentence_is_read_in_the_readers_language_and_zone(name: str, words: str) -> None:
    said = reader_of([name], VIENNA).read(UNPAID.given(deadline=DEADLINE))

    assert said.replace("\N{NO-BREAK SPACE}", " ") == words


def test_the_first_language_that_has_words_is_taken() -> None:
    assert isinstance(found := reader_of(["it", "fr-CA", "de"], VIENNA), LocalReader)
    assert found.locale == Locale("fr", "CA")


@pytest.mark.parametrize(
    ("name", "number", "words"),
    [("de", 1, "1 Monat"), ("de", 2, "2 Monate"), ("fr", 0, "0 mois"), ("en", 1, "1 month"), ("en", 0, "0 months")],
)
def test_a_number_chooses_its_form(name: str, number: int, words: str) -> None:
    assert reader_of([name], UTC_ZONE).read(counted("{number} month", "{number} months", number)) == words


@pytest.mark.parametrize(
    ("money", "plain", "german"),
    [
        (Money(123456, "EUR"), "1,234.56 EUR", "1.234,56 €"),
        (Money(500, "JPY"), "500 JPY", "500 ¥"),
        (Money(None, "EUR"), "an unknown amount", "ein unbekannter Betrag"),
    ],
)
def test_an_amount_is_written_as_the_reader_writes_it(money: Money, plain: str, german: str) -> None:
    said = message("Credit of {amount} was bought for {pot}.", amount=money, pot="calls")

    assert str(said) == f"Credit of {plain} was bought for calls."
    words = reader_of(["de"], UTC_ZONE).read(said).replace("\N{NO-BREAK SPACE}", " ")
    assert words == f"Guthaben von {german} wurde für calls gekauft."


def test_what_is_missing_is_called_unknown() -> None:
    assert str(UNPAID) == "Subscription s:1 is unpaid; access stays on until (unknown)."
    assert str(message("Data may be deleted from {eligible_at}, if it is lost.")).startswith(
        "Data may be deleted from an unknown date"
    )


def test_a_value_is_never_taken_for_a_text_with_gaps() -> None:
    said = message("Reason: {reason}", reason="{reason} {0} {x.__class__}")

    assert str(said) == "Reason: {reason} {0} {x.__class__}"
    assert reader_of(["de"], UTC_ZONE).read(said) == "Grund: {reason} {0} {x.__class__}"


def test_a_sentence_that_follows_is_read_after_its_own() -> None:
    late, day = message("It is late."), message("{actor} suspended the account until {until}.", actor="ada")

    assert str(day.given(until=date(2026, 3, 8)).also(late).also(None)) == (
        "ada suspended the account until 2026-03-08. It is late."
    )


@pytest.mark.parametrize(
    ("reader", "words"),
    [
        (PLAIN, "Operators are alerted: grace_warning."),
        (reader_of(["en"], UTC_ZONE), "Operators are alerted: grace warning."),
        (reader_of(["de"], UTC_ZONE), "Betreiber werden alarmiert: letzte Mahnung."),
    ],
)
def test_a_name_of_ours_is_told_in_words_where_a_person_reads(reader: Reader, words: str) -> None:
    assert reader.read(message("Operators are alerted: {topic}.", topic=Name("grace_warning"))) == words


def test_a_text_that_the_catalogue_does_not_have_stays_as_it_is() -> None:
    assert reader_of(["de"], UTC_ZONE).read(Message(text="some.rule")) == "some.rule"
