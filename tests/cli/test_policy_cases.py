"""`kulanz policy test`: a merchant's own cases beside their policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Kulanz

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "policy"
HEAD = "| by | holds | what happens | what follows |\n| --- | --- | --- | --- |\n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A policy without cases."""
    path = tmp_path / "shop.toml"
    path.write_text((EXAMPLES / "shop.toml").read_text())
    return path


def told(policy: Path, *rows: str, plans: str = "Plans: starter, team\n\n") -> Path:
    path = policy.with_suffix(".cases.md")
    path.write_text(plans + HEAD + "\n".join(f"| {row} |" for row in rows) + "\n")
    return path


def test_the_example_follows_from_its_policy(kulanz: Kulanz) -> None:
    done = kulanz("policy", "test", str(EXAMPLES / "shop.toml"))

    assert (done.code, done.out) == (0, "10 cases, 0 differ\n")


def test_what_does_not_follow_is_told_with_its_line_and_what_was_found(kulanz: Kulanz, shop: Path) -> None:
    cases = told(shop, "5.1 | yes | day 30: the renewal fails; day 40: waits | plan starter; standing on_hold")

    done, as_json = kulanz("policy", "test", str(shop)), kulanz("policy", "test", str(shop), "--json")

    assert done.code == as_json.code == 1
    assert done.out.splitlines()[:2] == [
        f"{cases}:5: day 30: the renewal fails; day 40: waits",
        "  not so: plan starter",
    ]
    assert "found: plan free; access free; standing on_hold; by 5.1, 5.2; mails grace_started, " in done.out
    assert done.err == f"kulanz: {shop}: 1 case of 1 differ: {cases}:5\n"
    (difference,) = as_json.document["differences"]
    assert (difference["line"], difference["by"], difference["unmet"]) == (5, "5.1", ["not so: plan starter"])


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("5.1 | perhaps | day 1: waits | plan starter", 'holds: expected "yes" or "no", found \'perhaps\''),
        ("5.1 | yes | day 1: waits", "expected 4 cells, found 3"),
        ("5.1 | yes | day 1: waits | ", "what follows: nothing is said"),
        ("5.1 | yes | waits | plan starter", "'waits' does not begin with its day"),
        ("5.1 | yes | day 1 at 24:00: waits | plan starter", "does not begin with its day"),
        ("5.1 | yes | day 1: the renewal failed | plan starter", "no step: 'the renewal failed' (perhaps: the renewal"),
        ("5.1 | yes | day 1: waits | accesss full", "no outcome: 'accesss full' (perhaps: access WORD)"),
        ("5.1 | yes | day 1: waits | eligible for 19 EUR", "no outcome: 'eligible for 19 EUR' (perhaps: "),
    ],
)
def test_a_row_that_cannot_be_read_is_named_with_its_line(kulanz: Kulanz, shop: Path, row: str, problem: str) -> None:
    cases = told(shop, row)

    done, as_json = kulanz("policy", "test", str(shop)), kulanz("policy", "test", str(shop), "--json")

    assert (done.code, done.err.count("\n")) == (1, 1)
    assert done.out.startswith(f"{cases}:5: ")
    assert problem in done.out
    assert as_json.document["problems"] == done.out.splitlines()


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("5.1 | no | day 3: waits; day 1: waits | plan starter", "day 1 is past when it is told"),
        ("5.1 | no | day 3: we approve it | plan starter", "'we approve it' is about a thing that there is not"),
        ("5.1 | no | day 3: lives in Europe/Atlantis | plan starter", "is about a thing that there is not"),
    ],
)
def test_what_cannot_happen_is_named_with_its_line(kulanz: Kulanz, shop: Path, row: str, why: str) -> None:
    cases = told(shop, row)

    done = kulanz("policy", "test", str(shop))

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"kulanz: {cases}:5: ")
    assert why in done.err


def test_a_refusal_that_no_row_tells_is_a_difference(kulanz: Kulanz, shop: Path) -> None:
    told(
        shop,
        "7.1 | no | day 1: asks 30.00 EUR of the first payment back | plan starter",
        "7.1 | no | day 1: asks 30.00 EUR of the first payment back | refused: more than can be refunded",
    )

    done = kulanz("policy", "test", str(shop), "--json")

    (difference,) = done.document["differences"]
    assert difference["line"] == 5
    assert difference["unmet"] == ["refused: amount: 3000 is more than can be refunded, which is 1999 EUR"]


def test_an_outcome_about_a_thing_that_there_is_not_is_not_so(kulanz: Kulanz, shop: Path) -> None:
    told(shop, "5.1 | no | day 1: waits | the request is requested; credit 1.00 EUR usable; standing good")

    (difference,) = kulanz("policy", "test", str(shop), "--json").document["differences"]

    assert difference["unmet"] == ["not so: the request is requested", "not so: credit 1.00 EUR usable"]


def test_a_time_is_that_of_the_zone_in_which_the_customer_lives(kulanz: Kulanz, shop: Path) -> None:
    asks = "asks the first payment back"
    told(
        shop,
        f"7.1 | yes | day 1: lives in Pacific/Auckland; day 14 at 23:59: {asks} | eligible",
        f"7.1 | yes | day 1: lives in Pacific/Auckland; day 15 at 00:00: {asks} | not eligible",
        f"7.1 | yes | day 1: lives in America/Los_Angeles; day 14 at 23:59: {asks} | eligible",
        f"7.1 | yes | day 1: lives in America/Los_Angeles; day 15 at 00:00: {asks} | not eligible",
    )

    assert kulanz("policy", "test", str(shop)).out == "4 cases, 0 differ\n"


def test_a_policy_without_cases_says_so(kulanz: Kulanz, shop: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty.md"
    empty.write_text("# Nothing yet\n")

    missing, preset, none = (
        kulanz("policy", "test", *words) for words in ([str(shop)], ["plexo"], [str(shop), "--cases", str(empty)])
    )

    assert missing.err == f"kulanz: {shop.with_suffix('.cases.md')}: there is no such file\n"
    assert (preset.code, "--cases: name the tables for plexo" in preset.err) == (2, True)
    assert none.out == f"{empty}: no table begins with | by | holds | what happens | what follows |\n"


def test_every_sentence_that_a_table_may_say_is_listed(kulanz: Kulanz) -> None:
    known = kulanz("policy", "test", "--sentences", "--json").document

    assert {"the renewal fails", "lives in WORD", "buys WORD for N months"} <= {*known["steps"]}
    assert {"plan WORD", "add-on N has N piece[s]", "draft N is 19.99 EUR"} <= {*known["outcomes"]}
    assert [said for said in (*known["steps"], *known["outcomes"]) if "\\" in said or "?" in said or "+" in said] == []
