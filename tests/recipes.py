"""Recipes and documents for tests, written into a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from goldsmith.documents.recipe import Loaded, load_recipe


def bash(name: str, *commands: str, **more: Any) -> dict[str, Any]:
    """A step that runs commands."""
    return {"name": name, "action": "ExecuteBash", "inputs": {"commands": list(commands)}, **more}


def document(folder: Path, name: str, phases: Mapping[str, Sequence[Mapping[str, Any]]]) -> Path:
    """Write `NAME.yml` (JSON is YAML too) and return its path."""
    path = folder / f"{name}.yml"
    listed = [{"name": phase, "steps": list(steps)} for phase, steps in phases.items()]
    path.write_text(json.dumps({"name": name, "schemaVersion": "1.0", "phases": listed}, indent=1))
    return path


def recipe(folder: Path, base: str, components: Sequence[Path], **more: Any) -> Path:
    path = folder / "recipe.yml"
    names = [f"./{each.relative_to(folder)}" for each in components]
    keys = {"name": "made", "version": "1.0.0", "base": base, "components": names, **more}
    path.write_text(json.dumps(keys, indent=1))
    return path


def loaded(folder: Path, base: str, components: Sequence[Path], **more: Any) -> Loaded:
    return load_recipe(recipe(folder, base, components, **more))


#: Version 1.0 of a package in a repository in the guest itself, and 0.9 of it installed. The image's
#: own sources wait in /root/sources meanwhile.
REPOSITORY = """
set -e
mkdir -p /srv/repository /tmp/tiny/DEBIAN /tmp/tiny/usr/share/tiny
for version in 0.9 1.0; do
  printf '%s\\n' "Package: tiny" "Version: $version" "Architecture: all" "Description: tiny" \\
    "Maintainer: nobody <nobody@localhost>" > /tmp/tiny/DEBIAN/control
  echo "tiny $version" > /tmp/tiny/usr/share/tiny/file
  dpkg-deb --build /tmp/tiny /srv/repository/tiny_$version.deb
done
cd /srv/repository
dpkg -i tiny_0.9.deb
{ cat /tmp/tiny/DEBIAN/control; echo Filename: ./tiny_1.0.deb; echo "Size: $(stat -c %s tiny_1.0.deb)"
  echo "SHA256: $(sha256sum tiny_1.0.deb | cut -d' ' -f1)"; } > Packages
mkdir /root/sources
mv /etc/apt/sources.list /etc/apt/sources.list.d/* /root/sources/ 2>/dev/null || true
echo 'deb [trusted=yes] file:/srv/repository ./' > /etc/apt/sources.list
"""
