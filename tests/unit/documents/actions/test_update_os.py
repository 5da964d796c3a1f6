from pathlib import Path

import pytest

from goldsmith.documents.actions import Call
from goldsmith.documents.actions.update_os import Updates, update_os
from goldsmith.errors import StepFailed
from tests.unit.steps.local_guest import LocalGuest

APT = (
    "apt-get -q -y -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "
    "-o DPkg::Lock::Timeout=300"
)
APT_UPDATE = "apt-get -q -o APT::Update::Error-Mode=any update"


@pytest.fixture
def calls(guest: LocalGuest, tmp_path: Path) -> Path:
    """A guest with sh alone; programs of the test's write how they were called."""
    guest.program("sh", 'exec /bin/sh "$@"')
    guest.path = str(guest.bin)
    path = tmp_path / "calls"
    path.write_text("")
    return path


def manager(guest: LocalGuest, calls: Path, name: str, script: str = "") -> None:
    guest.program(
        name,
        f"""printf '%s' {name} >> {calls}
printf ' %s' "$@" >> {calls}
echo >> {calls}
{script}""",
    )


@pytest.fixture
def apt(guest: LocalGuest, calls: Path) -> None:
    manager(guest, calls, "apt-get")
    manager(guest, calls, "apt-mark", 'if [ "$1" = showhold ]; then echo openssl; fi')
    manager(
        guest,
        calls,
        "dpkg-query",
        "printf 'bash installed\\nopenssl installed\\nvim config-files\\nlibc6 installed\\n'",
    )


def lines(calls: Path) -> list[str]:
    return [line for line in calls.read_text().splitlines() if not line.startswith("dpkg-query")]


@pytest.mark.usefixtures("apt")
def test_apt_updates_everything(call: Call, calls: Path) -> None:
    update_os(Updates(), call)

    assert lines(calls) == [APT_UPDATE, f"{APT} --with-new-pkgs upgrade"]


@pytest.mark.usefixtures("apt")
def test_apt_updates_what_is_included(call: Call, calls: Path) -> None:
    update_os(Updates(include=("bash", "libc6")), call)

    assert lines(calls) == [APT_UPDATE, f"{APT} --only-upgrade install bash libc6"]


@pytest.mark.usefixtures("apt")
def test_excluded_packages_are_held_for_the_while(call: Call, calls: Path, said: list[str]) -> None:
    """Edge 13: a name that is not installed has no effect. One that was held before stays so."""
    update_os(Updates(exclude=("bash", "openssl", "vim", "nosuch")), call)

    assert lines(calls) == [
        APT_UPDATE,
        "apt-mark showhold",
        "apt-mark hold bash",
        f"{APT} --with-new-pkgs upgrade",
        "apt-mark unhold bash",
    ]
    assert said == [
        "warning: vim is not installed: its exclusion has no effect",
        "warning: nosuch is not installed: its exclusion has no effect",
    ]


@pytest.mark.usefixtures("apt")
def test_exclude_is_taken_away_from_include(call: Call, calls: Path, said: list[str]) -> None:
    update_os(Updates(include=("bash", "libc6"), exclude=("bash",)), call)
    update_os(Updates(include=("bash",), exclude=("bash",)), call)

    assert lines(calls)[3:] == [f"{APT} --only-upgrade install libc6", "apt-mark unhold bash"]
    assert said == ["info: every included package is excluded: nothing to update"]


def test_a_failed_update_lets_go_what_it_held(call: Call, calls: Path, guest: LocalGuest, apt: None) -> None:
    manager(guest, calls, "apt-get", 'case "$*" in *upgrade*) echo "E: broken" >&2; exit 100;; esac')

    with pytest.raises(StepFailed, match=r"^apt-get ended with exit code 100$") as failed:
        update_os(Updates(exclude=("bash",)), call)

    assert failed.value.exit_code == 100
    assert lines(calls)[-1] == "apt-mark unhold bash"


def test_a_list_that_cannot_be_fetched_fails(call: Call, calls: Path, guest: LocalGuest) -> None:
    manager(guest, calls, "apt-get", "exit 100")

    with pytest.raises(StepFailed, match=r"^apt-get ended with exit code 100$"):
        update_os(Updates(), call)

    assert lines(calls) == [APT_UPDATE]


@pytest.mark.parametrize(
    ("name", "ways"),
    [
        ("dnf", ["rpm -q -- bash", "dnf -y --exclude=vim upgrade bash"]),
        ("yum", ["rpm -q -- bash", "yum -y --exclude=vim update bash"]),
    ],
)
def test_rpm_systems_check_the_names_first(
    call: Call, calls: Path, guest: LocalGuest, name: str, ways: list[str]
) -> None:
    manager(guest, calls, name)
    manager(guest, calls, "rpm")

    update_os(Updates(include=("bash",), exclude=("vim",)), call)

    assert lines(calls) == ways


def test_a_package_that_rpm_does_not_know_fails(call: Call, calls: Path, guest: LocalGuest) -> None:
    """Edge 13."""
    manager(guest, calls, "dnf")
    guest.program("rpm", 'echo "package nosuch is not installed" >&2; exit 1')

    with pytest.raises(StepFailed, match=r"^package nosuch is not installed$"):
        update_os(Updates(include=("nosuch",)), call)


def test_zypper_says_with_103_that_all_went_well(call: Call, calls: Path, guest: LocalGuest) -> None:
    manager(guest, calls, "zypper", 'case "$*" in *update*) exit 103;; esac')

    update_os(Updates(include=("bash",)), call)

    assert lines(calls) == ["zypper --non-interactive refresh", "zypper --non-interactive update bash"]


def test_apk_updates(call: Call, calls: Path, guest: LocalGuest) -> None:
    manager(guest, calls, "apk")

    update_os(Updates(), call)

    assert lines(calls) == ["apk update", "apk upgrade"]


@pytest.mark.parametrize("name", ["apk", "zypper"])
def test_exclusion_is_refused_where_it_cannot_be_had(
    call: Call, calls: Path, guest: LocalGuest, name: str
) -> None:
    manager(guest, calls, name)

    with pytest.raises(StepFailed) as failed:
        update_os(Updates(exclude=("bash", "vim")), call)

    assert failed.value.message == f"{name} cannot leave out bash, vim"
    assert failed.value.hint == "name the wanted packages with include"


@pytest.mark.usefixtures("calls")
def test_a_guest_without_package_manager_is_an_error(call: Call) -> None:
    with pytest.raises(StepFailed, match=r"^the guest has none of apt-get, dnf, yum, zypper, apk$"):
        update_os(Updates(), call)
