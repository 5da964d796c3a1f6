"""Which kernel an image boots, told from what its boot loader's files say."""

from __future__ import annotations

import pytest

from goldsmith.guests import boot_entry
from goldsmith.guests.boot_entry import BootEntry

GRUB = """
set default="{default}"
if [ "${{next_entry}}" ] ; then
   set default="${{next_entry}}"
fi
function savedefault {{
  save_env saved_entry
}}
# menuentry 'put aside' {{
menuentry 'Debian GNU/Linux' --class debian $menuentry_id_option 'gnulinux-simple' {{
	if [ x$feature = xy ]; then insmod gzio; fi
	linux	/boot/vmlinuz-6.1.0-10 root=UUID=1 ro quiet net.ifnames=0
	initrd	/boot/initrd.img-6.1.0-10
}}
submenu 'Advanced options' $menuentry_id_option 'gnulinux-advanced' {{
	menuentry 'Debian, with 6.1.0-10' --id 'ten' {{
		linux	/boot/vmlinuz-6.1.0-10 root=UUID=1 ro
		initrd	/boot/initrd.img-6.1.0-10
	}}
	menuentry 'Debian, with 6.1.0-9' --id 'nine' {{
		linux	/boot/vmlinuz-6.1.0-9 root=UUID=1 ro
		initrd	/boot/ucode.img /boot/initrd.img-6.1.0-9
	}}
}}
menuentry 'UEFI Firmware Settings' --id 'uefi-firmware' {{
	fwsetup
}}
menuentry "A \\"rescue\\" system" {{
	linux	($root)/vmlinuz-rescue root=UUID=2
}}
"""


@pytest.mark.parametrize(
    ("default", "kernel", "initrd"),
    [
        ("0", "/boot/vmlinuz-6.1.0-10", "/boot/initrd.img-6.1.0-10"),
        ("1", "/boot/vmlinuz-6.1.0-10", "/boot/initrd.img-6.1.0-10"),  # the submenu's first
        ("1>1", "/boot/vmlinuz-6.1.0-9", "/boot/initrd.img-6.1.0-9"),
        ("gnulinux-advanced>nine", "/boot/vmlinuz-6.1.0-9", "/boot/initrd.img-6.1.0-9"),
        ("Advanced options>Debian, with 6.1.0-9", "/boot/vmlinuz-6.1.0-9", "/boot/initrd.img-6.1.0-9"),
        ("3", "/vmlinuz-rescue", ""),  # top-level entries count, not those of submenus
        ('A "rescue" system', "/boot/vmlinuz-6.1.0-10", "/boot/initrd.img-6.1.0-10"),  # not simple
        ("2", "/boot/vmlinuz-6.1.0-10", "/boot/initrd.img-6.1.0-10"),  # boots no kernel
        ("9", "/boot/vmlinuz-6.1.0-10", "/boot/initrd.img-6.1.0-10"),
        ("${saved_entry}", "/boot/vmlinuz-6.1.0-10", "/boot/initrd.img-6.1.0-10"),
    ],
)
def test_grubs_default_is_found_by_number_id_and_title(default: str, kernel: str, initrd: str) -> None:
    found = boot_entry.of_grub(GRUB.format(default=default))
    assert found is not None
    assert (found.kernel, found.initrd) == (kernel, initrd)


def test_a_grub_without_entries_has_no_default() -> None:
    assert boot_entry.of_grub("") is None
    assert boot_entry.of_grub('set default="0"\nblscfg\n') is None
    assert boot_entry.of_grub("} }\n}\nmenuentry 'broken {\n") is None


def test_a_grub_of_bare_commands_has_one_entry() -> None:
    assert boot_entry.of_grub("linux /vmlinuz root=/dev/vda1\ninitrd /initrd.img\nboot\n") == BootEntry(
        "/vmlinuz", "/initrd.img", "root=/dev/vda1"
    )


def test_what_makes_the_system_what_it_is_stays_among_the_options() -> None:
    options = (
        "BOOT_IMAGE=/x root=UUID=1 ro rootflags=subvol=@ quiet console=tty0 net.ifnames=0 $extra rootwait"
    )
    assert BootEntry("/vmlinuz", "", options).kept_options == "net.ifnames=0 rootwait"


def test_the_newest_loader_entry_is_taken() -> None:
    found = boot_entry.of_loader_entries(
        {
            "/boot/loader/entries/id-6.1.9.conf": "title old\nlinux /vmlinuz-6.1.9\ninitrd /i-6.1.9\n",
            "/boot/loader/entries/id-6.1.10.conf": (
                "title\tnew\nlinux\t/vmlinuz-6.1.10\ninitrd  /i-6.1.10 $tuned\noptions root=UUID=1 ro quiet\n"
            ),
            "/boot/loader/entries/id-0-rescue.conf": "linux /vmlinuz-0-rescue\n",
            "/efi/loader/entries/windows.conf": "efi /windows.efi\n",
        }
    )
    assert found == BootEntry("/vmlinuz-6.1.10", "/i-6.1.10", "root=UUID=1 ro quiet")
    assert boot_entry.of_loader_entries({}) is None


@pytest.mark.parametrize(
    ("names", "kernel", "initrd"),
    [
        (
            "vmlinuz-6.1-9 vmlinuz-6.1-10 initrd.img-6.1-9 initrd.img-6.1-10",
            "vmlinuz-6.1-10",
            "initrd.img-6.1-10",
        ),
        ("vmlinuz vmlinuz.old vmlinuz-6.1 initrd.img initrd.img-6.1", "vmlinuz-6.1", "initrd.img-6.1"),
        ("vmlinuz-6.1 vmlinuz-6.2.old vmlinuz-6.2.bak vmlinuz-6.2.dpkg-new", "vmlinuz-6.1", ""),
        ("vmlinuz-0-rescue-4711 vmlinuz-5.14 initramfs-5.14.img", "vmlinuz-5.14", "initramfs-5.14.img"),
        ("vmlinuz-lts initramfs-lts config-lts", "vmlinuz-lts", "initramfs-lts"),
        ("vmlinuz-virt initramfs-virt", "vmlinuz-virt", "initramfs-virt"),
        ("vmlinuz-linux initramfs-linux.img", "vmlinuz-linux", "initramfs-linux.img"),
        ("vmlinux-6.4-std.gz vmlinuz-6.4-std initrd-6.4-std", "vmlinuz-6.4-std", "initrd-6.4-std"),
        ("vmlinuz vmlinuz.old initrd.img initrd.img.old", "vmlinuz", "initrd.img"),
    ],
)
def test_the_newest_kernel_of_a_boot_folder_is_taken_with_its_initrd(
    names: str, kernel: str, initrd: str
) -> None:
    found = boot_entry.of_files([f"/boot/{name}" for name in names.split()])
    assert found == BootEntry(f"/boot/{kernel}", f"/boot/{initrd}" if initrd else "")


def test_a_boot_folder_without_a_kernel_has_none() -> None:
    assert boot_entry.of_files(["/boot/grub", "/boot/config-6.1", "/boot/vmlinuz.old"]) is None


def test_versions_are_in_order() -> None:
    names = ["6.1~rc1", "6.1", "6.1.0-9", "6.1.0-9-cloud", "6.1.0-10", "6.1.2", "6.10"]
    assert sorted(sorted(names), key=boot_entry.version_key) == names


def test_a_loader_entry_without_its_machine_id_is_any_machines() -> None:
    made = (
        "title      Debian\n"
        "version    6.1.0-10\n"
        "machine-id 5ff1\n"
        "sort-key   debian\n"
        "options    root=UUID=1 systemd.machine_id=5ff1 quiet systemd.machine_id=5ff1\n"
        "linux      /5ff1/6.1.0-10/linux\n"
    )

    assert boot_entry.without_machine_id(made) == (
        "title      Debian\n"
        "version    6.1.0-10\n"
        "sort-key   debian\n"
        "options    root=UUID=1 quiet\n"
        "linux      /5ff1/6.1.0-10/linux\n"
    )
