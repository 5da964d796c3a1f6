"""Run by Alembic: brings the connection that `open_database` hands over to the newest schema."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    # SQLite takes back DDL like anything else, though Alembic does not count on it by itself.
    transactional_ddl=True,
)
context.run_migrations()
