"""What a layer does not need, and why."""

import shutil
from pathlib import Path
from typing import Final

UNNEEDED: Final = (
    # Lambda's Python runtimes carry the AWS SDK.
    "boto3",
    "botocore",
    "s3transfer",
    # Commands, type stubs, headers and static libraries are for building, not for running.
    "bin",
    "**/*.pyi",
    "**/*.a",
    "**/*.h",
    "**/*.pyx",
    "**/*.pxd",
    "**/__pycache__",
    "**/tests",
    "numpy/_core/include",
    "numpy/f2py",
    "numpy/_pyinstaller",
    # The extension module contains the whole engine and does not link to this: readelf -d.
    "onnxruntime/capi/libonnxruntime.so*",
    # Tools for preparing models; running them never imports these.
    "onnxruntime/backend",
    "onnxruntime/datasets",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
    # Dependencies of those tools alone.
    "flatbuffers*",
    "google",
    "protobuf*",
    "packaging*",
)


def prune(root: Path) -> None:
    """Remove what `UNNEEDED` names below a folder of installed packages."""
    for pattern in UNNEEDED:
        for path in list(root.glob(pattern)):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.exists():
                path.unlink()
