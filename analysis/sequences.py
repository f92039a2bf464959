"""Asymptotic confidence sequences: an interval that holds at every look, planned or not.

At t units with standard error s the interval is ± s·z(t), z(t)² = 2·(tρ²+1)/(tρ²)·log(√(tρ²+1)/α),
which is the normal mixture with prior variance ρ² per unit variance; ρ is chosen so that it is
tightest at `tuned_units`. It is asymptotic: before the central limit theorem has set in it holds
nothing, hence the minimum number of events.

Source:
    Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas (2024), Annals of Statistics 52(6),
    arXiv:2103.06476, theorem 2.2 (the boundary) and appendix B.2 (the choice of ρ);
    Robbins (1970), Annals of Mathematical Statistics 41(5), doi:10.1214/aoms/1177696786.
"""

import math


def mixing_rho(tuned_units: int, alpha: float) -> float:
    """Choose ρ so that the sequence is tightest at a number of units.

    Example:
        >>> round(mixing_rho(10_000, 0.05), 5)
        0.02817
    """
    doubled = -2 * math.log(alpha)
    return math.sqrt((doubled + math.log(doubled + 1)) / tuned_units)


def sequence_critical(units: int, tuned_units: int, alpha: float) -> float:
    """Say how many standard errors the interval reaches to each side.

    Example:
        >>> round(sequence_critical(10_000, 10_000, 0.05), 3)
        3.035
    """
    grown = units * mixing_rho(tuned_units, alpha) ** 2 + 1
    return math.sqrt(2 * grown / (grown - 1) * math.log(math.sqrt(grown) / alpha))


def log_e_value(z: float, units: int, tuned_units: int, alpha: float) -> float:
    """Give the natural log of the evidence against "no difference".

    It reaches log(1/α) exactly when the interval at level α leaves 0 out, and its exponential is,
    to first order, an e-process: its mean is at most 1 under "no difference", whenever one stops.

    Example:
        >>> z = sequence_critical(5_000, 10_000, 0.05)
        >>> round(math.exp(log_e_value(z, 5_000, 10_000, 0.05)), 6)
        20.0
    """
    grown = units * mixing_rho(tuned_units, alpha) ** 2 + 1
    return z * z / 2 * (grown - 1) / grown - math.log(grown) / 2
