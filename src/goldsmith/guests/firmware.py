"""UEFI firmware of the host: code and an empty variable store that fit each other."""

from dataclasses import dataclass
from pathlib import Path

from ..errors import HostLack

#: Code and variables as Debian, Ubuntu, Fedora, Arch and openSUSE name them, without Secure Boot.
PAIRS = (
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    ("/usr/share/qemu/ovmf-x86_64-code.bin", "/usr/share/qemu/ovmf-x86_64-vars.bin"),
)


@dataclass(frozen=True)
class Firmware:
    code: Path
    variables: Path


def find(pairs: tuple[tuple[str, str], ...] = PAIRS) -> Firmware:
    """The first pair of which both halves are there and together fill a flash of 2 or 4 MiB.

    Raises HostLack, naming the paths tried: a 4 MiB code with 2 MiB variables seems to work and
    loses what the guest stores.
    """
    for code, variables in pairs:
        pair = Firmware(Path(code), Path(variables))
        if not (pair.code.is_file() and pair.variables.is_file()):
            continue
        if pair.code.stat().st_size + pair.variables.stat().st_size in (2 << 20, 4 << 20):
            return pair
    tried = ", ".join(f"{code} with {variables}" for code, variables in pairs)
    raise HostLack(
        f"no UEFI firmware whose code and variables fit each other; tried {tried}",
        hint="sudo apt-get install ovmf",
        code="firmware-missing",
    )
