"""Which fields a tenant does not have: found by reads alone, and never by guessing at an error's words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.fulfil.probing import asking, missing_fields
from connectors.fulfil.shipments import SHIPMENTS
from connectors.fulfil.tenant import DOCUMENTED, Tenant
from runtime.errors import Refused, Throttled, Unauthorised, Unavailable

pytestmark = pytest.mark.anyio

FIELDS = SHIPMENTS.fields(DOCUMENTED)


class Knows:
    """A tenant that has some fields, and fails a read that names another."""

    def __init__(self, *lacks: str) -> None:
        self.lacks, self.calls = frozenset(lacks), 0

    async def __call__(self, model: str, fields: tuple[str, ...]) -> bool:
        self.calls += 1
        return self.lacks.isdisjoint(fields)


async def test_a_tenant_that_has_everything_costs_one_call() -> None:
    """A probe at each start is affordable."""
    tenant = Knows()
    assert await missing_fields(SHIPMENTS, DOCUMENTED, tenant) == ()
    assert tenant.calls == 1


@given(st.sets(st.sampled_from(FIELDS), min_size=1, max_size=4))
async def test_exactly_what_is_missing_is_found_in_few_calls(lacks: set[str]) -> None:
    """In halves, so that a few missing fields do not cost a call for each field there is."""
    tenant = Knows(*lacks)
    assert set(await missing_fields(SHIPMENTS, DOCUMENTED, tenant) or ()) == lacks
    assert tenant.calls <= 3 + 2 * len(lacks) * len(FIELDS).bit_length()


async def test_a_model_that_is_not_there_is_told_apart_from_missing_fields() -> None:
    """Not every tenant has every module."""
    tenant = Knows("rec_name", *FIELDS)
    assert await missing_fields(SHIPMENTS, DOCUMENTED, tenant) is None


async def test_a_tenants_own_names_are_tried() -> None:
    """What the configuration says is what is asked for."""
    renamed = Tenant(names={"stock.shipment.out.on_hold": "held"})
    assert await missing_fields(SHIPMENTS, renamed, Knows("on_hold")) == ()
    assert await missing_fields(SHIPMENTS, renamed, Knows("held")) == ("held",)


async def test_a_tenant_that_is_going_down_is_not_taken_for_one_without_fields() -> None:
    """It refuses all fields, then answers; or answers each half, and refuses the whole."""
    answers = iter([False, True, True, True])

    async def wavering(_model: str, _fields: tuple[str, ...]) -> bool:
        return next(answers)

    with pytest.raises(Unavailable, match="now one way"):
        await missing_fields(SHIPMENTS, DOCUMENTED, wavering)


@pytest.mark.parametrize(
    ("failure", "answered"),
    [(None, True), (Refused("no", code="E1000"), False), (Unavailable("500"), False)],
)
async def test_a_refusal_and_a_server_error_both_mean_that_it_does_not_answer(
    failure: Exception | None, *, answered: bool
) -> None:
    """Section 5: malformed arguments give 5xx, not 4xx."""

    async def perform(_kind: str, _body: bytes) -> object:
        if failure is not None:
            raise failure
        return ()

    assert await asking(perform)("sale.sale", ("state",)) is answered


@pytest.mark.parametrize("failure", [Unauthorised("no"), Throttled("slow")])
async def test_what_says_nothing_about_fields_is_passed_on(failure: Exception) -> None:
    """A bad token would otherwise look like an empty tenant."""

    async def perform(_kind: str, _body: bytes) -> object:
        raise failure

    with pytest.raises(type(failure)):
        await asking(perform)("sale.sale", ("state",))
