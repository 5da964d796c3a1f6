"""What the bases are made of: Debian's suites, their packages, and the few files that we lay in them."""

from dataclasses import dataclass

SUITES = {"debian-11": "bullseye", "debian-12": "bookworm", "debian-13": "trixie"}

#: A machine that boots by either firmware, finds a network, and lets sudo work: the minimal bases.
MINIMAL = (
    "systemd-sysv",
    "udev",
    "dbus",
    "linux-image-cloud-amd64",
    "zstd",  # update-initramfs falls back to gzip without it, slower to make and to boot
    "grub-cloud-amd64",
    "iproute2",
    "netbase",
    "sudo",
)

#: What Debian's own cloud images bring beside that, as far as people count on it.
FULL = (
    "ca-certificates",
    "cloud-guest-utils",
    "cloud-init",
    "curl",
    "dosfstools",
    "fdisk",  # growpart works through sfdisk
    "libpam-systemd",
    "openssh-server",
    "procps",
    "python3",
)


@dataclass(frozen=True)
class Recipe:
    """`name` is what people write (`debian-12-minimal`), `suite` what mmdebstrap takes."""

    name: str
    suite: str
    packages: tuple[str, ...]
    units: tuple[str, ...]


def recipe(name: str) -> Recipe | None:
    """The recipe of a base, None for a name that is none."""
    release = name.removesuffix("-minimal")
    if release not in SUITES:
        return None
    packages = MINIMAL if name != release else (*MINIMAL, *FULL)
    # In Debian 11 the resolver is a part of systemd itself; since then it has a package of its own.
    resolver = () if release == "debian-11" else ("systemd-resolved",)
    units = ["systemd-networkd.service", "systemd-resolved.service", "serial-getty@ttyS0.service"]
    if "openssh-server" in packages:
        units.append("ssh-host-keys.service")
    return Recipe(name, SUITES[release], (*packages, *resolver), tuple(units))


#: No MAC address and no interface number: a copy of the image has others. It gives way to what
#: cloud-init writes (10-cloud-init-*).
NETWORK = """\
[Match]
Name=en* eth*

[Network]
DHCP=yes
"""

#: cloud-init makes host keys when it finds a datasource; a machine without one makes them here.
#: RSA is left to cloud-init: it takes long where nothing accelerates the machine.
SSH_HOST_KEYS = """\
[Unit]
Description=Make this machine's SSH host keys
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key
After=cloud-init.service
Before=ssh.service

[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/ssh_host_ed25519_key
ExecStart=/usr/bin/ssh-keygen -q -t ecdsa -N "" -f /etc/ssh/ssh_host_ecdsa_key

[Install]
WantedBy=ssh.service
"""

GRUB = """\
GRUB_TIMEOUT=1
GRUB_TERMINAL="console serial"
GRUB_SERIAL_COMMAND="serial --speed=115200"
GRUB_CMDLINE_LINUX="console=tty0 console=ttyS0,115200"
"""

#: grub.cfg names kernels by version. Where one was replaced and update-grub could not run, the
#: default entry finds no file any more and GRUB goes on to this one: the third, behind the default
#: and the submenu of 10_linux. By number, since GRUB 2.06 takes no names there.
GRUB_FALLBACK = """\
#!/bin/sh
set -e
. "$pkgdatadir/grub-mkconfig_lib"
echo "menuentry 'Debian, the kernel that /vmlinuz names' --id newest-kernel {"
prepare_grub_to_access_device "$GRUB_DEVICE"
cat <<EOF
  linux /vmlinuz root=UUID=$GRUB_DEVICE_UUID ro $GRUB_CMDLINE_LINUX
  initrd /initrd.img
}
EOF
if [ "$GRUB_DISABLE_SUBMENU" != y ] && [ "$GRUB_DISABLE_SUBMENU" != true ]; then
  echo "set fallback=2"
fi
"""

HOSTS = """\
127.0.0.1	localhost
::1		localhost ip6-localhost ip6-loopback
ff02::1		ip6-allnodes
ff02::2		ip6-allrouters
"""


def files(recipe: Recipe, root_uuid: str, esp_serial: str) -> dict[str, tuple[int, str]]:
    """Path to mode and content of what a base holds beyond its packages, all of it root's.

    `root_uuid` and `esp_serial` (as `ABCD-0123`) are those that its file systems are going to have.
    """
    mounts = (
        f"UUID={root_uuid} / ext4 errors=remount-ro 0 1\nUUID={esp_serial} /boot/efi vfat umask=0077 0 0\n"
    )
    laid = {
        "etc/fstab": (0o644, mounts),
        "etc/default/grub.d/50-serial-console.cfg": (0o644, GRUB),
        "etc/default/locale": (0o644, "LANG=C.UTF-8\n"),
        "etc/grub.d/11_newest_kernel": (0o755, GRUB_FALLBACK),
        # systemd takes `localhost` for no name at all, so the network may give one.
        "etc/hostname": (0o644, "localhost\n"),
        "etc/hosts": (0o644, HOSTS),
        "etc/systemd/network/80-dhcp.network": (0o644, NETWORK),
    }
    if "ssh-host-keys.service" in recipe.units:
        laid["etc/systemd/system/ssh-host-keys.service"] = (0o644, SSH_HOST_KEYS)
    return laid
