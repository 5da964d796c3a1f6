"""Secrets are kept in one encrypted file, and no process loses what another one sets."""

import base64
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from goldsmith import clock
from goldsmith.accounts.secret_key import KEY_VARIABLE
from goldsmith.accounts.secrets import LARGEST, Listed, Store, check_value
from goldsmith.errors import Conflict, Invalid, NotFound

KEY = base64.b64encode(bytes(range(220, 252))).decode()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    return tmp_path / "home"


@pytest.fixture
def store(home: Path) -> Store:
    return Store(home)


def test_what_is_set_is_got_back_whole(store: Store, home: Path) -> None:
    value = "line one\nßecret two  \n"

    assert store.set("KEY", value) == 1

    secret = Store(home).get("KEY")
    assert (secret.name, secret.value, secret.version) == ("KEY", value, 1)
    assert "ßecret" not in repr(secret)


def test_each_new_value_has_a_new_version_also_after_a_deletion(store: Store) -> None:
    first = store.set("TOKEN", "value one")
    second = store.set("TOKEN", "value one")
    store.delete("TOKEN")
    third = store.set("TOKEN", "value two")

    assert (first, second, third) == (1, 2, 3)
    assert store.get("TOKEN").value == "value two"


def test_a_list_says_all_but_the_values(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    at = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: at)
    for name in ("TOKEN", "GONE", "KEY", "TOKEN"):
        store.set(name, "hunter2")
    store.delete("GONE")

    assert store.list_() == [Listed("KEY", 1, at), Listed("TOKEN", 2, at)]


def test_a_fresh_home_has_no_secrets_and_a_look_makes_no_key(store: Store, home: Path) -> None:
    assert store.list_() == []
    assert not home.exists()


def test_names_and_values_stand_in_no_file_and_only_the_owner_reads_them(store: Store, home: Path) -> None:
    store.set("TOKEN", "hunter2-hunter2")

    files = {path.name: path for path in home.iterdir() if path.stat().st_size}
    assert set(files) == {"secrets", "secrets.key"}
    assert {path.stat().st_mode & 0o777 for path in files.values()} == {0o600}
    content = b"".join(path.read_bytes() for path in files.values())
    assert b"TOKEN" not in content
    assert b"hunter2" not in content


def test_an_unknown_secret_is_told_with_what_is_near(store: Store) -> None:
    store.set("TOKEN", "hunter2")
    store.set("GONE", "hunter2")
    store.delete("GONE")

    for work in (store.get, store.delete):
        with pytest.raises(NotFound) as caught:
            work("TOKNE")
        assert caught.value.message == 'there is no secret "TOKNE" (did you mean TOKEN?)'
        assert caught.value.hint == (
            "`goldsmith secret list` shows which there are, `goldsmith secret set NAME` adds one"
        )
    with pytest.raises(NotFound, match=r'^there is no secret "GONE"$'):
        store.get("GONE")


@pytest.mark.parametrize("name", ["", "1ST", "A-B", "A=B", "Ä", "A" * 129, "A\n"])
def test_a_name_that_is_no_variable_is_refused(store: Store, name: str) -> None:
    with pytest.raises(
        Invalid, match=r'cannot be called ".*": 1 to 128 letters, digits or _, no digit first'
    ):
        store.set(name, "hunter2")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "the secret A is empty"),
        (" \n", "the secret A is empty"),
        ("a\nb c", "the secret A is too short: 4 characters besides white space are the least"),
        ("ß" * (LARGEST // 2 + 1), "the secret A has 65538 bytes, and 65536 are the most"),
        ("abc\0def", "the secret A has a NUL character, which no environment variable can hold"),
        (os.fsdecode(b"abc\xffdef"), "the secret A is no UTF-8 text"),
    ],
)
def test_a_value_that_cannot_be_a_secret_is_refused(store: Store, value: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        store.set("A", value)

    assert caught.value.message == message
    assert caught.value.hint
    assert store.list_() == []


def test_the_largest_and_the_shortest_value_are_values() -> None:
    check_value("A", "x" * LARGEST)
    check_value("A", "1234")


def test_a_key_of_the_environment_goes_before_the_file(
    store: Store, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    store.set("TOKEN", "hunter2")

    assert store.get("TOKEN").value == "hunter2"
    assert not (home / "secrets.key").exists()
    monkeypatch.setenv(KEY_VARIABLE, KEY.translate(str.maketrans("+/", "-_")) + "\n")
    assert store.get("TOKEN").value == "hunter2"


@pytest.mark.parametrize("given", ["hunter2", "ß", KEY[:-4], KEY.replace("=", "")])
def test_what_is_no_key_is_told(store: Store, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv(KEY_VARIABLE, given)

    with pytest.raises(Invalid) as caught:
        store.set("TOKEN", "hunter2")

    assert str(caught.value) == ("GOLDSMITH_SECRETS_KEY: this is no key: a key is 32 random bytes in base64")
    assert caught.value.hint == "make one with `openssl rand -base64 32`"


def test_another_key_is_told_from_a_damaged_file(
    store: Store, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.set("TOKEN", "hunter2")
    monkeypatch.setenv(KEY_VARIABLE, KEY)

    for work in (store.list_, lambda: store.set("OTHER", "hunter2"), lambda: store.delete("TOKEN")):
        with pytest.raises(Conflict) as caught:
            work()
        assert (caught.value.code, caught.value.message) == (
            "secrets-key-wrong",
            f"the secrets in {home}/secrets were encrypted with another key than that of {KEY_VARIABLE}",
        )
        assert caught.value.hint == (
            f"bring back the key they were set with, in {home}/secrets.key or in {KEY_VARIABLE}"
        )
    monkeypatch.delenv(KEY_VARIABLE)
    assert store.get("TOKEN").value == "hunter2"


def test_a_damaged_file_is_told_and_left_as_it_is(store: Store, home: Path) -> None:
    store.set("TOKEN", "hunter2")
    whole = (home / "secrets").read_bytes()

    for damaged in (b"", whole[:30], whole[:-20], whole.replace(b"gAAAA", b"gAAAB"), b"x" + whole, b"\xff"):
        (home / "secrets").write_bytes(damaged)
        with pytest.raises(Conflict) as caught:
            store.set("OTHER", "hunter2")
        assert caught.value.message == f"the file of the secrets is damaged: {home}/secrets"
        assert (home / "secrets").read_bytes() == damaged


def test_a_key_that_is_gone_or_damaged_is_told_and_not_made_anew(store: Store, home: Path) -> None:
    store.set("TOKEN", "hunter2")
    key = home / "secrets.key"

    key.unlink()
    with pytest.raises(Conflict, match=rf"^the key of the secrets is gone: {key}$"):
        store.set("OTHER", "hunter2")
    assert not key.exists()

    key.write_text("half")
    with pytest.raises(Conflict, match=rf"^the key of the secrets is damaged: {key}$"):
        store.get("TOKEN")


def test_what_a_killed_process_left_is_in_nobodys_way(store: Store, home: Path) -> None:
    home.mkdir()
    for name in (".secrets.new", ".secrets.key.new"):
        (home / name).write_text("half")

    store.set("TOKEN", "hunter2")

    assert store.get("TOKEN").value == "hunter2"
    assert {path.name for path in home.iterdir()} == {"secrets", "secrets.key", ".secrets.lock"}


def test_processes_that_set_secrets_at_once_lose_none(store: Store, home: Path) -> None:
    """Also the first of all, which makes the key."""
    program = (
        "import sys; from pathlib import Path; from goldsmith.accounts.secrets import Store; "
        "store = Store(Path(sys.argv[1])); sys.stdin.read(); versions = []\n"
        "for n in range(9): store.set(sys.argv[2] + str(n), 'value'); versions += [store.set('C', 'value')]\n"
        "print(versions)"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(home), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "src")},
        )
        for name in "AB"
    ]
    for process in running:  # all of them are there before the first one begins
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    told = [json.loads(process.communicate()[0]) for process in running]

    assert sorted(told[0] + told[1]) == list(range(1, 19))
    assert len(store.list_()) == 19
