"""Passwords in addresses are refused in params and hidden wherever an address is shown."""

from typing import Any

import pytest

from thawline.errors import ParamsError
from thawline.params.file import parse_params
from thawline.system.addresses import masked

SHOWN = {
    "postgresql://user:secret@host:5432/name": "postgresql://user:***@host:5432/name",
    "postgresql+asyncpg://user:se:cret@host/name": "postgresql+asyncpg://user:***@host/name",
    "http://user:secret@host": "http://user:***@host",
    "can't reach redis://:secret@host, sorry": "can't reach redis://:***@host, sorry",
    "postgresql://user@host/name": "postgresql://user@host/name",
    "http://host:5000/a@b": "http://host:5000/a@b",
    "sqlite:////srv/x.db": "sqlite:////srv/x.db",
}


@pytest.mark.parametrize("address", SHOWN)
def test_only_the_password_of_an_address_is_hidden(address: str) -> None:
    assert masked(address) == SHOWN[address]


REFUSED: list[dict[str, Any]] = [
    {"tracking": {"mlflow_uri": "postgresql://user:secret@host/mlflow"}},
    {"tracking": {"artifacts": "s3://key:secret@bucket/x"}},
    {"search": {"storage": "postgresql://user:secret@host/trials"}},
]


@pytest.mark.parametrize("params", REFUSED, ids=str)
def test_params_with_a_password_are_refused_without_repeating_it(params: dict[str, Any]) -> None:
    with pytest.raises(ParamsError, match=r"holds a password; leave it out.*PGPASSWORD") as error:
        parse_params({"name": "x", **params})
    assert "secret" not in str(error.value)
