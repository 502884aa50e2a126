"""Note before a request that moves money, and its use by a later worker (I11, I15)."""

from __future__ import annotations

from datetime import timedelta

from kulanz.delivery import AttemptReport
from kulanz.delivery.channels import EarlierRequest
from kulanz.delivery.report import AttemptState
from kulanz.errors import NotSentError, StorageUnavailableError
from kulanz.processing.lease import Lease
from kulanz.runtime.clock import real_now
from kulanz.runtime.request_note import RequestNote
from kulanz.services import Services
from kulanz.store import outbox
from kulanz.store.outbox import EffectRow


class WriteGuard:
    """Checks directly before each call that changes something at a provider (I11, I15).

    A request that moves money is noted first: a worker that finds the note does not repeat it blindly. Then the lease
    is checked, because this process may have been suspended since it took the effect.
    """

    def __init__(self, services: Services, lease: Lease, row: EffectRow, *, moves_money: bool) -> None:
        self._services, self._lease, self._row, self._moves_money = services, lease, row, moves_money
        self.note: str | None = None

    def pass_through(self) -> None:
        """Return normally if the request may be sent, else raise NotSentError."""
        if self._moves_money and self.note is None:
            self._write_down()
        self._lease.check()

    def is_settled_by(self, report: AttemptReport) -> bool:
        """Whether a note exists, and an attempt has shown the outcome of its request."""
        noted = self.note or self._row.request_note
        refused = self.note is not None and report.refused
        return noted is not None and (refused or report.state is AttemptState.DONE)

    def _write_down(self) -> None:
        note = RequestNote.of_this_process(real_now()).text()
        try:
            with self._services.database.write() as tx:
                noted = outbox.note_request(tx, self._row.id, self._row.request_note, note)
        except StorageUnavailableError as error:
            self.note = note
            raise NotSentError(f"the request could not be written down: {error.detail}") from error
        if not noted:
            raise NotSentError("another worker has written its request down")
        self.note = note


def earlier_request(services: Services, row: EffectRow) -> EarlierRequest | None:
    """Return the known facts about a process that was about to move money and never recorded the outcome."""
    if row.request_note is None:
        return None
    note = RequestNote.read(row.request_note)
    age = note.age(real_now())
    return EarlierRequest(
        age=age,
        rest=max(services.send_timing.rest - age, timedelta()),
        sender=f"process {note.process.pid} on {note.process.host}",
        sender_is_gone=note.process.is_gone,
    )
