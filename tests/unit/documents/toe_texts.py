"""Small AWSTOE documents, and what their check tells."""

from goldsmith.documents import toe


def document(steps: str, head: str = "") -> str:
    """A document whose one phase `build` has these steps, each line indented as it comes."""
    body = "\n".join("      " + line for line in steps.splitlines())
    return f"schemaVersion: 1.0\n{head}phases:\n  - name: build\n    steps:\n{body}\n"


def bash(name: str = "Hello", command: str = "echo hello", more: str = "") -> str:
    return f"- name: {name}\n  action: ExecuteBash\n{more}  inputs:\n    commands: [{command!r}]\n"


def complaints(text: str) -> list[str]:
    return [
        f"{each.where}: {each.severity}: {each.message}" + (f" [{each.hint}]" if each.hint else "")
        for each in toe.check(text, "nginx.yml")
    ]
