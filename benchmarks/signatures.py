"""What checking one signature costs a start, ours beside the `cryptography` package.

Prints import and verification in milliseconds: `python benchmarks/signatures.py`.
"""

import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
IMPORTS = {
    "pure Python": "import hashlib, dataclasses; START; import falaj.domain.publisher",
    "cryptography": "import hashlib, dataclasses; START; "
    "from cryptography.hazmat.primitives.asymmetric import ec; "
    "from cryptography.hazmat.primitives import hashes, serialization",
}
PROCESSES = 9
VERIFICATIONS = 50


def import_ms(code: str) -> float:
    """Median time of an import in a new process."""
    program = code.replace("START", "import time; start = time.perf_counter()")
    program += "; print((time.perf_counter() - start) * 1000)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "layers/runtime/python")}
    times = [
        float(subprocess.check_output([sys.executable, "-c", program], env=environment))
        for _ in range(PROCESSES)
    ]
    return statistics.median(times)


def verify_ms() -> tuple[float, float]:
    """Median times of one verification, ours and theirs, alternating."""
    import time  # noqa: PLC0415

    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    from falaj.domain.publisher import PublisherKey, manifest_statement  # noqa: PLC0415

    private = ec.generate_private_key(ec.SECP256R1())
    public = private.public_key()
    der = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    manifest = b"m" * 10_000
    algorithm = ec.ECDSA(hashes.SHA256())
    signature = private.sign(manifest_statement(manifest), algorithm)
    ours, theirs = [], []
    for _ in range(VERIFICATIONS):
        start = time.perf_counter()
        assert PublisherKey(der).vouches_for(manifest, signature)  # noqa: S101
        middle = time.perf_counter()
        public.verify(signature, manifest_statement(manifest), algorithm)
        ours.append(middle - start)
        theirs.append(time.perf_counter() - middle)
    return statistics.median(ours) * 1000, statistics.median(theirs) * 1000


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "layers/runtime/python"))
    for name, code in IMPORTS.items():
        print(f"import, {name}: {import_ms(code):.1f} ms")
    for name, took in zip(IMPORTS, verify_ms(), strict=True):
        print(f"one verification, {name}: {took:.2f} ms")
