"""A disk that lies in several files, one above the other, told to QEMU without trusting headers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Node = dict[str, Any]


@dataclass(frozen=True)
class Chain:
    """`files` from the bottom to the top. All are qcow2, but the bottom may be raw.

    Every node names its driver and what lies below it, so QEMU neither guesses a format nor opens a
    file that a header names.
    """

    files: tuple[Path, ...]
    bottom_format: Literal["qcow2", "raw"] = "qcow2"

    def __post_init__(self) -> None:
        if not self.files:
            raise ValueError("a chain has at least one file")

    def over(self, top: Path) -> Chain:
        """This chain with one more file on top, an overlay of overlay.create."""
        return Chain((*self.files, top), self.bottom_format)

    def blockdevs(self, name: str, *, throw_away: bool = False) -> list[Node]:
        """The nodes as arguments of `-blockdev` or `blockdev-add`, bottom first; the top is called `name`.

        All but the top are read-only. `throw_away`: flushes of the top are not carried out, for a
        disk that is thrown away when anything crashes. `name` has at most 26 characters (QEMU's
        limit is 31 a node).
        """
        nodes: list[Node] = []
        for depth, path in enumerate(self.files[:-1]):
            below = nodes[-1]["node-name"] if nodes else None
            nodes.append({"node-name": f"{name}-{depth}"} | self._read_only(depth, path, below))
        shared: Node = {"discard": "unmap"}
        if throw_away:
            shared["cache"] = {"no-flush": True}
        top = self._node(len(nodes), nodes[-1]["node-name"] if nodes else None)
        file = {"driver": "file", "filename": str(self.files[-1].absolute()), **shared}
        return [*nodes, {"node-name": name, **top, **shared, "file": file}]

    def filename(self) -> str:
        """The whole chain as one `json:` file name for qemu-img, to be read only."""
        node: Node | None = None
        for depth, path in enumerate(self.files):
            node = self._read_only(depth, path, node)
        return "json:" + json.dumps(node)

    def _read_only(self, depth: int, path: Path, below: str | Node | None) -> Node:
        file = {"driver": "file", "filename": str(path.absolute()), "read-only": True}
        return {**self._node(depth, below), "read-only": True, "file": file}

    def _node(self, depth: int, below: str | Node | None) -> Node:
        if depth == 0 and self.bottom_format == "raw":
            return {"driver": "raw"}
        # Said even where it is nothing: left out, QEMU would take it from the header.
        return {"driver": "qcow2", "backing": below}
