"""Leaves files for people outside to fetch: private to the user, whole or not there, each once."""

from __future__ import annotations

from kulanz.delivery.backoff import try_again
from kulanz.delivery.channels import Attempt, Channels
from kulanz.delivery.letterbox import post
from kulanz.delivery.report import AttemptReport, AttemptState
from kulanz.policy.effects import DropFile
from kulanz.policy.facts import Outcome


def drop(effect: DropFile, channels: Channels, attempt: Attempt) -> AttemptReport:
    """Write the file into its folder in the data directory."""
    if channels.drop_dir is None:
        return AttemptReport(state=AttemptState.SKIPPED, outcome=Outcome.FAILED, error="no data directory is set")
    name = name_of(effect.subject, effect.kind)
    try:
        post(effect.content.encode(), channels.drop_dir / effect.folder, name, attempt.now, ".json")
    except OSError as error:
        return try_again(f"the file cannot be written ({type(error).__name__})", attempt.attempts)
    return AttemptReport(state=AttemptState.DONE, outcome=Outcome.DONE)


def name_of(subject: str, kind: str) -> str:
    """Return the name of a file about a subject, without its time and its ending."""
    return f"{subject}-{kind}"
