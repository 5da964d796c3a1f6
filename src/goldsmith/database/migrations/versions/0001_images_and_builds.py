"""Images and builds."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "images",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("family", sa.Text()),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Text()),
        sa.Column("recipe_name", sa.Text()),
        sa.Column("recipe_version", sa.Text()),
        sa.Column("architecture", sa.Text(), nullable=False),
        sa.Column("boot_modes", sa.Text(), nullable=False),
        sa.Column("format", sa.Text()),
        sa.Column("path", sa.Text()),
        sa.Column("size", sa.BigInteger()),
        sa.Column("virtual_size", sa.BigInteger()),
        sa.Column("digest", sa.Text()),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("description", sa.JSON(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_images"),
        sa.ForeignKeyConstraint(["parent_id"], ["images.id"], name="fk_images_parent_id"),
    )
    op.create_index("ix_images_name", "images", ["name"])
    op.create_index("ix_images_family", "images", ["family"])
    op.create_table(
        "builds",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("recipe_name", sa.Text(), nullable=False),
        sa.Column("recipe_version", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("base_image_id", sa.Text()),
        sa.Column("image_id", sa.Text()),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime()),
        sa.Column("error_code", sa.Text()),
        sa.Column("error_message", sa.Text()),
        sa.Column("steps", sa.JSON(), nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_builds"),
        sa.ForeignKeyConstraint(["base_image_id"], ["images.id"], name="fk_builds_base_image_id"),
        sa.ForeignKeyConstraint(["image_id"], ["images.id"], name="fk_builds_image_id"),
    )
    op.create_index("ix_builds_base_image_id", "builds", ["base_image_id"])
    op.create_index("ix_builds_image_id", "builds", ["image_id"])
