"""`goldsmith image …`: one module a command."""
