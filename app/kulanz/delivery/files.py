"""Leaves files for people outside to fetch: private to the user, whole or not there, each once."""

from __future__ import annotations

from kulanz.delivery.backoff import try_again
from kulanz.delivery.letterbox import post
from kulanz.delivery.means import Errand, Means
from kulanz.delivery.report import Report, State
from kulanz.policy.effects import DropFile
from kulanz.policy.facts import Outcome


def drop(effect: DropFile, means: Means, errand: Errand) -> Report:
    """Write the file into its folder in the data directory."""
    if means.drop_dir is None:
        return Report(state=State.SKIPPED, outcome=Outcome.FAILED, error="no data directory is set")
    name = name_of(effect.subject, effect.kind)
    try:
        post(effect.content.encode(), means.drop_dir / effect.folder, name, errand.now, ".json")
    except OSError as error:
        return try_again(f"the file cannot be written ({type(error).__name__})", errand.attempts)
    return Report(state=State.DONE, outcome=Outcome.DONE)


def name_of(subject: str, kind: str) -> str:
    """Return what a file about something is called, but for its time and its ending."""
    return f"{subject}-{kind}"
