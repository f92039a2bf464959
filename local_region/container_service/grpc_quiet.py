"""grpc, told before it is loaded that this program forks only to run other programs.

Its handlers for forks would say on every start of a container that they are skipped.

Source:
    github.com/grpc/grpc, doc/fork_support.md (GRPC_ENABLE_FORK_SUPPORT).
"""

import os

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # noqa: TID251 - grpc reads it nowhere else

import grpc  # type: ignore[import-untyped]

__all__ = ["grpc"]
