"""What is broken between an event and its effects: claims, leases, the database, clocks that step."""

from __future__ import annotations

from tests.faults.breaks.shape import Break

ERRANDS, FAILPOINTS = "tests/test_errands.py", "tests/faults/test_failpoints.py"
PREPARED = "tests/store/test_prepared.py"
WORKING = (
    Break(
        "That an attempt begins is not written before it does",
        "app/kulanz/processing/dispatcher.py",
        "        return outbox.begin(tx, row, real_now())",
        "        return True",
        (FAILPOINTS, "-k", "sqlite and exit"),
    ),
    Break(
        "An effect that kills its worker is tried for ever",
        "app/kulanz/processing/dispatcher.py",
        "MOST_CRASHES = 3",
        "MOST_CRASHES = 99",
        (ERRANDS,),
    ),
    Break(
        "An outcome that the database does not take is forgotten",
        "app/kulanz/processing/dispatcher.py",
        "RECORDED_WITHIN, RECORDED_AGAIN = 20.0, 0.5",
        "RECORDED_WITHIN, RECORDED_AGAIN = -1.0, 0.5",
        (ERRANDS,),
    ),
    Break(
        "The lease of a dead worker holds for ever",
        "app/kulanz/store/outbox.py",
        'or_(effects.c.lease_until.is_(None), effects.c.lease_until <= bindparam("now", type_=Instant)),',
        "effects.c.lease_until.is_(None),",
        (ERRANDS,),
    ),
    Break(
        "An event that kills whoever looks at it is never parked",
        "app/kulanz/store/inbox/claims.py",
        "MAX_ATTEMPTS = 3",
        "MAX_ATTEMPTS = 99",
        ("tests/faults/test_poison.py",),
    ),
    Break(
        "An account is not written when nothing is to be told of it",
        "app/kulanz/processing/unit_of_work.py",
        "[self._log.signed(entry) for entry in entries]",
        "[self._log.signed(entry) for entry in entries if self._log._effects]",
        ("tests/faults/test_state_machine.py", "-k", "sqlite"),
    ),
    Break(
        "A deadlock counts as a fault of the events it met",
        "app/kulanz/store/database.py",
        "        if (reason := _passing(error.orig)) is None:",
        "        if reason := _passing(error.orig):",
        ("tests/faults/test_deadlocks.py",),
    ),
    Break(
        "A dead worker's claim holds until the clock has caught up with it",
        "app/kulanz/store/inbox/claims.py",
        "abs(now - row.claimed_at) >= patience",
        "row.claimed_at <= now - patience",
        ("tests/faults/test_clock_steps.py", "-k", "in_hand"),
    ),
    Break(
        "What was to be done waits until the clock has caught up with it",
        "workers/kulanz_workers/scheduler.py",
        "            outbox.bring_forward(tx, real_now())\n",
        "",
        ("tests/faults/test_clock_steps.py", "-k", "comes_back"),
    ),
    Break(
        "A lease of the future holds until the clock has caught up with it",
        "workers/kulanz_workers/scheduler.py",
        "            outbox.free(tx, real_now() + LONGEST_LEASE)\n",
        "",
        ("tests/faults/test_clock_steps.py", "-k", "in_hand"),
    ),
    Break(
        "Leases are ended of those who live",
        "app/kulanz/store/outbox.py",
        '_PENDING, effects.c.lease_until > bindparam("until", type_=Instant)).values(lease_until=None)',
        "_PENDING).values(lease_until=None)",
        ("tests/store/test_outbox.py",),
    ),
    Break(
        "A prepared query is asked with values that the driver makes what it likes of",
        "app/kulanz/store/prepared.py",
        "        for name, converter in self.into.items():\n            given[name] = converter(given[name])\n",
        "",
        (PREPARED,),
    ),
    Break(
        "A prepared query answers with what the driver has made of it",
        "app/kulanz/store/prepared.py",
        "return [form.read(row) for row in found] if form.out else found",
        "return found",
        (PREPARED,),
    ),
    Break(
        "A prepared query leaves out the converter of a column",
        "app/kulanz/store/prepared.py",
        "for place, converter in out if converter is not None),",
        "for place, converter in out if converter is not None)[1:],",
        (PREPARED,),
    ),
    Break(
        "A statement that was prepared for one database is given to the other",
        "app/kulanz/store/prepared.py",
        "self._forms.get(conn.dialect.name) or",
        "next(iter(self._forms.values()), None) or",
        ("tests/store/test_timers.py",),
    ),
)
