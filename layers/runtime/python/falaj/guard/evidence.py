"""Evidence that the candidate harms: an e-process on which version each bad event hit.

Nothing is assumed about how often bad events happen, so an outage that hits both versions is no
evidence against either.
"""

from math import log, log1p

from falaj.guard.checks import require_count, require_positive, require_share
from falaj.guard.logspace import log_weighted_mean_exp

RELATIVE_RISKS = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0)
"""The alternatives mixed, from a quarter worse to all but certain failure (DESIGN section 8)."""

RISK_WEIGHTS = (0.02, 0.01, 0.18, 0.12, 0.15, 0.39, 0.09, 0.04)
"""How much of the mean each alternative is; they sum to 1, which is all that validity asks.

Chosen so that harm by errors stays within 1.5 times the least possible for relative risks of 2 to
10 at every share from 1 % and every α from 5 % to 0.1 %, all four objectives watched, and that
total failure still stops at the third bad request (benchmarks/guard.py). Equal weights spend an
eighth each on alternatives that are rare, and need 1.6 times the least possible at a share of 1 %,
where events come one by one, even if nothing but errors is watched.
"""

_LOG_RISKS = tuple(log(risk) for risk in RELATIVE_RISKS)
_NOTHING = (0.0,) * len(RELATIVE_RISKS)
_LN10 = log(10.0)


class Evidence:
    """E, the factor by which the bad events speak for harm; 1 says nothing. Frozen.

    With candidate share w, q(r) = w·r / (w·r + 1 − w) is the chance that a bad event is the
    candidate's when its risk is r times stable's. Each bad event multiplies E_r by q(rρ₀)/q(ρ₀) if
    the candidate had it and by (1 − q(rρ₀))/(1 − q(ρ₀)) if stable had it; E is the mean of E_r
    over `RELATIVE_RISKS`, weighted by `RISK_WEIGHTS`. While the candidate's risk stays at or below
    ρ₀ times stable's, E reaches 1/α at any time, however often one looks, with probability at most
    α.

    Args:
        margin: ρ₀, the relative risk that is still acceptable. 1: no worse than stable.

    Raises:
        GuardInputError: The margin is not finite and above 0.

    Example:
        Total failure after a share of 5 %: two bad requests are not enough, the third is.

        >>> round(Evidence().add(2, 0, 0.05).log10, 2), round(Evidence().add(3, 0, 0.05).log10, 2)
        (1.68, 2.7)

        An outage that hits both alike, 50 to 950:

        >>> Evidence().add(50, 950, 0.05).log10 < 0
        True

    Source:
        Ville (1939), Étude critique de la notion de collectif; Ramdas, Grünwald, Vovk, Shafer
        (2023), Game-theoretic statistics and safe anytime-valid inference, Statistical Science
        38(4), doi:10.1214/23-STS894. Derivation and proof: docs/reference/guard.md.
    """

    __slots__ = ("log_e", "margin")

    margin: float
    log_e: tuple[float, ...]

    def __init__(self, margin: float = 1.0) -> None:
        object.__setattr__(self, "margin", require_positive("margin", margin))
        object.__setattr__(self, "log_e", _NOTHING)

    def add(self, candidate_bad: int, stable_bad: int, share: float) -> "Evidence":
        """Return the evidence after more bad events, all at one share; their order does not matter.

        Args:
            candidate_bad: Bad events on the candidate since the last look, 0 to 2⁵³.
            stable_bad: Bad events on stable since the last look, 0 to 2⁵³.
            share: The candidate's share while they happened, in (0, 1). It may change between
                calls.

        Raises:
            GuardInputError: A count is negative or no integer, or the share lies outside (0, 1).
        """
        candidate = require_count("candidate_bad", candidate_bad)
        total = candidate + require_count("stable_bad", stable_bad)
        share = require_share(share)
        # q(rρ)/q(ρ) = r·b and (1 − q(rρ))/(1 − q(ρ)) = b, with b = (1 + w(ρ−1)) / (1 + w(rρ−1)).
        log_base = log1p(share * (self.margin - 1.0))
        return self._with(
            tuple(
                before + candidate * log_risk + total * (log_base - _log_odds(share, risk))
                for before, risk, log_risk in zip(
                    self.log_e,
                    (self.margin * risk for risk in RELATIVE_RISKS),
                    _LOG_RISKS,
                    strict=True,
                )
            )
        )

    def merge(self, other: "Evidence") -> "Evidence":
        """Return the evidence of both, each from events that the other has not seen.

        Raises:
            GuardInputError: They measure against different margins.
        """
        if other.margin != self.margin:
            from falaj.guard.checks import refuse  # noqa: PLC0415 - the refusal only

            refuse("margin", other.margin, f"{self.margin}, as in the evidence it is merged with")
        return self._with(tuple(a + b for a, b in zip(self.log_e, other.log_e, strict=True)))

    @property
    def log10(self) -> float:
        """log₁₀ E: 0 says nothing, 2 suffices for a false rollback in at most 1 of 100."""
        return log_weighted_mean_exp(self.log_e, RISK_WEIGHTS) / _LN10

    def to_dict(self) -> dict[str, object]:
        """Write the evidence exactly, in strings: DynamoDB takes no binary floats."""
        return {"margin": repr(self.margin), "log_e": [repr(value) for value in self.log_e]}

    @classmethod
    def from_dict(cls, value: dict[str, object]) -> "Evidence":
        """Read what `to_dict` wrote.

        Raises:
            GuardInputError: It holds another number of alternatives than this version mixes.
        """
        logs = tuple(float(item) for item in value["log_e"])  # type: ignore[attr-defined]
        if len(logs) != len(RELATIVE_RISKS):
            from falaj.guard.checks import refuse  # noqa: PLC0415 - the refusal only

            refuse("log_e", value["log_e"], f"{len(RELATIVE_RISKS)} logarithms, one per risk")
        evidence = cls(float(value["margin"]))  # type: ignore[arg-type]
        object.__setattr__(evidence, "log_e", logs)
        return evidence

    def _with(self, log_e: tuple[float, ...]) -> "Evidence":
        more = Evidence(self.margin)
        object.__setattr__(more, "log_e", log_e)
        return more

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"evidence is frozen: add() returns a new one, {name!r} stays")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"evidence is frozen: {name!r} stays")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Evidence):
            return NotImplemented
        return (self.margin, self.log_e) == (other.margin, other.log_e)

    def __hash__(self) -> int:
        return hash((self.margin, self.log_e))

    def __repr__(self) -> str:
        return f"Evidence(log10={self.log10:.2f}, margin={self.margin:g})"

    def __reduce__(self) -> tuple[object, ...]:
        return Evidence.from_dict, (self.to_dict(),)


def _log_odds(share: float, risk: float) -> float:
    """Return log(1 + w(r − 1)), exact for tiny shares."""
    return log1p(share * (risk - 1.0))
