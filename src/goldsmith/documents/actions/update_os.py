"""UpdateOS brings the guest's packages up to date (AWSTOE, reference §15)."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Annotated

from msgspec import Meta

from ...errors import StepFailed
from .registry import Call, Done, Inputs, action

Package = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9+._:@-]*$", description="a package's name")]

_FIND = 'for name in "$@"; do command -v "$name" >/dev/null && echo "$name" && exit; done; true'

_APT = (
    "apt-get",
    "-q",
    "-y",
    "-o",
    "Dpkg::Options::=--force-confdef",  # a configuration file that somebody changed stays as it is
    "-o",
    "Dpkg::Options::=--force-confold",
    "-o",
    "DPkg::Lock::Timeout=300",
)

#: zypper's ways of saying that all went well and something wants a restart.
_ZYPPER_DONE = (0, 102, 103)


class Updates(Inputs, frozen=True):
    """Without `include` all installed packages are meant; `exclude` is taken away from either."""

    include: tuple[Package, ...] = ()
    exclude: tuple[Package, ...] = ()


@action("UpdateOS", inputs=Updates)
def update_os(updates: Updates, call: Call) -> Done:
    """Update by the first package manager found of apt-get, dnf, yum, zypper and apk.

    AWSTOE knows apt-get and yum. Of the others only apk has been tried.
    Raises StepFailed: no package manager, an included package that is not known (edge 13), or the
    manager failed.
    """
    include = tuple(name for name in updates.include if name not in updates.exclude)
    if updates.include and not include:
        call.log.info("every included package is excluded: nothing to update")
        return Done()
    manager = call.do(["sh", "-c", _FIND, "sh", *_MANAGERS]).decode().strip()
    if not manager:
        raise StepFailed(f"the guest has none of {', '.join(_MANAGERS)}")
    _MANAGERS[manager](call, include, updates.exclude)
    return Done()


def _apt(call: Call, include: tuple[str, ...], exclude: tuple[str, ...]) -> None:
    # Without Error-Mode apt-get calls it a success when no list could be fetched.
    _run(call, "apt-get", "-q", "-o", "APT::Update::Error-Mode=any", "update")
    # --with-new-pkgs: a new kernel is a new package.
    work = ["--only-upgrade", "install", *include] if include else ["--with-new-pkgs", "upgrade"]
    held = _hold(call, exclude)
    with call.tidying(["apt-mark", "unhold", *held]) if held else nullcontext():
        _run(call, *_APT, *work)


def _hold(call: Call, exclude: tuple[str, ...]) -> list[str]:
    """Hold the excluded packages that are installed; returns those that were not held before."""
    if not exclude:
        return []
    listed = call.do(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\\n"]).decode()
    installed = {line.split()[0] for line in listed.splitlines() if line.endswith(" installed")}
    for name in exclude:
        if name not in installed:
            call.log.warning(f"{name} is not installed: its exclusion has no effect")
    before = call.do(["apt-mark", "showhold"]).decode().split()
    names = [name for name in exclude if name in installed and name not in before]
    if names:
        call.do(["apt-mark", "hold", *names])
    return names


def _dnf(call: Call, include: tuple[str, ...], exclude: tuple[str, ...]) -> None:
    _rpm(call, "dnf", "upgrade", include, exclude)


def _yum(call: Call, include: tuple[str, ...], exclude: tuple[str, ...]) -> None:
    _rpm(call, "yum", "update", include, exclude)


def _rpm(call: Call, manager: str, verb: str, include: tuple[str, ...], exclude: tuple[str, ...]) -> None:
    if include:
        # Both managers pass over a name that they do not know.
        call.do(["rpm", "-q", "--", *include])
    _run(call, manager, "-y", *(f"--exclude={name}" for name in exclude), verb, *include)


def _zypper(call: Call, include: tuple[str, ...], exclude: tuple[str, ...]) -> None:
    _refuse_exclude("zypper", exclude)
    _run(call, "zypper", "--non-interactive", "refresh")
    _run(call, "zypper", "--non-interactive", "update", *include, done=_ZYPPER_DONE)


def _apk(call: Call, include: tuple[str, ...], exclude: tuple[str, ...]) -> None:
    _refuse_exclude("apk", exclude)
    _run(call, "apk", "update")
    _run(call, "apk", "upgrade", *include)


def _refuse_exclude(manager: str, exclude: tuple[str, ...]) -> None:
    if exclude:
        raise StepFailed(
            f"{manager} cannot leave out {', '.join(exclude)}", hint="name the wanted packages with include"
        )


def _run(call: Call, *argv: str, done: tuple[int, ...] = (0,)) -> None:
    result = call.run(argv)
    if result.status not in done:
        raise StepFailed(f"{argv[0]} ended with exit code {result.status}", exit_code=result.status)


_MANAGERS: dict[str, Callable[[Call, tuple[str, ...], tuple[str, ...]], None]] = {
    "apt-get": _apt,
    "dnf": _dnf,
    "yum": _yum,
    "zypper": _zypper,
    "apk": _apk,
}
