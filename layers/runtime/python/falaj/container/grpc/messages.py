"""The protocol's protobuf messages, from the published descriptors in `grpc_service.binpb`.

They live in a descriptor pool of their own: a process that also imports a client with generated
code of the same file names would otherwise fail to import one of the two.

Source:
    github.com/triton-inference-server/common, protobuf/grpc_service.proto and model_config.proto;
    Copyright (c) 2020-2026 NVIDIA CORPORATION, under the BSD 3-clause licence in
    `grpc_service.LICENSE`. tests/falaj/container/test_grpc_messages.py compares the file with what
    `tritonclient` carries, and says how to write it again.
"""

from pathlib import Path
from typing import Any, Final

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

DESCRIPTORS: Final = Path(__file__).parent / "grpc_service.binpb"
SERVICE: Final = "inference.GRPCInferenceService"

Message = Any
"""A message class or message: made from descriptors, so nothing static is known of it."""


def _pool() -> DescriptorPool:
    pool = DescriptorPool()
    for file in FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


POOL: Final = _pool()


def message(name: str) -> Message:
    r"""The class of a message of the protocol.

    Example:
        >>> message("ServerLiveResponse")(live=True).SerializeToString()
        b'\x08\x01'
    """
    return GetMessageClass(POOL.FindMessageTypeByName(f"inference.{name}"))
