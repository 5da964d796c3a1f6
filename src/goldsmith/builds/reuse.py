"""What an earlier build made of the same, and need not be made again: an image's file, its tests' result."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from ..catalog import images
from ..catalog.images import Image
from ..database.engine import reading
from ..disks import formats, integrity
from ..documents.plan import PlannedStep
from ..documents.references import substitute
from ..documents.source import Mapping, Node, Scalar, Sequence
from ..guests import agent_files, boot_entry, inspection
from ..steps import keys
from . import arming, cleanup, grounds
from .home import Home
from .job import Job


def content_key(job: Job, digest: str) -> str:
    """Of the image that a disk becomes; empty where the disk has no digest: same top layer, same
    clean-up, same format, same image.
    """
    if not digest:
        return ""
    code = keys.source(cleanup, formats, inspection, boot_entry)
    return _key("image", digest, sorted(job.recipe.keep), grounds.beside(job.home, job.base), code)


def test_key(job: Job, digest: str) -> str:
    """Of the tests of an image's file: what they do, and how the machine boots that they run in."""
    surroundings = job.surroundings("TESTING")
    tests = [
        [
            each.component,
            each.phase,
            each.step.name,
            each.step.on_failure,
            each.step.action,
            text := _text(each),
            [[secret.name, secret.version] for secret in surroundings.secrets_of(text)],
            surroundings.variables_of(text),
            keys.source_of(each.step.action),
        ]
        for each in job.tests.steps
    ]
    recipe = job.recipe
    how = [recipe.test, recipe.boot, recipe.memory, recipe.cpus, keys.source(arming)]
    return _key("test", digest, tests, how, hashlib.sha256(agent_files.program()).hexdigest())


def find_image(home: Home, key: str) -> list[Image]:
    """The images of this content whose file is whole, newest first."""
    if not key:
        return []
    with reading(home.engine) as tx:
        found = images.find_made(tx, key)
    return [image for image in found if _is_whole(home, image)]


def same_image(job: Job, found: list[Image]) -> Image | None:
    """Of what find_image found, the image that is all of what this build would make: name and tests too."""
    recipe = job.recipe
    wanted = (recipe.name, recipe.version, recipe.family, job.base.id, "available")
    for image in found:
        assert image.file is not None
        same = (image.name, image.version, image.family, image.parent_id, image.state) == wanted
        if same and image.test_key == test_key(job, image.file.digest):
            return image
    return None


def _is_whole(home: Home, image: Image) -> bool:
    if image.file is None or not (path := home.file(image)).is_file():
        return False
    return integrity.unchanged(path, image.file.digest)


def _text(planned: PlannedStep) -> str:
    """A step's inputs with what is known of them before it runs."""
    inputs = planned.step.inputs
    node = None if inputs is None else substitute(inputs, planned.values, lambda chained: None)
    return msgspec.json.encode(_plain(node)).decode()


def _plain(node: Node | None) -> Any:
    """A node without its places."""
    match node:
        case Scalar():
            return node.text
        case Sequence():
            return [_plain(item) for item in node.items]
        case Mapping():
            return [[key.text, _plain(value)] for key, value in node.entries]
    return None


def _key(*parts: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()
