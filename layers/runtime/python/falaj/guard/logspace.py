"""Sums of likelihood ratios that would overflow or vanish, kept as natural logarithms."""

from math import exp, fsum, inf, log


def log_weighted_mean_exp(logs: tuple[float, ...], weights: tuple[float, ...]) -> float:
    """Return log of the weighted mean of exp(logs), without overflow.

    Args:
        logs: Finite, as many as weights.
        weights: Each above 0; they sum to 1.

    Example:
        >>> log_weighted_mean_exp((1000.0, 1000.0), (0.25, 0.75))
        1000.0
    """
    top = max(logs)
    return top + log(
        fsum(weight * exp(value - top) for weight, value in zip(weights, logs, strict=True))
    )


def log_mean_exp(logs: tuple[float, ...]) -> float:
    """Return log of the mean of exp(logs), without overflow.

    Example:
        >>> log_mean_exp((1000.0, 1000.0))
        1000.0
        >>> log_mean_exp((-inf, -inf))
        -inf
    """
    top = max(logs)
    if top == -inf:
        return -inf
    return top + log(fsum(exp(value - top) for value in logs) / len(logs))


def log_sum_exp(logs: tuple[float, ...]) -> float:
    """Return log of the sum of exp(logs); minus infinity for none.

    Example:
        >>> round(exp(log_sum_exp((log(0.25), log(0.5)))), 12)
        0.75
    """
    return log_mean_exp(logs) + log(len(logs)) if logs else -inf


def times(count: int, log_factor: float) -> float:
    """Return log of a factor raised to `count`, where 0⁰ = 1.

    Example:
        >>> times(0, -inf)
        0.0
    """
    return count * log_factor if count else 0.0
