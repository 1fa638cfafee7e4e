"""Which of the fields that this connector asks for a tenant does not have, found by reading only.

A field that a tenant does not know makes it fail the whole read, and the failure does not say which field it was
(a server error, as for any malformed argument). So the fields are tried together, then in halves. What is missing goes
into `fulfil.api.names` with an empty name, and is not asked for again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from connectors.fulfil.models import Model
from connectors.fulfil.records import SEARCH_RECORDS, Search
from connectors.fulfil.tenant import Tenant
from runtime.errors import Refused, Unavailable

Answers = Callable[[str, tuple[str, ...]], Awaitable[bool]]
"""Whether the tenant answers a read of these fields of a model."""


def asking(perform: Callable[[str, bytes], Awaitable[Any]]) -> Answers:
    """Asks by `FulfilApi.perform`, one record at most. A failure that says nothing of fields is raised."""

    async def answers(model: str, fields: tuple[str, ...]) -> bool:
        ask = SEARCH_RECORDS(Search(model=model, fields=fields, limit=1))
        try:
            await perform(ask.kind, ask.body)
        except (Refused, Unavailable):
            return False
        return True

    return answers


async def missing_fields(model: Model[Any], tenant: Tenant, answers: Answers) -> tuple[str, ...] | None:
    """The fields of a model, by this tenant's names, that it does not know; None when it does not know the model.

    Costs one call when nothing is missing, and about `2 * missing * log2(fields)` otherwise. Raises the `Failure` of
    `answers`, and Unavailable when the tenant contradicts itself, as while it is going down.
    """
    name, fields = tenant.model(model.name), model.fields(tenant)
    if await answers(name, fields):
        return ()
    if not await answers(name, ("rec_name",)):
        return None
    missing = await _missing(name, fields, answers)
    left = tuple(field for field in fields if field not in missing)
    if not missing or not await answers(name, left):
        raise Unavailable(f"the tenant answers now one way, now another about the fields of {name}")
    return missing


async def _missing(model: str, fields: tuple[str, ...], answers: Answers) -> tuple[str, ...]:
    """Those of `fields`, which are refused together, that are refused."""
    if len(fields) == 1:
        return fields
    half = len(fields) // 2
    missing: tuple[str, ...] = ()
    for part in (fields[:half], fields[half:]):
        if not await answers(model, part):
            missing += await _missing(model, part, answers)
    return missing
