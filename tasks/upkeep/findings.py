"""What `thawline doctor` finds."""

from pydantic import BaseModel, ConfigDict


class Finding(BaseModel):
    """One thing looked at; `remedy` says what to do where it is not `ok`."""

    model_config = ConfigDict(frozen=True)

    what: str
    ok: bool
    found: str
    remedy: str = ""
