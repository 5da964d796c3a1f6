"""What an image is made of and which tests it passed, so that the same is not done twice."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("images", sa.Column("content_key", sa.Text(), nullable=False, server_default=""))
    op.add_column("images", sa.Column("test_key", sa.Text(), nullable=False, server_default=""))
    op.create_index("ix_images_content_key", "images", ["content_key"])
