"""`goldsmith secret …`: one module a command."""
