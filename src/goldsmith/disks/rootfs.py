"""Debian's root file system of a base, finished inside its own chroot, as a stream."""

import io
import shlex
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from . import bootstrap, debian
from .debian import Recipe

#: Answers for grub-mkconfig, which asks grub-probe about the disk under the root file system: that
#: disk is still to be made, and what it is going to be is known.
_GRUB_PROBE = """\
#!/bin/sh
case " $* " in
  *=device\\ *) echo /dev/vda3 ;;
  *=fs_uuid\\ *) echo {root_uuid} ;;
  *=fs\\ * | *-t\\ fs\\ *) echo ext2 ;;
  *=partmap\\ *) echo gpt ;;
  *=abstraction\\ * | *-t\\ abstraction\\ * | *=cryptodisk_uuid\\ * | *_hint\\ * | *=hints_string\\ *) ;;
  *) exit 1 ;;
esac
"""

_LOAD_CFG = """\
search.fs_uuid {root_uuid} root
set prefix=($root)'/boot/grub'
"""

#: $1 is the root; units to enable and root's UUID are filled in.
_FINISH = r"""
set -eu
unset INITRD
cat "$1"/var/lib/apt/lists/*_InRelease | sha256sum | cut -d' ' -f1 > "$1/.release"
chroot "$1" systemctl enable --quiet {units}
ln -sf ../run/systemd/resolve/stub-resolv.conf "$1/etc/resolv.conf"
rm -f "$1"/etc/.resolv.conf.* "$1"/etc/ssh/ssh_host_*
for modules in "$1"/lib/modules/*; do
  version=${{modules##*/}}
  chroot "$1" update-initramfs -c -k "$version"
  chroot "$1" linux-update-symlinks install "$version" "/boot/vmlinuz-$version"
done

for platform in i386-pc x86_64-efi; do
  mkdir -p "$1/boot/grub/$platform"
  cp "$1/usr/lib/grub/$platform"/*.mod "$1/usr/lib/grub/$platform"/*.lst "$1/boot/grub/$platform/"
done
cp "$1/usr/lib/grub/i386-pc/boot.img" "$1/boot/grub/i386-pc/"
mv "$1/load.cfg" "$1/boot/grub/i386-pc/"
chroot "$1" grub-mkimage -O i386-pc -p /boot/grub -c /boot/grub/i386-pc/load.cfg \
  -o /boot/grub/i386-pc/core.img biosdisk part_gpt ext2 search_fs_uuid

mkdir -p "$1/dev/disk/by-uuid" "$1/boot/efi"
: > "$1/dev/disk/by-uuid/{root_uuid}"
mv "$1/usr/sbin/grub-probe" "$1/grub-probe.own"
mv "$1/grub-probe" "$1/usr/sbin/grub-probe"
chroot "$1" update-grub
mv "$1/grub-probe.own" "$1/usr/sbin/grub-probe"
rm -r "$1/dev/disk"
touch "$1/etc/grub.d/enable_cloud"
"""


@contextmanager
def base_tar(recipe: Recipe, root_uuid: str, esp_serial: str, folder: Path) -> Iterator[IO[bytes]]:
    """Yield the tar of a base's root file system: installed, configured, with initrd and grub.cfg.

    At its root lies `.release`, the digest of the signed indexes that it was made from. It is made in
    `folder`. Raises what bootstrap.root_tar raises.
    """
    laid = debian.files(recipe, root_uuid, esp_serial) | {
        "load.cfg": (0o644, _LOAD_CFG.format(root_uuid=root_uuid)),
        "grub-probe": (0o755, _GRUB_PROBE.format(root_uuid=root_uuid)),
    }
    ours = folder / "files.tar"
    _write_tar(ours, laid)
    finish = _FINISH.format(root_uuid=root_uuid, units=" ".join(recipe.units))
    options = [
        "--variant=minbase",
        f"--customize-hook=tar-in {shlex.quote(str(ours))} /",
        f"--customize-hook={finish}",
    ]
    # The kernel's own hook leaves the initrd alone then: once, at the end, is enough.
    with bootstrap.root_tar(recipe.suite, recipe.packages, options, folder, {"INITRD": "No"}) as stream:
        yield stream
    ours.unlink()


def _write_tar(path: Path, files: dict[str, tuple[int, str]]) -> None:
    with tarfile.open(path, "w") as archive:
        for name, (mode, text) in files.items():
            content = text.encode()
            member = tarfile.TarInfo(name)
            member.mode, member.size = mode, len(content)
            archive.addfile(member, io.BytesIO(content))
