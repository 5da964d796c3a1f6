"""Random names, in one place so that tests can hold them still."""

import secrets


def new_id() -> str:
    """17 hexadecimal digits: as long as AWS's ids, so that `ami-` and `m-` can be set before it."""
    return secrets.token_hex(9)[:17]
