"""The merchant's brand in his mails: whom they are from, what they look like, and what stands under them."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from kulanz.delivery import AttemptState, deliver
from kulanz.delivery.brand import MAX_LOGO, Brand, logo_problem
from kulanz.delivery.notices import REQUIRED, render
from kulanz.delivery.samples import EVERYTHING
from tests.delivery import values
from tests.delivery.test_letters import BILLING, read, reader
from tests.fake_servers import Mailbox

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
BRAND = Brand(
    name="Bäckerei \U0001f950",
    color="#ffcc00",
    address="Bäckerei GmbH | Ring 1|1010 Wien",
    support="help@shop.example",
)
EVERY = [(notice, language) for notice in REQUIRED for language in ("de", "en")]


def sent(mailbox: Mailbox, **given: object) -> None:
    channels = values.the_channels(smtp_url=mailbox.url, **given)
    assert deliver(values.mail(), channels, values.an_attempt()).state is AttemptState.DONE


def test_a_mail_is_from_the_brand_and_its_answers_go_where_they_should(mailbox: Mailbox) -> None:
    sent(mailbox, mail_from="billing@shop.example", brand=BRAND, reply_to="team@shop.example")
    sent(mailbox, mail_from="The Shop <billing@shop.example>", brand=BRAND)

    branded, named = mailbox.accepted
    assert branded["From"].addresses[0].display_name == "Bäckerei \U0001f950"
    assert branded["Reply-To"] == "team@shop.example"
    assert branded["Content-Language"] == "en"
    assert named["From"] == "The Shop <billing@shop.example>"
    assert named["Reply-To"] is None


@pytest.mark.parametrize(("notice", "language"), EVERY)
def test_the_imprint_and_where_questions_go_stand_in_both_parts_of_each_mail_to_a_customer(
    notice: str, language: str
) -> None:
    written = render(notice, EVERYTHING, reader(language, brand=BRAND))

    to_customers = notice != "ops_alert"
    for part in (written.text, read(written.html).words):
        assert ("help@shop.example" in part) is to_customers
        assert ("1010 Wien" in part) is to_customers


def test_without_a_brand_nothing_stands_under_a_mail() -> None:
    written = render("recovered", EVERYTHING, reader("en"))

    assert written.text.endswith("It concerns the account org_42.\n")
    assert "border-top" not in written.html


def test_the_link_is_a_button_in_the_brands_colour_with_letters_that_can_be_read_on_it() -> None:
    yellow = render("grace_warning", EVERYTHING, reader("en", brand=BRAND)).html
    blue = render("grace_warning", EVERYTHING, reader("en", brand=Brand(color="#102060"))).html

    assert f'<a href="{BILLING}" style="display: inline-block;' in yellow
    assert "background: #ffcc00; color: #000000" in yellow
    assert "background: #102060; color: #ffffff" in blue


def test_a_mail_can_be_read_in_a_dark_mail_program_and_a_letter_on_paper_is_white() -> None:
    assert "prefers-color-scheme: dark" in render("recovered", EVERYTHING, reader("en")).html
    assert "prefers-color-scheme" not in render("recovered", EVERYTHING, reader("en", to=("Ada",))).html


def test_a_logo_in_a_file_goes_out_with_the_mail_and_one_on_the_web_is_named(mailbox: Mailbox, tmp_path: Path) -> None:
    logo = tmp_path / "logo.png"
    logo.write_bytes(PIXEL)

    sent(mailbox, brand=Brand(name="Shop", logo=str(logo)))
    sent(mailbox, brand=Brand(logo="https://shop.example/logo.png"))

    enclosed, named = ([part for part in mail.walk() if not part.is_multipart()] for mail in mailbox.accepted)
    assert [part.get_content_type() for part in enclosed] == ["text/plain", "text/html", "image/png"]
    assert 'src="cid:logo@kulanz" alt="Shop"' in enclosed[1].get_content()
    assert (enclosed[2]["Content-ID"], enclosed[2].get_content()) == ("<logo@kulanz>", PIXEL)
    assert 'src="https://shop.example/logo.png"' in named[1].get_content()


def test_a_logo_that_has_gone_holds_no_mail_up(mailbox: Mailbox, tmp_path: Path) -> None:
    sent(mailbox, brand=Brand(logo=str(tmp_path / "gone.png")))

    assert len(mailbox.accepted) == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"<svg></svg>", "is not a PNG, JPEG or GIF file"),
        (PIXEL + b"x" * MAX_LOGO, "is larger than 256 KiB"),
        (None, "cannot be read"),
        (PIXEL, None),
    ],
)
def test_a_file_that_no_mail_program_shows_is_no_logo(tmp_path: Path, content: bytes | None, told: str | None) -> None:
    logo = tmp_path / "logo.png"
    if content is not None:
        logo.write_bytes(content)

    problem = logo_problem(logo)

    assert (problem is None) if told is None else (told in (problem or ""))
