"""`goldsmith builds …`: one module a command."""
