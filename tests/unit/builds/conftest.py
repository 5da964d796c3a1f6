"""A real home for each test."""

from collections.abc import Iterator

import pytest

from goldsmith.builds.home import Home, open_home
from goldsmith.settings import Settings


@pytest.fixture
def opened(home: Settings) -> Iterator[Home]:
    opened = open_home(home)
    yield opened
    opened.engine.dispose()
