"""What --explain says, over real layers that a played guest left. Nothing is started."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from goldsmith.builds import grounds
from goldsmith.builds.build import Wishes
from goldsmith.builds.explain import Explanation, explain
from goldsmith.builds.home import Home
from goldsmith.catalog import images
from goldsmith.catalog.images import Image, ImageFile
from goldsmith.database.engine import transaction
from goldsmith.disks import files, overlay
from goldsmith.disks.chain import Chain
from goldsmith.disks.layers import Layers
from goldsmith.documents.recipe import Loaded
from goldsmith.errors import Conflict
from goldsmith.log import Log
from goldsmith.steps.layered import run_layered
from goldsmith.steps.lookup import Ground, Policy
from goldsmith.steps.surroundings import Surroundings
from tests import recipes
from tests.played import SIZE, PlayedSite

from . import made

VARIABLES = {"IMAGE_VERSION": "1.0.0", "IMAGE_BUILD_VERSION": "1", "IMAGE_PIPELINE_ARN": ""}


@pytest.fixture
def base(opened: Home) -> Image:
    path = opened.settings.images / "base.qcow2"
    overlay.create(path, SIZE)
    file = ImageFile("images/base.qcow2", "qcow2", 4096, SIZE, files.digest(path))
    with transaction(opened.engine) as tx:
        new = replace(made.NEW, name="base", origin="base")
        return images.mark_available(tx, images.create_image(tx, new).id, file)


def recipe(folder: Path, *commands: str) -> Loaded:
    steps = [recipes.bash(f"Step{number + 1}", each) for number, each in enumerate(commands)]
    return recipes.loaded(folder, "base", [recipes.document(folder, "doc", {"build": steps})])


def played(home: Home, base: Image, loaded: Loaded, folder: Path) -> None:
    """What a build of the recipe would leave in the store."""
    from goldsmith.builds import stages

    assert base.file is not None
    site = PlayedSite(
        Layers(home.settings, folder / "layers", Log()),
        Ground(base.file.digest, None, grounds.common_parts(home, base, loaded.recipe)),
        Chain((home.file(base),)),
        folder,
    )
    building, _ = stages.plans(loaded)
    surroundings = Surroundings(build_variables=VARIABLES | {"IMAGE_PHASE": "BUILDING"})
    run_layered(building, site, Log(), surroundings, Policy(), lambda _: None)


def told(explanation: Explanation) -> list[str]:
    return [f"{each.step} {each.what}: {each.why}" for each in explanation.steps]


@pytest.mark.usefixtures("base")
def test_before_the_first_build_all_runs(opened: Home, tmp_path: Path) -> None:
    explanation = explain(opened, recipe(tmp_path, "write 0 1", "write 1 2"), Log(), Wishes())

    assert told(explanation) == [
        "Step1 runs: it never ran before on this machine",
        "Step2 runs: a step before it runs",
    ]
    assert (explanation.image, explanation.tests) == ("written anew", "run in a machine that boots the image")
    assert list(opened.settings.run.iterdir()) == []


def test_what_is_reused_says_how_long_it_took(opened: Home, base: Image, tmp_path: Path) -> None:
    played(opened, base, recipe(tmp_path, "write 0 1", "write 1 2", "write 2 3"), tmp_path)

    explanation = explain(opened, recipe(tmp_path, "write 0 1", "write 1 9", "write 2 3"), Log(), Wishes())

    assert told(explanation) == [
        "Step1 reused: nothing changed",
        "Step2 runs: its inputs changed: commands",
        "Step3 runs: a step before it runs",
    ]
    first = explanation.steps[0]
    assert first.seconds is not None
    assert first.made_at is not None
    assert explanation.saved == first.seconds


def test_with_no_cache_nothing_is_reused(opened: Home, base: Image, tmp_path: Path) -> None:
    loaded = recipe(tmp_path, "write 0 1")
    played(opened, base, loaded, tmp_path)

    explanation = explain(opened, loaded, Log(), Wishes(reuse=False))

    assert told(explanation) == ["Step1 runs: nothing is to be reused (--no-cache)"]


def test_a_larger_disk_has_to_grow_first(opened: Home, base: Image, tmp_path: Path) -> None:
    loaded = recipe(tmp_path, "write 0 1")
    played(opened, base, loaded, tmp_path)
    larger = replace(loaded, recipe=replace(loaded.recipe, disk_size=2 * SIZE))

    explanation = explain(opened, larger, Log(), Wishes())

    assert told(explanation) == ["Step1 runs: its disk has to grow first"]


def test_a_base_that_is_a_file_has_to_be_imported_first(opened: Home, tmp_path: Path) -> None:
    overlay.create(tmp_path / "disk.qcow2", SIZE)
    loaded = recipe(tmp_path, "write 0 1")
    loaded = replace(loaded, recipe=replace(loaded.recipe, base=str(tmp_path / "disk.qcow2")))

    explanation = explain(opened, loaded, Log(), Wishes())

    assert told(explanation) == ["Step1 runs: its base is a file that was not imported yet"]


def test_a_base_whose_file_was_changed_is_refused(opened: Home, base: Image, tmp_path: Path) -> None:
    with opened.file(base).open("ab") as file:
        file.write(b"more")

    with pytest.raises(Conflict) as caught:
        explain(opened, recipe(tmp_path, "write 0 1"), Log(), Wishes())

    path = opened.file(base)
    assert caught.value.message == f"the file of image base was changed since it was registered: {path}"
    assert caught.value.hint == "goldsmith image bootstrap base --refresh"


def test_a_step_that_is_known_to_be_repeated_is_told_as_such(
    opened: Home, base: Image, tmp_path: Path
) -> None:
    played(opened, base, recipe(tmp_path, "write 0 1", "leave daemon", "write 2 3"), tmp_path)
    changed = recipe(tmp_path, "write 0 1", "leave daemon", "write 2 4")
    (tmp_path / "second").mkdir()
    played(opened, base, changed, tmp_path / "second")

    explanation = explain(opened, recipe(tmp_path, "write 0 1", "leave daemon", "write 2 5"), Log(), Wishes())

    assert told(explanation) == [
        "Step1 reused: nothing changed",
        "Step2 repeated: a restart takes what it leaves",
        "Step3 runs: its inputs changed: commands",
    ]
