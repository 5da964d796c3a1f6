from goldsmith.disks import debian


def recipe(name: str) -> debian.Recipe:
    found = debian.recipe(name)
    assert found is not None
    return found


def test_a_base_is_found_by_its_name() -> None:
    assert recipe("debian-12").suite == "bookworm"
    assert recipe("debian-13-minimal").suite == "trixie"
    assert debian.recipe("debian-12-maximal") is None
    assert debian.recipe("ubuntu-24.04") is None


def test_a_minimal_base_keeps_sudo_and_leaves_the_rest_out() -> None:
    minimal = recipe("debian-12-minimal").packages

    assert "sudo" in minimal
    assert not {"cloud-init", "openssh-server", "python3", "curl"} & set(minimal)


def test_debian_11_has_its_resolver_within_systemd() -> None:
    assert "systemd-resolved" not in recipe("debian-11").packages
    assert "systemd-resolved" in recipe("debian-12").packages
    assert "systemd-resolved.service" in recipe("debian-11").units


def test_what_is_laid_into_a_base_names_no_machine() -> None:
    laid = debian.files(recipe("debian-12"), "5f913b0c-f681-4ad4-b284-05ecd6944617", "ABCD-0123")

    assert laid["etc/fstab"] == (
        0o644,
        "UUID=5f913b0c-f681-4ad4-b284-05ecd6944617 / ext4 errors=remount-ro 0 1\n"
        "UUID=ABCD-0123 /boot/efi vfat umask=0077 0 0\n",
    )
    assert laid["etc/hostname"] == (0o644, "localhost\n")
    assert "MACAddress" not in laid["etc/systemd/network/80-dhcp.network"][1]


def test_only_a_base_with_sshd_makes_host_keys() -> None:
    assert "etc/systemd/system/ssh-host-keys.service" in debian.files(recipe("debian-12"), "u", "s")
    assert "etc/systemd/system/ssh-host-keys.service" not in debian.files(
        recipe("debian-12-minimal"), "u", "s"
    )
