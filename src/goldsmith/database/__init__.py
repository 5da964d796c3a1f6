"""The database: its engine and transactions, and the migrations that bring its file up to date."""
