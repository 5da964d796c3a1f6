"""`goldsmith gc`: what it shows, what it asks, and when it frees."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from goldsmith import clock, settings
from goldsmith.builds.home import open_home
from goldsmith.catalog import images
from goldsmith.catalog.images import ImageFile, NewImage
from goldsmith.cli.app import app
from goldsmith.database.engine import transaction
from goldsmith.disks.layers import Layer
from goldsmith.settings import Settings
from tests import stores


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("GOLDSMITH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GOLDSMITH_CACHE", str(tmp_path / "cache"))
    return settings.load()


@pytest.fixture
def layer(home: Settings, tmp_path: Path) -> Layer:
    """A layer on a base that is no image any more."""
    layer = stores.sealed(stores.store(home), tmp_path / "1", key="0123456789abcdef")
    (tmp_path / "1").unlink()
    stores.end(home)
    return layer


def goldsmith(*words: str) -> Result:
    return CliRunner().invoke(app, ["gc", *words])


def test_a_clean_home_has_nothing_to_free(home: Settings) -> None:
    assert goldsmith().output == "there is nothing to free\n"
    assert goldsmith("--yes").output == "there is nothing to free\n"


def test_what_could_be_freed_is_shown_and_stays(home: Settings, layer: Layer) -> None:
    done = goldsmith()

    name = layer.digest[7:19]
    assert done.exit_code == 0
    assert done.output.splitlines() == [
        "KIND   SIZE    NAME                                   WHY",
        "key    4 KiB   0123456789ab                           no image has the base that it was made on",
        f"layer  28 KiB  {name}  nginx / build / Install  no image has the base that it was made on",
        "",
        "could be freed: 1 key (4 KiB), 1 layer (28 KiB): 32 KiB in all",
        "nothing was freed: `goldsmith gc --yes` does it without a question",
    ]
    assert len(stores.names(home.layers)) == 3


def test_yes_frees_it(home: Settings, layer: Layer) -> None:
    done = goldsmith("--yes")

    assert done.exit_code == 0
    assert done.output.splitlines()[-1] == "freed 1 key (4 KiB), 1 layer (28 KiB): 32 KiB in all"
    assert stores.names(home.layers) == stores.names(home.keys) == []


def test_machines_get_every_thing_with_its_size_and_reason(home: Settings, layer: Layer) -> None:
    shown, freed = json.loads(goldsmith("--json").output), json.loads(goldsmith("--json", "--yes").output)

    assert (shown["size"], shown["freed"], shown["altered"]) == (32 << 10, 0, [])
    assert shown["garbage"][0] == {
        "kind": "key",
        "name": "0123456789ab",
        "size": 4096,
        "reason": "no image has the base that it was made on",
        "freed": False,
    }
    assert (freed["size"], freed["freed"]) == (32 << 10, 32 << 10)
    assert [each["freed"] for each in freed["garbage"]] == [True, True]


@pytest.mark.parametrize(
    ("answer", "last"),
    [
        ("y\n", "freed 1 key (4 KiB), 1 layer (28 KiB): 32 KiB in all"),
        ("\n", "nothing was freed: `goldsmith gc --yes` does it without a question"),
        ("", "nothing was freed: `goldsmith gc --yes` does it without a question"),
    ],
    ids=["yes", "no", "nothing more to read"],
)
def test_on_a_terminal_it_asks(
    home: Settings,
    layer: Layer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: str,
    last: str,
) -> None:
    stdin = io.StringIO(answer)
    for stream in (stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdin", stdin)

    app(["gc"], standalone_mode=False)

    told = capsys.readouterr().out
    assert "free all of it? [y/N] " in told
    assert told.splitlines()[-1].endswith(last)


def image(home: Settings, digest: str) -> Path:
    """The file of an image with this digest."""
    opened = open_home(home)
    new = NewImage(name="web", version="1.0.0", origin="build", architecture="x86_64", boot_modes=())
    with transaction(opened.engine) as tx:
        made = images.create_image(tx, new, "0123456789abcdef0")
        path = home.images / f"{made.id}.qcow2"
        path.write_bytes(b"disk")
        images.mark_available(tx, made.id, ImageFile(f"images/{path.name}", "qcow2", 4, 4, digest))
    opened.engine.dispose()
    return path


def test_the_age_that_is_given_says_what_is_old(home: Settings, layer: Layer) -> None:
    image(home, stores.BASE)
    then = clock.now().timestamp() - 2 * 3600
    os.utime(home.keys / "0123456789abcdef", (then, then))

    assert goldsmith("--unused", "3h").output == "there is nothing to free\n"
    assert "not used for 2 h" in goldsmith("--unused", "2h").output
    assert goldsmith().output == "there is nothing to free\n"


def test_an_altered_image_is_told_and_fails_the_command(home: Settings) -> None:
    path = image(home, stores.BASE)

    done = goldsmith("--verify")

    assert done.exit_code == 1
    assert done.output.splitlines()[-2:] == [
        f"altered: {path} is not what it was when image web/1.0.0 (0123456789abcdef0) was made",
        "there is nothing to free",
    ]
    told = json.loads(goldsmith("--verify", "--json").output.splitlines()[-1])
    assert told["altered"] == [{"image": "0123456789abcdef0", "path": str(path)}]


def test_an_age_that_is_none_is_bad_usage(home: Settings) -> None:
    done = goldsmith("--unused", "month")

    assert done.exit_code == 2
    assert done.output.endswith(
        'Error: Invalid value for --unused: "month" is not an age: a whole number with s, m, h or d, such as '
        "30m, 24h or 7d\n"
    )
