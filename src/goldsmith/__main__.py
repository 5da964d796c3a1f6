"""`python -m goldsmith`."""

from .cli.app import main

main()
