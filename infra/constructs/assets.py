"""Staged folders become assets of a stack, copied into cdk.out."""

import os
from pathlib import Path

from aws_cdk import App, FileAssetLocation, FileAssetPackaging, Stack
from constructs import Construct

from infra.bundling.trees import link_file, link_tree


def zip_asset(scope: Construct, folder: Path, digest: str) -> FileAssetLocation:
    """Add a folder to the stack's assets; it is uploaded as one zip.

    Args:
        scope: Anything in the stack.
        folder: What becomes the zip's root.
        digest: Its identity, so that nothing need be hashed again.
    """
    name = f"asset.{digest[:32]}"
    link_tree(folder, outdir(scope) / name)
    return _stack(scope).synthesizer.add_file_asset(
        source_hash=digest[:32],
        file_name=name,
        packaging=FileAssetPackaging.ZIP_DIRECTORY,
    )


def file_asset(scope: Construct, file: Path, key: str) -> FileAssetLocation:
    """Add a single file to the stack's assets under a key of our choosing.

    Args:
        scope: Anything in the stack.
        file: The file; its suffix ends the object's key.
        key: The key without the suffix; it must change when the content does.
    """
    name = f"asset.{key.replace('/', '.')}{file.suffix}"
    target = outdir(scope) / name
    if target.exists():
        os.utime(target)  # used: see trees.place
    else:
        link_file(file, target)
    return _stack(scope).synthesizer.add_file_asset(
        source_hash=key, file_name=name, packaging=FileAssetPackaging.FILE
    )


def _stack(scope: Construct) -> Stack:
    return scope if isinstance(scope, Stack) else Stack.of(scope)


def outdir(scope: Construct) -> Path:
    """Return the folder that the application is synthesized into."""
    root = scope.node.root
    if not isinstance(root, App):
        raise TypeError("assets are added below an App")
    return Path(root.outdir)
