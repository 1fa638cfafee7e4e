"""Faults by plan: what happens to a call depends on seed, business key and attempt, and on nothing else."""

from __future__ import annotations

import msgspec
import pytest

from runtime.testing.faults import SPARED, FaultPlan, FaultRule

HALF = FaultRule(route="orders", kind="server_error", probability=0.5)
KEYS = [b"%d" % n for n in range(400)]


def test_the_same_seed_gives_the_same_fates_in_any_order() -> None:
    """Calls may arrive in whatever order; each key's attempts have their own fates."""
    there, back = FaultPlan([HALF], 1), FaultPlan([HALF], 1)
    forward = {key: there.fate("orders", key) for key in KEYS}
    backward = {key: back.fate("orders", key) for key in reversed(KEYS)}
    assert forward == backward
    assert forward != {key: FaultPlan([HALF], 2).fate("orders", key) for key in KEYS}


def test_a_probability_is_met_over_many_keys() -> None:
    """Half of four hundred, give or take."""
    plan = FaultPlan([HALF], 3)
    assert 150 < sum(plan.fate("orders", key).kind is not None for key in KEYS) < 250


def test_each_attempt_of_a_key_is_drawn_anew() -> None:
    """What failed once need not fail again."""
    plan = FaultPlan([HALF], 4)
    assert len({plan.fate("orders", b"one").kind for _ in range(20)}) == 2


def test_other_routes_are_spared_and_a_star_means_all() -> None:
    """A rule is about one route, or about every one."""
    plan = FaultPlan([msgspec.structs.replace(HALF, probability=1)], 5)
    assert plan.fate("stock", b"one") is SPARED
    assert not plan.concerns("stock")
    plan.replace([msgspec.structs.replace(HALF, route="*", probability=1)])
    assert plan.concerns("stock")
    assert plan.fate("stock", b"one").kind == "server_error"


def test_latencies_add_up_before_the_first_rule_that_ends_the_call() -> None:
    """Waiting and failing go together."""
    slow = FaultRule(route="*", kind="latency", probability=1, latency_ms=20)
    busy = FaultRule(route="*", kind="throttle", probability=1, retry_after_s=3)
    fate = FaultPlan([slow, slow, busy, HALF], 6).fate("orders", b"one")
    assert (fate.latency_ms, fate.kind, fate.retry_after_s) == (40, "throttle", 3)


@pytest.mark.parametrize("rule", [{"probability": 1.1}, {"kind": "gremlin"}, {"colour": 1}])
def test_a_rule_that_makes_no_sense_is_refused(rule: dict[str, object]) -> None:
    """Unknown kinds, shares above one, and unknown keys."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"route": "*", "kind": "latency", "probability": 1, **rule}, FaultRule)
