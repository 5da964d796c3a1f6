"""A build that fails, is looked into, mended, and built again: real guests, as a person types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from goldsmith.builds.home import Home
from goldsmith.catalog.images import Image
from tests.recipes import bash, document, recipe

pytestmark = pytest.mark.slow

TOKEN = "hunter-two-and-a-half"


@dataclass(frozen=True)
class Said:
    """What a command printed with --json, and how it ended."""

    status: int
    events: list[dict[str, Any]]
    text: str

    @property
    def result(self) -> dict[str, Any]:
        return self.events[-1]

    @property
    def output(self) -> list[str]:
        return [event["text"] for event in self.events if event.get("event") == "output"]

    @property
    def messages(self) -> list[str]:
        return [event["text"] for event in self.events if event.get("event") == "message"]

    @property
    def steps(self) -> dict[str, str]:
        """What the log notes of each step."""
        ended = [event for event in self.events if event.get("event") == "ended"]
        return {event["fields"]["step"]: event["note"] for event in ended if event["name"] == "step"}


class Person:
    """Somebody with a home, a recipe and its document."""

    def __init__(self, home: Home, base: Image, folder: Path) -> None:
        self._home = home
        self._folder = folder
        self._base = base
        self.recipe = folder / "recipe.yml"

    def write(self, last: str) -> None:
        """A document whose third step is `last`; the first leaves what a restart takes, the second tells
        a secret.
        """
        build = [
            bash("Prepare", "echo prepared > /srv/one", "date +%s > /srv/date"),
            bash("Sign", 'echo "with $TOKEN" | fold -w 7 >&2', "echo signed > /srv/two"),
            bash("Last", last),
        ]
        check = [bash("Check", "cat /srv/one /srv/two /srv/three")]
        made = document(self._folder, "work", {"build": build, "test": check})
        recipe(self._folder, self._base.id, [made], name="rebuilt", secrets={"TOKEN": "env:TEST_TOKEN"})

    def types(self, *words: str, stdin: str = "") -> Said:
        done = subprocess.run(
            self._command(*words),
            input=stdin,
            capture_output=True,
            text=True,
            env=self._environment,
            check=False,
        )
        events = [json.loads(line) for line in done.stdout.splitlines()]
        return Said(done.returncode, events, done.stdout + done.stderr)

    def starts(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self._command(*words), stdout=subprocess.PIPE, text=True, env=self._environment
        )

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "GOLDSMITH_HOME": str(self._home.settings.home), "TEST_TOKEN": TOKEN}

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "goldsmith", *words, "--json"]


@dataclass(frozen=True)
class Story:
    failed: Said
    kept: Said
    explained: Said
    mended: Said
    clock: tuple[int, int]
    again: Said
    at_first: Said
    logs: str


@pytest.fixture(scope="module")
def story(shared_home: Home, debian: Image, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """All of it in one go: guests are slow to boot."""
    person = Person(shared_home, debian, tmp_path_factory.mktemp("rebuild"))
    build = str(person.recipe)
    person.write("echo half > /srv/three; exit 7")
    failed = person.types("build", build, "--keep-on-failure")
    kept = person.types(
        "shell", "last", stdin="cat /srv/one /srv/two /srv/three; hostname > /srv/three; exit 5"
    )
    person.write("date +%s; echo three > /srv/three")
    explained = person.types("build", build, "--explain")
    mended = person.types("build", build)
    clock = int(time.time())
    again = person.types("build", build)
    at_first = person.types("shell", "last", "--at", "work.Prepare", stdin="ls /srv")
    logs = "".join(path.read_text() for path in shared_home.settings.logs.iterdir())
    return Story(failed, kept, explained, mended, (int(mended.output[0]), clock), again, at_first, logs)


def test_the_failed_step_is_told_and_its_disk_was_kept(story: Story) -> None:
    assert story.failed.status == 1
    error = story.failed.result["error"]
    assert error["message"] == "component work, phase build, step Last: ended with exit code 7"
    assert any("goldsmith shell" in note for note in error["notes"])


def test_the_kept_disk_shows_what_the_failed_step_left_and_the_scripts_exit_code_counts(story: Story) -> None:
    assert story.kept.output == ["prepared", "signed", "half"]
    assert (story.kept.status, story.kept.result["exit_code"]) == (1, 5)


def test_the_explanation_says_what_the_mended_recipe_will_run(story: Story) -> None:
    steps = story.explained.result["explanation"]["steps"]

    assert [(each["step"], each["what"], each["why"]) for each in steps] == [
        ("Prepare", "reused", "nothing changed"),
        ("Sign", "reused", "nothing changed"),
        ("Last", "runs", "it never ran before on this machine"),
    ]


def test_the_mended_build_goes_on_at_the_changed_step(story: Story) -> None:
    assert story.mended.status == 0, story.mended.text
    assert [name for name, note in story.mended.steps.items() if "reused" in note] == ["Prepare", "Sign"]
    assert story.mended.output[-3:] == ["prepared", "signed", "three"], "what the test in the image sees"


def test_the_clock_is_right_in_a_machine_that_goes_on_from_a_layer(story: Story) -> None:
    """Case C37. Between the step and the look at the host's clock lie sealing and the image's test."""
    in_guest, after = story.clock
    started = min(event["at"] for event in story.mended.events if "at" in event)

    assert time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(in_guest + 5)) >= started[:19]
    assert in_guest <= after + 5


def test_an_unchanged_build_gives_back_the_image_and_says_so(story: Story) -> None:
    assert story.again.status == 0
    assert story.again.result["made"] is False
    assert story.again.result["image"]["id"] == story.mended.result["image"]["id"]
    assert not any(event.get("name") == "boot" for event in story.again.events)
    assert any("nothing changed since image" in message for message in story.again.messages)


def test_a_shell_opens_at_what_an_earlier_step_left(story: Story) -> None:
    assert story.at_first.output == ["date", "one"]
    assert "at what work / build / Prepare left" in story.at_first.messages


def test_the_secret_is_nowhere_in_what_was_told(story: Story) -> None:
    """Nor in the logs; the step wrapped it after every seventh character."""
    told = [story.failed.text, story.mended.text, story.logs]

    for text in told:
        assert TOKEN not in text
        assert TOKEN not in text.replace("\\n", "")
    lines = "".join(story.failed.output)
    assert "hunter" not in lines
    assert "***" in lines


def test_after_a_kill_the_next_build_goes_on_from_what_was_sealed(
    shared_home: Home, debian: Image, tmp_path: Path
) -> None:
    person = Person(shared_home, debian, tmp_path)
    person.write("echo waiting; sleep 600")
    with person.starts("build", str(person.recipe), "--no-cache") as build:
        assert build.stdout is not None
        assert any('"| waiting"' in line or '"waiting"' in line for line in build.stdout)
        build.send_signal(signal.SIGKILL)
        build.communicate()
    person.write("exit 0")

    explained = person.types("build", str(person.recipe), "--explain")

    what = [each["what"] for each in explained.result["explanation"]["steps"]]
    assert what == ["reused", "reused", "runs"]
