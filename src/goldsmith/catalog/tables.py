"""The catalog's tables. Their columns are the fields of Image and Build, in the same order."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, ForeignKey, Table, Text

from ..database.engine import Moment, metadata


def _text(name: str, **options: Any) -> Column[str]:
    return Column(name, Text, nullable=False, **options)


images = Table(
    "images",
    metadata,
    _text("id", primary_key=True),
    _text("name", index=True),
    _text("version"),
    _text("state"),
    Column("family", Text, index=True),
    _text("origin"),
    Column("parent_id", Text, ForeignKey("images.id")),
    Column("recipe_name", Text),
    Column("recipe_version", Text),
    _text("architecture"),
    _text("boot_modes"),
    Column("format", Text),
    Column("path", Text),
    Column("size", BigInteger),
    Column("virtual_size", BigInteger),
    Column("digest", Text),
    Column("created_at", Moment, nullable=False),
    Column("description", JSON, nullable=False),
    _text("message"),
    _text("content_key", index=True),
    _text("test_key"),
)

builds = Table(
    "builds",
    metadata,
    _text("id", primary_key=True),
    _text("recipe_name"),
    _text("recipe_version"),
    _text("status"),
    Column("base_image_id", Text, ForeignKey("images.id"), index=True),
    Column("image_id", Text, ForeignKey("images.id"), index=True),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("steps", JSON, nullable=False),
    _text("worker"),
)
