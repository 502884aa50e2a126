"""What is broken of signatures, of secrets that are changed, and of what has to be forgotten."""

from __future__ import annotations

from tests.faults.mutations.shape import Mutation

SECRECY = (
    Mutation(
        "A secret is compared by an operator",
        "app/kulanz/providers/signing.py",
        "hmac.compare_digest(_hex_hmac(secret, body), text)",
        "_hex_hmac(secret, body) == text",
        ("tests/test_secrecy.py",),
    ),
    Mutation(
        "The secret that verified a delivery is not noted",
        "app/kulanz/ingest/receiver.py",
        "        self._secret_usage.note(endpoint, secret)\n",
        "",
        ("tests/test_secret_usage.py",),
    ),
    Mutation(
        "A letter that is under way survives its account",
        "app/kulanz/processing/dispatcher.py",
        "        if row.account and not _report_to_policy(services, tx, row, effect, report):\n",
        "        if row.account and not _report_to_policy(services, tx, row, effect, report) and not row.kind:\n",
        ("tests/test_forgetting.py", "-k", "under_way"),
    ),
    Mutation(
        "The file for an agency survives its account",
        "app/kulanz/privacy/erasure.py",
        'return files.name_of(effect.subject, effect.type) if effect.kind == "DropFile" else effect.id',
        "return effect.id",
        ("tests/end_to_end/test_dunning_at.py", "-k", "on_paper and sqlite"),
    ),
    Mutation(
        "The database is never vacuumed after an erasure",
        "workers/kulanz_workers/scheduler.py",
        "        self.vacuum_loop.tick()\n",
        "",
        ("tests/test_forgetting.py", "-k", "forget_what"),
    ),
    Mutation(
        "The last character of a signature is not looked at",
        "app/kulanz/providers/signing.py",
        "if hmac.compare_digest(_hex_hmac(secret, body), text) and",
        "if hmac.compare_digest(_hex_hmac(secret, body)[:63], text[:63]) and",
        ("tests/test_secrecy.py",),
    ),
    Mutation(
        "A webhook secret is taken away that is still in use",
        "app/kulanz/ingest/secret_usage.py",
        "    if use.in_use(now):\n        return f",
        "    if not use.in_use(now):\n        return f",
        ("tests/cli/test_webhook_secrets.py",),
    ),
    Mutation(
        "A webhook secret is taken away before a newer one has proved itself",
        "app/kulanz/ingest/secret_usage.py",
        "    if since is None or (use.last_used is not None and since < use.last_used):",
        "    if since is None and use.last_used is None:",
        ("tests/cli/test_webhook_secrets.py",),
    ),
    Mutation(
        "That another secret was used a moment later is not noted",
        "app/kulanz/ingest/secret_usage.py",
        "return noted is None or",
        "return not self._noted or noted is not None and",
        ("tests/test_secret_usage.py",),
    ),
)
