"""Running machines that steps act on: QEMU, the agent in it, its network, its kernel."""
