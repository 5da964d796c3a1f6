from goldsmith.disks.kernels import dependencies, load_order


def test_modules_are_loaded_after_what_they_depend_on() -> None:
    modules = {
        "virtio_net": ("virtio", "net_failover"),
        "net_failover": ("failover",),
        "failover": (),
        "virtio": ("virtio_ring",),
        "virtio_ring": (),
        "unasked": (),
    }

    assert load_order(modules, ("virtio_net", "virtio")) == [
        "virtio_ring",
        "virtio",
        "failover",
        "net_failover",
        "virtio_net",
    ]


def test_a_wanted_module_that_is_built_in_is_left_out() -> None:
    assert load_order({"xfs": ("libcrc32c",), "libcrc32c": ()}, ("ext4", "xfs")) == ["libcrc32c", "xfs"]


def test_dependencies_are_read_from_the_module_itself() -> None:
    module = b"\x7fELF...\0license=GPL\0depends=virtio-ring,virtio\0retpoline=Y\0"

    assert dependencies(module) == ("virtio_ring", "virtio")
    assert dependencies(b"\0depends=\0") == ()
    assert dependencies(b"no module") == ()
