"""How long a trail of 100,000 records takes to examine, and how much memory.

    python benchmarks/audit_trail.py

The trail is made and signed as it is read; its own processor time is taken off.
"""

import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from audits.signatures import believer
from audits.trail import examine
from catalogue.signing import LocalSigner
from falaj.capture.chain import GENESIS, Place, Segment
from falaj.capture.records import audit_record

SEGMENTS, RECORDS = 10_000, 10
DAYS = 10


class Trail:
    """Segments, made when they are asked for."""

    def __init__(self, signer: LocalSigner) -> None:
        self._signer, self.seconds, self.size = signer, 0.0, 0

    def objects(self, segments: int) -> Iterator[tuple[str, bytes]]:
        """Yield each segment, and count the time that making it took."""
        for day in range(DAYS):
            before = GENESIS
            for number in range(segments // DAYS):
                begun = time.process_time()
                place = Place(day=f"2026-11-{day + 1:02}", model="m", chain="c", number=number)
                records = tuple(self._record(day, number * RECORDS + n + 1) for n in range(RECORDS))
                segment = Segment(place=place, before=before, at="2026-11-22", records=records)
                data, before = segment.signed(self._signer.sign)
                self.size += len(data)
                self.seconds += time.process_time() - begun
                yield place.key, data

    @staticmethod
    def _record(day: int, number: int) -> dict[str, object]:
        audit = {
            "tenant": "p1.5eed5eed",
            "who": f"p1.5eed5eed.{number:032x}",
            "input": f"p1.5eed5eed.{number:032x}",
            "stream": f"environment-{day}",
            "number": number,
        }
        line = {"timestamp": "2026-11-22T12:00:00Z", "model_name": "m", "model_digest": "d" * 64}
        found = audit_record(line | {"status": 200, "audit": audit}, event=f"{number:056}")
        return found or {}


def main() -> None:
    """Examine a small trail and one a hundred times as large."""
    with tempfile.TemporaryDirectory() as folder:
        signer = LocalSigner(Path(folder))
        believes = believer(signer.key)
        for segments in (SEGMENTS // 100, SEGMENTS):
            trail, begun = Trail(signer), time.process_time()
            report = examine(trail.objects(segments), believes)
            seconds = time.process_time() - begun - trail.seconds
            peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(
                f"{report.records} records in {report.segments} segments ({trail.size / 1e6:.1f} "
                f"MB): {seconds:.1f} s of processor time, peak {peak_mib:.0f} MiB"
            )


if __name__ == "__main__":
    main()
