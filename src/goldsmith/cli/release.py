"""Which goldsmith this is."""

from importlib.metadata import PackageNotFoundError, version


def release() -> str:
    try:
        return version("goldsmith")
    except PackageNotFoundError:  # run from a source folder that was never installed
        return "unreleased"
