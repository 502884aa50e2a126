"""Alembic environment: runs inside the transaction that `kulanz.store.migrate` hands over."""

from alembic import context

from kulanz.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
