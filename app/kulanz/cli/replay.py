"""`kulanz replay`: verification of the stored state against the recorded facts."""

from __future__ import annotations

import random
from datetime import datetime

import click

from kulanz.cli.options import emit, instant, json_option, services, table
from kulanz.errors import RefusedError
from kulanz.formats.wording import how_many


@click.command()
@click.option("--shuffle", is_flag=True, help="Take the facts of each account in a random order.")
@click.option("--seed", type=int, help="Repeat the order of an earlier --shuffle.")
@click.option("--since", type=instant, help="Only accounts with a decision at or after this time.")
@json_option
def replay(*, shuffle: bool, seed: int | None, since: datetime | None, as_json: bool) -> None:
    """Recompute every account from the recorded facts; exit 1 and list the differences from the stored state."""
    from kulanz.cli.progress import pages
    from kulanz.queries.replay.replay import ReplayResult
    from kulanz.queries.replay.replay import replay as recompute

    seed = random.randrange(2**32) if seed is None else seed  # noqa: S311 - an order, not a secret
    order = random.Random(seed) if shuffle else None  # noqa: S311
    judged = erased = 0
    differing: list[ReplayResult] = []
    with services() as opened, pages() as report:
        for finding in recompute(
            opened, since=since, shuffle=order, progress=lambda at, of: report("accounts", at, of)
        ):
            judged, erased = judged + (not finding.erased), erased + finding.erased
            if finding.differs:
                differing.append(finding)
    document = {
        "accounts": judged,
        "erased": erased,
        "differing": [{"account_id": each.account, "differs": each.differs} for each in differing],
        "seed": seed if shuffle else None,
    }

    def show() -> None:
        rows = [(each.account, ", ".join(each.differs)) for each in differing]
        table(("account", "differs in"), rows, "no account differs")()
        click.echo(f"{how_many(judged, 'account')} recomputed, {how_many(erased, 'erased one')} left out")

    emit(document, as_json, show)
    if differing:
        who = how_many(len(differing), "account differs", "accounts differ")
        raise RefusedError(f"{who} from what is recorded" + (f" (--seed {seed})" if shuffle else ""))
