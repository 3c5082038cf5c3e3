"""What replies are made of: fields that are bounded where a model writes and lenient where we read.

Makes pydantic fields; reads and writes nothing. A bound goes into the JSON schema, so that guided
decoding keeps to it; a reply that oversteps it is judged by the stage, not thrown away.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


class ReplyModel(BaseModel):
    """A reply's shape; fields it does not have are errors."""

    model_config = ConfigDict(extra="forbid")


def at_most(characters: int) -> Any:
    """A bound of a string, in its annotation."""
    return Field(json_schema_extra={"maxLength": characters})


def up_to(number: int) -> Any:
    """A bound of a whole number that begins at 0."""
    return Field(json_schema_extra={"minimum": 0, "maximum": number})


def items(least: int, most: int) -> Any:
    """Bounds of a list."""
    return Field(json_schema_extra={"minItems": least, "maxItems": most})


Reason = Annotated[str, at_most(400)]
