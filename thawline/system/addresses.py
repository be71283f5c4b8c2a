"""Addresses of databases and servers: without passwords in params, and without them wherever one is shown."""

import re

_PASSWORD = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)(?P<user>[^/@:\s]*):[^/@\s]*@", re.IGNORECASE)
REMEDY = "leave it out: databases take it from PGPASSWORD or ~/.pgpass, servers from their own environment variables"


def masked(address: str) -> str:
    """Return a text with the passwords of the addresses in it replaced by stars."""
    return _PASSWORD.sub(r"\g<scheme>\g<user>:***@", address)


def without_password(address: str | None) -> str | None:
    """Return the address.

    Raises:
        ValueError: It holds a password, which would be in params.yaml, in git and in MLflow.
    """
    if address is not None and masked(address) != address:
        raise ValueError(f"{masked(address)} holds a password; {REMEDY}")
    return address
