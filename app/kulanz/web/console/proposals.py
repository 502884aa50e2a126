"""Words for the acts that to-do items propose: the console links its own page where the command line has a command."""

from __future__ import annotations

from kulanz.formats.messages import Message, message

_WORDS = {
    "account evidence": message("Collect the evidence and answer at the provider"),
    "account explain": message("See the account and its reasons"),
    "account show": message("Look at the account"),
    "account approve-deletion": message("Approve the deletion"),
    "account decline": message("Decide about the exception"),
    "collections approve": message("Approve the hand-over"),
    "collections propose": message("Propose a hand-over"),
    "collections show": message("Look at the hand-over"),
    "effects list": message("Look at the outgoing actions"),
    "effects done": message("Do it by hand, then say so"),
    "events list": message("Look at the events"),
    "events show": message("Look at the event"),
    "refund show": message("Look at the refund request"),
}
"""By the words of the command. A command that is not here has no page: it is shown as it is."""


def proposed(command: str) -> Message | None:
    """Return an act in words; None where only the command line has it."""
    return _WORDS.get(" ".join(command.split()[1:3]))
