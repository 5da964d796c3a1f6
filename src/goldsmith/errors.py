"""What can go wrong, and whose fault it is.

GoldsmithError
├── UserError         the caller can mend it: exit 1 (a server's 4xx)
│   ├── Invalid       a value breaks a rule; `where` is file:line:column or a parameter's name
│   ├── NotFound      nothing of that name
│   ├── Conflict      it exists already, or is in use
│   └── Denied
├── StepFailed        a document's step ended wrongly
├── GuestFailed       a guest did not boot, panicked, died or fell silent
├── TestFailed        the image was made, and its tests say no
├── HostLack          this host cannot now (disk, memory, tool); passes when mended
└── Bug               ours

Every error has a stable `code` (kebab case, for machines), a message that says what was wrong with
which value, and a `hint` that says the way out.
"""

from collections.abc import Sequence


class GoldsmithError(Exception):
    """The root: nothing else is shown to people without a traceback."""

    code = "error"

    def __init__(self, message: str, *, hint: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code:
            self.code = code


class UserError(GoldsmithError):
    code = "user-error"


class Invalid(UserError):
    """A value breaks a rule. `where` is `file:line:column` (from 1) or the name of a parameter."""

    code = "invalid"

    def __init__(self, message: str, *, where: str = "", hint: str = "", code: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message, hint=hint, code=code)
        self.where = where


class NotFound(UserError):
    code = "not-found"


class Conflict(UserError):
    code = "conflict"


class Denied(UserError):
    code = "denied"


class _OfStep(GoldsmithError):
    """What is told of a step that ended wrongly.

    `exit_code` is None where no program ran; `last_lines` are the end of what was printed.
    """

    def __init__(
        self,
        message: str,
        *,
        component: str = "",
        phase: str = "",
        step: str = "",
        exit_code: int | None = None,
        last_lines: Sequence[str] = (),
        hint: str = "",
        code: str = "",
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.component = component
        self.phase = phase
        self.step = step
        self.exit_code = exit_code
        self.last_lines = tuple(last_lines)


class StepFailed(_OfStep):
    """A step ended wrongly.

    An action raises it with a message and a hint; whoever runs the plan fills in `component`,
    `phase` and `step`.
    """

    code = "step-failed"


class GuestFailed(GoldsmithError):
    """A guest did not boot, panicked, died or fell silent. `last_lines` are the end of its serial log."""

    code = "guest-failed"

    def __init__(
        self, message: str, *, last_lines: Sequence[str] = (), hint: str = "", code: str = ""
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.last_lines = tuple(last_lines)


class TestFailed(_OfStep):
    """The image was made and kept, and its tests say no, or it does not boot.

    The fields are those of StepFailed for a test step that ended wrongly; for an image that does not
    boot there are only `last_lines`, the end of its serial log.
    """

    __test__ = False  # not for pytest to collect
    code = "test-failed"


class HostLack(GoldsmithError):
    code = "host-lack"


class Bug(GoldsmithError):
    code = "bug"
