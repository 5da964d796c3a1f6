"""The commands that tell of builds, on builds that are nothing but records and a log."""

import json
from collections.abc import Callable, Iterator

import pytest
from typer.testing import CliRunner, Result

from goldsmith.builds import build_log
from goldsmith.builds.home import Home, open_home
from goldsmith.catalog import builds, images
from goldsmith.catalog.builds import Build
from goldsmith.catalog.description import StepRecord
from goldsmith.catalog.images import NewImage
from goldsmith.cli.app import app
from goldsmith.database.engine import transaction
from goldsmith.errors import StepFailed
from goldsmith.guests.runs import run_folder
from goldsmith.log import Log
from goldsmith.settings import Settings

NEW = NewImage(name="web", version="1.0.0", origin="build", architecture="x86_64", boot_modes=())
STEPS = (
    StepRecord("nginx", "build", "Install", "ExecuteBash", "succeeded", 41.25, 0, reused=True),
    StepRecord("nginx", "build", "Start", "ExecuteBash", "succeeded", 0.5, 0, repeated=True),
    StepRecord("nginx", "build", "Page", "CreateFile", "failed", 0.25, message="there is no such owner"),
)


def goldsmith(*words: str) -> Result:
    return CliRunner().invoke(app, words)


@pytest.fixture
def opened(home: Settings) -> Iterator[Home]:
    opened = open_home(home)
    yield opened
    opened.engine.dispose()


@pytest.fixture
def made(opened: Home, pass_time: Callable[[float], None], monkeypatch: pytest.MonkeyPatch) -> list[Build]:
    """Of a day ago, available; of half an hour ago, failed after three steps."""
    with transaction(opened.engine) as tx:
        ids = ["00aa0000000000001", "11aa0000000000001", "11ab0000000000002"]
        monkeypatch.setattr("goldsmith.ids.new_id", lambda: ids.pop(0))
        image = images.create_image(tx, NEW)
        first = builds.create_build(tx, "web", "1.0.0", None, "gone")
        builds.set_image(tx, first.id, image.id)
        pass_time(90)
        first = builds.end_build(tx, first.id, "available")
        pass_time(86_400)
        second = builds.create_build(tx, "web", "1.0.1", None, "gone")
        builds.record_steps(tx, second.id, STEPS)
        pass_time(42)
        second = builds.end_build(tx, second.id, "failed", StepFailed("nginx, Page: there is no such owner"))
    pass_time(1800)
    log = Log()
    with build_log.listening(opened, second.id, log), log.task("build"):
        log.info("it begins")
        log.output("stdout", "hello \x1b[31mred\x1b[0m")
    return [first, second]


@pytest.mark.usefixtures("home")
def test_a_fresh_home_has_no_builds() -> None:
    assert goldsmith("builds", "list").output == (
        "there are no builds yet: `goldsmith build RECIPE` makes one\n"
    )
    assert goldsmith("builds", "show", "last").output == (
        "error: there are no builds yet\nhint: `goldsmith build RECIPE` makes one\n"
    )


@pytest.mark.usefixtures("made")
def test_builds_are_listed_newest_first() -> None:
    assert goldsmith("builds", "list").output.splitlines() == [
        "ID                 RECIPE     STATE      IMAGE              TIME        AGE",
        "11ab0000000000002  web/1.0.1  failed     -                  42.0 s      30 min",
        "11aa0000000000001  web/1.0.0  available  00aa0000000000001  1 min 30 s  1 day",
    ]


@pytest.mark.usefixtures("made")
def test_a_list_for_machines_has_every_field() -> None:
    told = json.loads(goldsmith("builds", "list", "--json").output)["builds"]

    assert [(each["id"], each["status"]) for each in told] == [
        ("11ab0000000000002", "failed"),
        ("11aa0000000000001", "available"),
    ]
    assert told[0]["error"] == {"code": "step-failed", "message": "nginx, Page: there is no such owner"}
    assert told[0]["steps"][0]["reused"] is True


def test_all_of_a_build_is_shown(made: list[Build], home: Settings) -> None:
    assert goldsmith("builds", "show", "11ab").output.splitlines() == [
        "id       11ab0000000000002",
        "recipe   web/1.0.1",
        "state    failed",
        "error    nginx, Page: there is no such owner",
        "started  2026-01-02 12:01:30 +0000",
        "time     42.0 s",
        f"log      {home.logs}/11ab0000000000002.jsonl",
        "",
        "STEPS                    ACTION       OUTCOME              TIME",
        "nginx / build / Install  ExecuteBash  succeeded, reused    41.2 s  exit code 0",
        "nginx / build / Start    ExecuteBash  succeeded, repeated  0.5 s   exit code 0",
        "nginx / build / Page     CreateFile   failed               0.2 s   there is no such owner",
    ]


def test_the_last_build_is_the_newest(made: list[Build], home: Settings) -> None:
    told = json.loads(goldsmith("builds", "show", "last", "--json").output)["build"]

    assert (told["id"], told["log"]) == (made[1].id, f"{home.logs}/{made[1].id}.jsonl")


def test_a_build_that_runs_shows_how_long_it_has(opened: Home, pass_time: Callable[[float], None]) -> None:
    with run_folder(opened.settings) as folder:
        with transaction(opened.engine) as tx:
            builds.create_build(tx, "web", "1.0.2", None, folder.name)
        pass_time(30)

        shown = goldsmith("builds", "show", "last").output

    assert "state    queued\n" in shown
    assert "time     30.0 s\n" in shown


@pytest.mark.usefixtures("made")
def test_a_build_that_nobody_knows_is_told() -> None:
    for words in (["show", "22"], ["logs", "22"]):
        done = goldsmith("builds", *words)

        assert done.exit_code == 1
        assert done.output == 'error: unknown build "22"\nhint: `goldsmith builds list` shows all builds\n'


@pytest.mark.usefixtures("made")
def test_a_beginning_of_several_builds_is_told() -> None:
    done = goldsmith("builds", "show", "11a")

    assert done.exit_code == 1
    assert done.output == (
        'error: several builds begin with "11a"\n'
        "hint: write more of the id: `goldsmith builds list` shows all\n"
    )


@pytest.mark.usefixtures("made")
def test_the_log_of_a_build_is_printed_as_it_was_told() -> None:
    assert goldsmith("builds", "logs", "last").output.splitlines() == [
        "12:32:12  build",
        "12:32:12  it begins",
        "12:32:12    | hello red",
        "12:32:12  build: 0.0 s",
    ]


def test_a_log_for_machines_is_the_events(made: list[Build], opened: Home) -> None:
    told = goldsmith("builds", "logs", "last", "--json").output.splitlines()

    written = build_log.path_of(opened, made[1].id).read_text().splitlines()
    assert [json.loads(line) for line in told] == [json.loads(line) for line in written]


def test_a_line_that_was_cut_off_by_a_kill_is_left_out(made: list[Build], opened: Home) -> None:
    with build_log.path_of(opened, made[1].id).open("ab") as log:
        log.write(b'{"event":"output","te')

    assert len(goldsmith("builds", "logs", "last").output.splitlines()) == 4


def test_a_log_that_is_gone_is_told(made: list[Build], home: Settings) -> None:
    done = goldsmith("builds", "logs", made[0].id)

    assert done.exit_code == 1
    assert done.output == (
        f"error: build {made[0].id} has no log: there is no {home.logs}/{made[0].id}.jsonl\n"
    )
