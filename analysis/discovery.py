"""Several metrics at once: which may be called findings.

Source:
    Wang, Ramdas (2022), JRSS B 84(3), arXiv:2009.02824 (e-BH: valid under any dependence, and at
    any stopping time when the e-values are);
    Benjamini, Hochberg (1995), JRSS B 57(1), doi:10.1111/j.2517-6161.1995.tb02031.x.
"""

import math
from collections.abc import Mapping


def e_discoveries(log_e_values: Mapping[str, float], rate: float) -> frozenset[str]:
    """Pick findings among e-values so that, on average, at most `rate` of them are false.

    The k largest are findings for the largest k whose k-th e-value reaches m/(rate·k).

    Args:
        log_e_values: Natural log of the e-value by metric; all metrics that were looked at.
        rate: False-discovery rate.

    Example:
        >>> sorted(e_discoveries({"a": 5.0, "b": 3.5, "c": 0.1}, 0.1))
        ['a', 'b']
    """
    ranked = sorted(log_e_values, key=log_e_values.__getitem__, reverse=True)
    found = 0
    for place, name in enumerate(ranked, start=1):
        if log_e_values[name] >= math.log(len(ranked) / (rate * place)):
            found = place
    return frozenset(ranked[:found])


def p_discoveries(p_values: Mapping[str, float], rate: float) -> frozenset[str]:
    """Pick findings among p-values of one planned look, by Benjamini and Hochberg.

    Needs independent or positively dependent metrics; prefer `e_discoveries`.

    Example:
        >>> sorted(p_discoveries({"a": 0.001, "b": 0.04, "c": 0.9}, 0.1))
        ['a', 'b']
    """
    ranked = sorted(p_values, key=p_values.__getitem__)
    found = 0
    for place, name in enumerate(ranked, start=1):
        if p_values[name] <= rate * place / len(ranked):
            found = place
    return frozenset(ranked[:found])
