"""What is broken between an event and its effects: claims, leases, the database, clocks that step."""

from __future__ import annotations

from tests.faults.mutations.shape import Mutation

ERRANDS, FAILPOINTS = "tests/test_dispatcher.py", "tests/faults/test_failpoints.py"
PREPARED = "tests/store/test_prepared.py"
SUSPENSION, MONEY = "tests/faults/test_suspension.py", "tests/delivery/test_money.py"
WORKING = (
    Mutation(
        "A refund is not written down before its request",
        "app/kulanz/processing/write_guard.py",
        "        if self._moves_money and self.note is None:",
        "        if self.note == '':",
        (SUSPENSION, "-k", "sqlite and moves_once and before"),
    ),
    Mutation(
        "A worker whose lease is over sends all the same",
        "app/kulanz/processing/lease.py",
        "        if boot_seconds() >= self._ends:\n            raise",
        "        if boot_seconds() < 0:\n            raise",
        (ERRANDS,),
    ),
    Mutation(
        "A lease that is over is renewed",
        "app/kulanz/processing/lease.py",
        "        if seconds >= self._ends:",
        "        if seconds < 0:",
        (ERRANDS,),
    ),
    Mutation(
        "A worker renews the lease of another one",
        "app/kulanz/store/outbox.py",
        '            effects.c.lease_until == bindparam("held", type_=Instant),',
        "            effects.c.lease_until.is_not(None),",
        ("tests/store/test_outbox.py",),
    ),
    Mutation(
        "A process that is there counts as gone",
        "app/kulanz/runtime/request_note.py",
        "        return bool(started) and started != self.started",
        "        return True",
        ("tests/unit/test_request_note.py",),
    ),
    Mutation(
        "A lost refund is made again although its sender may live",
        "app/kulanz/delivery/money.py",
        "    if earlier.sender_is_gone:",
        "    if earlier:",
        (MONEY,),
    ),
    Mutation(
        "A lost answer counts as a refusal",
        "app/kulanz/delivery/money.py",
        "        if not _may_have_moved(error):",
        "        if error:",
        (MONEY,),
    ),
    Mutation(
        "That an attempt begins is not written before it does",
        "app/kulanz/processing/dispatcher.py",
        "        return now if outbox.begin(tx, row, now) else None",
        "        return now",
        (FAILPOINTS, "-k", "sqlite and exit"),
    ),
    Mutation(
        "An effect that kills its worker is tried for ever",
        "app/kulanz/processing/dispatcher.py",
        "MAX_CRASHES = 3",
        "MAX_CRASHES = 99",
        (ERRANDS,),
    ),
    Mutation(
        "An outcome that the database does not take is forgotten",
        "app/kulanz/processing/dispatcher.py",
        "RECORD_RETRY_FOR, RECORD_RETRY_INTERVAL = 20.0, 0.5",
        "RECORD_RETRY_FOR, RECORD_RETRY_INTERVAL = -1.0, 0.5",
        (ERRANDS,),
    ),
    Mutation(
        "The lease of a dead worker holds for ever",
        "app/kulanz/store/outbox.py",
        'or_(effects.c.lease_until.is_(None), effects.c.lease_until <= bindparam("now", type_=Instant)),',
        "effects.c.lease_until.is_(None),",
        (ERRANDS,),
    ),
    Mutation(
        "An event that kills whoever looks at it is never parked",
        "app/kulanz/store/inbox/claims.py",
        "MAX_ATTEMPTS = 3",
        "MAX_ATTEMPTS = 99",
        ("tests/faults/test_poison.py",),
    ),
    Mutation(
        "An account is not written when nothing is to be told of it",
        "app/kulanz/processing/unit_of_work.py",
        "[self._log.signed(entry) for entry in entries]",
        "[self._log.signed(entry) for entry in entries if self._log._effects]",
        ("tests/faults/test_state_machine.py", "-k", "sqlite"),
    ),
    Mutation(
        "A deadlock counts as a fault of the events it met",
        "app/kulanz/store/database.py",
        "        if (reason := _passing(error.orig)) is None:",
        "        if reason := _passing(error.orig):",
        ("tests/faults/test_deadlocks.py",),
    ),
    Mutation(
        "A dead worker's claim holds until the clock has caught up with it",
        "app/kulanz/store/inbox/claims.py",
        "abs(now - row.claimed_at) >= patience",
        "row.claimed_at <= now - patience",
        ("tests/faults/test_clock_steps.py", "-k", "in_hand"),
    ),
    Mutation(
        "What was to be done waits until the clock has caught up with it",
        "workers/kulanz_workers/scheduler.py",
        "            outbox.bring_forward(tx, real_now())\n",
        "",
        ("tests/faults/test_clock_steps.py", "-k", "comes_back"),
    ),
    Mutation(
        "A lease of the future holds until the clock has caught up with it",
        "workers/kulanz_workers/scheduler.py",
        "            outbox.free(tx, real_now() + MAX_LEASE)\n",
        "",
        ("tests/faults/test_clock_steps.py", "-k", "in_hand"),
    ),
    Mutation(
        "Leases are ended of those who live",
        "app/kulanz/store/outbox.py",
        '_PENDING, effects.c.lease_until > bindparam("until", type_=Instant)).values(lease_until=None)',
        "_PENDING).values(lease_until=None)",
        ("tests/store/test_outbox.py",),
    ),
    Mutation(
        "A prepared query is asked with values that the driver makes what it likes of",
        "app/kulanz/store/prepared.py",
        "        for name, converter in self.into.items():\n            given[name] = converter(given[name])\n",
        "",
        (PREPARED,),
    ),
    Mutation(
        "A prepared query answers with what the driver has made of it",
        "app/kulanz/store/prepared.py",
        "return [form.read(row) for row in matches] if form.out else matches",
        "return matches",
        (PREPARED,),
    ),
    Mutation(
        "A prepared query leaves out the converter of a column",
        "app/kulanz/store/prepared.py",
        "for place, converter in out if converter is not None),",
        "for place, converter in out if converter is not None)[1:],",
        (PREPARED,),
    ),
    Mutation(
        "A statement that was prepared for one database is given to the other",
        "app/kulanz/store/prepared.py",
        "self._forms.get(conn.dialect.name) or",
        "next(iter(self._forms.values()), None) or",
        ("tests/store/test_timers.py",),
    ),
)
