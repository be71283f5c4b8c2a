"""A section of the params."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A frozen part of the params in which an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
