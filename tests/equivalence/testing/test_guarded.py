"""A subject that leaves the interpreter or never returns is a failure with a sentence, not the end of the run."""

import signal
import sys
import threading

import numpy as np
import pytest
from scipy.special import logsumexp

from equivalence.testing import check_relation, judge
from equivalence.testing.adapters import guarded
from equivalence.testing.adapters.guarded import DidNotReturn, Patience

FEW = 12
timers = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers of processor time")


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(guarded, "SECONDS", 0.1)
    monkeypatch.setattr(guarded, "LEAST", 0.01)


def leaves(energy):
    sys.exit(0)


def swallows(energy):
    while True:
        try:
            sum(range(100))
        except Exception:
            continue


def until_nothing_changes(transition, initial, horizon, discount, reward):
    v = np.zeros(len(initial))
    while True:
        q = reward + discount * transition @ v
        following = np.log(np.exp(q - q.max(axis=1, keepdims=True)).sum(axis=1)) + q.max(axis=1)
        if np.abs(following - v).max() < 1e-9:
            return np.stack([v] * (horizon + 1))
        v = following


def test_an_exit_is_a_failure_of_the_subject():
    verdict = judge(leaves, to="ebm.log_partition", instances=FEW)
    assert verdict.outcome == "differs"
    assert verdict.differing == FEW
    first, *_ = verdict.message.splitlines()
    assert first.startswith("leaves differs from ebm.log_partition: it called sys.exit(0) (test_guarded.py:")
    assert "field: out of reach: it called sys.exit(0)" in verdict.message


def test_an_exit_is_no_answer_to_a_relation():
    verdict = check_relation(leaves, "normalization", returns="law", takes="energy", instances=FEW)
    assert verdict.outcome == "undecided"
    assert "sys.exit(0)" in verdict.message


@timers
def test_an_endless_loop_is_interrupted(impatient):
    verdict = judge(swallows, to="ebm.log_partition", instances=FEW)
    assert verdict.outcome == "differs"
    assert "it did not return within 0.1 s of processor time (test_guarded.py:" in verdict.message


@timers
def test_an_iteration_without_end_is_told_of_the_discount(impatient):
    kinds = {"terminal": False, "unavailable": False, "largest_reward": 5}
    verdict = judge(until_nothing_changes, to="soft_solution.v", instances=FEW, discounts=(1,), **kinds)
    assert "that may never be at discount 1: judge(..., discounts=(0.5, 0.9))" in verdict.message
    again = judge(until_nothing_changes, to="soft_solution.v", instances=FEW, discounts=(0.5,), **kinds)
    assert "did not return" not in again.message


@timers
def test_less_is_waited_for_what_did_not_return(impatient):
    patience = Patience()

    def endless():
        while True:
            pass

    waited = []
    for _ in range(4):
        waited.append(patience.seconds)
        with pytest.raises(DidNotReturn):
            patience.answer(endless)
    assert waited == [0.1, 0.025, 0.01, 0.01]
    assert patience.answer(lambda: 3) == 3


@timers
def test_timers_of_others_are_left_alone(impatient):
    def handler(number, frame):
        raise AssertionError

    patience = Patience()
    assert patience.answer(lambda: signal.getsignal(signal.SIGVTALRM)) is not signal.SIG_DFL
    assert signal.getsignal(signal.SIGVTALRM) is signal.SIG_DFL
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)
    before = signal.signal(signal.SIGVTALRM, handler)
    try:
        assert patience.answer(lambda: signal.getsignal(signal.SIGVTALRM)) is handler
        assert patience.answer(lambda: signal.getitimer(signal.ITIMER_VIRTUAL)) == (0, 0)
    finally:
        signal.signal(signal.SIGVTALRM, before)


def test_other_threads_are_judged_without_a_timer():
    outcomes = []

    def run():
        outcomes.append(judge(lambda energy: logsumexp(-energy), to="ebm.log_partition", instances=FEW).outcome)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert outcomes == ["proved for all"]


def test_an_interrupt_of_the_user_goes_through():
    def interrupted(energy):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge(interrupted, to="ebm.log_partition", instances=FEW)
