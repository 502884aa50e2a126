"""The merchant's own templates: file by file, in a sandbox, and never a mail without its promise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel import Locale

from kulanz.delivery import AttemptState, deliver
from kulanz.delivery.brand import Brand
from kulanz.delivery.notices import LANGUAGES, REQUIRED, Recipient, render
from kulanz.delivery.recipient import locale_of
from kulanz.delivery.samples import EVERYTHING
from kulanz.delivery.template_check import check
from tests.delivery import values
from tests.delivery.test_letters import read

OWN_TEXT = "{{ plan }} von {{ account }}\n\nBis {{ deadline | moment }}.\n"
HOSTILE = "x\r\nBcc: a@b.c\n\n<b onload=x>\u202e\u0000{{ account }} \U0001f950\u200f</b>"


def reader(folder: Path | None, locale: str = "de", **given: object) -> Recipient:
    return Recipient(
        **{
            "locale": Locale.parse(locale),
            "zone": ZoneInfo("Europe/Vienna"),
            "account": "org_42",
            "sender": "Shop",
            "billing_url": "https://shop.example/billing",
            "templates": folder,
            **given,
        }
    )


def put(folder: Path, **files: str) -> Path:
    """Write templates by their names, and return their folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_a_template_of_the_merchants_is_used_and_every_other_is_ours(tmp_path: Path) -> None:
    put(tmp_path, **{"de/grace_warning.txt": OWN_TEXT})

    own = render("grace_warning", EVERYTHING, reader(tmp_path))
    ours = render("grace_reminder", EVERYTHING, reader(tmp_path))

    assert own.subject == "professional von org_42"
    assert own.text.startswith("Bis 8. März 2026, 15:08 Uhr (MEZ).")
    assert ours.text == render("grace_reminder", EVERYTHING, reader(None)).text
    assert own.fault is ours.fault is None
    assert check(tmp_path) == []


def test_a_part_of_ours_can_be_replaced_and_used(tmp_path: Path) -> None:
    put(tmp_path, **{"de/_closing.txt": "Ihr Team von {{ sender }}"})

    assert "Ihr Team von Shop" in render("recovered", EVERYTHING, reader(tmp_path)).text
    assert check(tmp_path) == []


def test_each_reminder_may_have_words_of_its_own(tmp_path: Path) -> None:
    first, second = OWN_TEXT.replace("von", "erste"), OWN_TEXT.replace("von", "zweite")
    put(tmp_path, **{"de/grace_reminder.1.txt": first, "de/grace_reminder.2.txt": second})

    subjects = [render("grace_reminder", EVERYTHING, reader(tmp_path, step=step)).subject for step in (1, 2, 3)]

    assert subjects[:2] == ["professional erste org_42", "professional zweite org_42"]
    assert subjects[2].startswith("Erinnerung: ")
    assert check(tmp_path) == []


def test_a_language_may_have_words_for_one_reminder_alone(tmp_path: Path) -> None:
    put(tmp_path, **{"it/grace_reminder.1.txt": OWN_TEXT})

    languages = [render("grace_reminder", EVERYTHING, reader(tmp_path, "it", step=step)).language for step in (1, 2)]

    assert languages == ["it", "en"]
    assert check(tmp_path) == []


def test_html_of_the_merchants_replaces_that_which_is_made_from_the_text(tmp_path: Path) -> None:
    page = "<p>{{ subject }}: {{ deadline | moment }} <img src=\"{{ brand_logo or 'cid:x' }}\"></p>"
    put(tmp_path, **{"de/grace_warning.html": page})

    written = render("grace_warning", EVERYTHING, reader(tmp_path))

    assert written.html.startswith("<p>Letzter Hinweis: Ihre Zahlungsfrist endet am 8.")
    assert "Dies ist unser letzter Hinweis" in written.text
    assert check(tmp_path) == []


def test_html_of_all_reminders_does_not_stand_beside_the_text_of_one(tmp_path: Path) -> None:
    put(
        tmp_path,
        **{"de/grace_reminder.2.txt": OWN_TEXT, "de/grace_reminder.html": "<p>Alle: {{ deadline | moment }}</p>"},
    )

    assert "<p>Alle" in render("grace_reminder", EVERYTHING, reader(tmp_path, step=1)).html
    assert "<p>Alle" not in render("grace_reminder", EVERYTHING, reader(tmp_path, step=2)).html


def test_another_language_is_a_folder_and_what_it_lacks_comes_in_the_usual_one(tmp_path: Path) -> None:
    put(tmp_path, **{"it/recovered.txt": "Grazie\n\nAbbiamo {{ billing_url }}."})
    italian = reader(tmp_path, "it_IT", fallback=Locale("de"))

    assert str(locale_of("it-IT", "de", tmp_path)) == "it_IT"
    assert render("recovered", EVERYTHING, italian).language == "it"
    assert render("downgraded", EVERYTHING, italian).language == "de"
    assert render("downgraded", EVERYTHING, italian).fault is None
    assert check(tmp_path, "de") == []


FAULTS = {
    "an unknown variable, also where no sample leads": (
        {"de/recovered.txt": "Danke\n\nHallo\n{% if access == 'x' %}{{ acount }}{% endif %}"},
        "de/recovered.txt:4: there is no variable acount",
    ),
    "an unknown filter": (
        {"en/recovered.txt": "A\n\n{{ plan | shout }}"},
        "en/recovered.txt:3: No filter named",
    ),
    "a tag without its end": ({"en/recovered.txt": "A\n\n{% if plan %}b"}, "en/recovered.txt:3: Unexpected end"),
    "a missing promise": (
        {"en/grace_warning.txt": "Pay\n\nPlease."},
        "en/grace_warning.txt:1: deadline is promised and is missing",
    ),
    "a promise that is missing in the HTML alone": (
        {"en/grace_warning.html": "<p>Pay</p>"},
        "en/grace_warning.html:1: deadline is promised and is missing",
    ),
    "a promise in one case only": (
        {"en/data_deletion_notice.txt": "D\n\n{% if clause %}{{ data_deletion_eligible_at | day }}{% endif %}x"},
        "en/data_deletion_notice.txt:1: data_deletion_eligible_at is promised",
    ),
    "an element that is not closed": (
        {"de/recovered.html": "<div>\n<p>Hi\n<table>\n</div>"},
        "de/recovered.html:3: <table> is not closed",
    ),
    "an end of nothing": ({"de/recovered.html": "<p>Hi\n</div>"}, "de/recovered.html:2: </div> closes nothing"),
    "half a tag": ({"de/recovered.html": "<p>Hi <a href='https://x"}, "a tag has no end"),
    "a link to nowhere": ({"de/recovered.html": "<a href='/billing'>pay</a>"}, "<a> has a href that leads nowhere"),
    "a script as a link": ({"de/recovered.html": "<a href='javascript:x'>p</a>"}, "<a> has a href that leads nowhere"),
    "a value that is not always there": (
        {"de/recovered.txt": "A\n\n{{ amount_due | money(currency) }}"},
        "de/recovered.txt:3: it fails where a value is missing",
    ),
    "a subject of two lines": ({"de/recovered.txt": "A\nB\n\nC"}, "de/recovered.txt:1: the first line is the subject"),
    "nothing at all": ({"de/recovered.txt": "\n"}, "de/recovered.txt:1: the first line is the subject"),
    "a subject alone": ({"de/recovered.txt": "A"}, "de/recovered.txt:1: there is nothing under the subject"),
    "a slip in the name of a file": ({"de/recoverd.txt": "A\n\nB"}, "de/recoverd.txt:1: there is no notice recoverd"),
    "a folder that is no language": ({"xx9/recovered.txt": "A\n\nB"}, "xx9 is not the code of a language"),
    "a file in no language": (
        {"recovered.txt": "A\n\nB"},
        "recovered.txt:1: expected <language>",
    ),
    "a way out of the sandbox": (
        {"de/recovered.txt": "A\n\n{{ ''.__class__.__mro__ }}"},
        "de/recovered.txt:3: access to attribute '__class__'",
    ),
    "a part that is not there": ({"de/recovered.txt": "A\n\n{% include 'de/_x.txt' %}"}, "de/recovered.txt:3: "),
    "a page without a text": ({"it/recovered.html": "<p>Grazie</p>"}, "it/recovered.html:1: it needs a text beside it"),
    "a layout with an unknown variable": (
        {"letter.html": "{{ foo }}"},
        "letter.html:1: there is no variable foo",
    ),
}


@pytest.mark.parametrize(("files", "told"), FAULTS.values(), ids=FAULTS.keys())
def test_the_check_names_by_file_and_line(tmp_path: Path, files: dict[str, str], told: str) -> None:
    faults = [str(fault) for fault in check(put(tmp_path, **files))]

    assert len(faults) == 1, faults
    assert told in faults[0]


def test_a_file_that_is_not_text_and_a_folder_that_is_not_there_are_named(tmp_path: Path) -> None:
    (tmp_path / "de").mkdir()
    (tmp_path / "de" / "recovered.txt").write_bytes(b"\xff\xfe")

    assert [str(fault) for fault in check(tmp_path)] == ["de/recovered.txt:1: not UTF-8"]
    assert "there is no such folder" in str(check(tmp_path / "none")[0])


@pytest.mark.parametrize(
    "text",
    [
        "{{ plan }}\n\n{{ acount }} {{ deadline | day }}",
        "{{ plan }}\n\nNo deadline.",
        "{{ plan }}\n\n{% if %}",
        "{{ plan }}",
        "\x00",
        "A\n\n{{ ''.__class__ }}",
        "A\n\n{% include 'de/grace_warning.txt' %}",
    ],
)
def test_a_template_that_fails_at_run_time_falls_back_to_ours_and_says_where(tmp_path: Path, text: str) -> None:
    put(tmp_path, **{"de/grace_warning.txt": text})

    written = render("grace_warning", EVERYTHING, reader(tmp_path))

    assert written == replace(render("grace_warning", EVERYTHING, reader(None)), fault=written.fault)
    assert written.fault is not None
    assert written.fault.file == "de/grace_warning.txt"


def test_a_language_of_the_merchants_that_fails_falls_back_to_the_usual_one(tmp_path: Path) -> None:
    put(tmp_path, **{"it/recovered.txt": "{{ x }}\n\ny"})

    written = render("recovered", EVERYTHING, reader(tmp_path, "it", fallback=Locale("de")))

    assert written.language == "de"
    assert "it/recovered.txt:1: 'x' is undefined" in str(written.fault)


def test_a_template_in_the_middle_of_being_written_sends_ours(tmp_path: Path) -> None:
    put(tmp_path, **{"en/grace_warning.txt": "Half"})
    channels = values.the_channels(mail_dir=tmp_path / "mail", templates=tmp_path)

    report = deliver(values.mail(), channels, values.an_attempt())

    assert report.state is AttemptState.DONE
    assert "Final notice" in next((tmp_path / "mail").iterdir()).read_text()


OWN_PAGE = "<p>{{ plan }} {{ reason }} {{ account }}" + "".join(
    f"{{% if {name} %}} {{{{ {name} | day }}}}{{% endif %}}"
    for name in ("deadline", "data_deletion_eligible_at", "billed_until", "ends_at")
)
EVERY = [(notice, language, own) for notice in REQUIRED for language in LANGUAGES for own in (False, True)]


@pytest.mark.parametrize(("notice", "language", "own"), EVERY)
def test_a_hostile_name_plan_or_reason_breaks_out_of_no_notice(
    tmp_path: Path, notice: str, language: str, *, own: bool
) -> None:
    texts = {f"{language}/{notice}.txt": f"{{{{ plan }}}} {{{{ reason }}}}\n\n{OWN_PAGE[3:]}"}
    pages = {f"{language}/{notice}.html": f"{OWN_PAGE}</p>"}
    put(tmp_path, **(texts | pages if own else {}))
    brand = Brand(name=HOSTILE, address="Shop|<i>1010</i>", support="a@shop.example")
    names = ("plan", "kind", "reason", "topic", "decision_reason", "developer", "developer_contact", "piece", "measure")
    calm = {**EVERYTHING, **dict.fromkeys(names, "x"), "invoice": "1", "names": {}}
    hostile = {name: HOSTILE if value in ("x", "1") else value for name, value in calm.items()}
    at = reader(tmp_path, language, brand=replace(brand, name="x"), account="x", sender="x")

    usual = render(notice, calm, at)
    written = render(notice, hostile, replace(at, brand=brand, account="x y", sender="x y"))

    assert written.fault is usual.fault is None
    assert len(written.subject.splitlines()) == 1
    assert written.subject.isprintable()
    assert not {"\u202e", "\u200f", "\x00", "\r"} & set(written.subject + written.text + written.html)
    assert read(written.html).tags == read(usual.html).tags
    assert written.text.count("\n\n") == usual.text.count("\n\n")
