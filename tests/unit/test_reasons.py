"""Why an account stands as it does is said in whole sentences."""

from __future__ import annotations

from kulanz.queries import story
from tests.policy.stories import LONG_AGO, Stage
from tests.policy.test_refunds import SOON, TOTAL, a_licence, asks, comes_back, decides, sold


def test_the_hold_of_a_licence_that_was_bought_once_names_no_subscription() -> None:
    account = Stage(now=LONG_AGO)
    account.hear(sold(product="on-premise"), a_licence())
    account.wait(SOON)
    request = asks(account)
    decides(account)

    comes_back(account, TOTAL)

    said = str(next(story.reasons(account.state)))
    assert said.startswith("Hold on the licence since ")
    assert said.endswith(f": its payment went back in full ({request.key}).")
