"""What a step can do: one module an action. Importing the package registers them all."""

from . import create_file, create_folder, execute_bash, reboot, update_os
from .registry import ACTIONS, Action, Call, Done

__all__ = [
    "ACTIONS",
    "Action",
    "Call",
    "Done",
    "create_file",
    "create_folder",
    "execute_bash",
    "reboot",
    "update_os",
]
