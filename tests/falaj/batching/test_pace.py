"""A quick model stays on the loop, a slow one off it, and a busy machine confuses neither."""

from falaj.batching.pace import INLINE_BELOW_NS, TRIAL_AFTER, Pace

QUICK, SLOW = INLINE_BELOW_NS // 10, INLINE_BELOW_NS * 10
HELD_UP = INLINE_BELOW_NS * 3


def after(*runs):
    """A record of runs of 8 rows."""
    pace = Pace()
    for took in runs:
        pace.expect(8, took)
    return pace


def test_what_was_never_run_is_not_trusted_with_the_loop():
    """Until its warm-up a model goes to a thread."""
    assert not Pace().is_inline(1)


def test_quick_runs_stay():
    """Most of a tree model's runs."""
    assert after(QUICK, SLOW, QUICK).is_inline(8)


def test_slow_runs_leave():
    """A model that has grown slow is noticed within some hundred runs."""
    assert not after(QUICK, *[SLOW] * 200).is_inline(8)


def test_runs_that_hold_the_loop_up_leave_soon():
    """A model that turns out to wait for a device stalls every connection while it is trusted."""
    assert not after(QUICK, *[SLOW] * 30).is_inline(8)
    assert after(QUICK, *[HELD_UP] * 30).is_inline(8)


def test_an_interrupted_run_changes_nothing():
    """A few runs that the machine held up are not the model's."""
    assert after(QUICK, *[SLOW] * 20).is_inline(8)


def test_sizes_are_judged_apart():
    """A row may be quick where a large batch is not."""
    pace = after(SLOW)
    pace.expect(1, QUICK)
    assert (pace.is_inline(1), pace.is_inline(8)) == (True, False)


def test_a_thread_that_was_hardly_busy_earns_one_trial():
    """A quick model looks slow on threads that wait for the interpreter; it finds its way back."""
    pace = after(HELD_UP)
    for _ in range(TRIAL_AFTER):
        assert not pace.is_inline(8)
        pace.expect_on_thread(8, HELD_UP, busy_ns=QUICK)
    assert [pace.is_inline(8), pace.is_inline(8)] == [True, False]
    pace.expect(8, QUICK)
    assert pace.is_inline(8)


def test_a_device_never_gets_a_trial():
    """What waits long for a device would hold up the loop as long, however idle its thread."""
    pace = after(SLOW)
    for _ in range(3 * TRIAL_AFTER):
        pace.expect_on_thread(8, SLOW, busy_ns=QUICK)
    assert not pace.is_inline(8)
