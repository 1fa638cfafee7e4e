"""Stories of answers that say success, and of which nothing came: what the Fulfil connector makes of them."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.fulfil.wire import CreatedSale, encode_create_order
from runtime.errors import Unknown
from tests.contracts.fulfil_at import door
from tests.unit.test_fulfil_wire import made_order

pytestmark = pytest.mark.anyio

ORDER = encode_create_order(3, made_order())


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(None, id="null"),
        pytest.param([], id="no record"),
        pytest.param({}, id="an empty object"),
        pytest.param(True, id="true"),
        pytest.param(0, id="no id"),
        pytest.param({"id": None, "state": "done"}, id="a record without its id"),
        pytest.param({"status": "success"}, id="a word"),
        pytest.param({"message": "Order created successfully"}, id="a sentence"),
        pytest.param([7, 8], id="two sales"),
        pytest.param({"id": 7, "channel_identifier": "another-order"}, id="the sale of another order"),
        pytest.param(b"", id="nothing"),
    ],
)
async def test_a_success_without_the_sale_of_this_order_is_no_success(answer: Any) -> None:
    """Failure case 38: HTTP 200, and no sale is named. Whether there is one is not known, and is looked for."""
    async with door() as at:
        at.fulfil.will_answer(answer)
        with pytest.raises(Unknown, match="it may have been applied"):
            await at.api.perform("create_order", ORDER)
        at.fulfil.will_answer([])
        assert await at.api.look("create_order", ORDER) is None, "the look says that there is none"


async def test_a_success_with_words_of_partial_success_beside_the_sale_is_the_sale() -> None:
    """Failure case 37: the sale is named by its id; what else the answer says of success or failure changes nothing."""
    sale = {"id": 7, "number": "SO7", "channel_identifier": made_order().channel_identifier}
    for words in ({"message": "Partial Success"}, {"status": "error"}, {"warnings": ["no log"], "error": None}):
        async with door() as at:
            at.fulfil.will_answer({**sale, **words})
            made = await at.api.perform("create_order", ORDER)
            assert made == CreatedSale(id=7, number="SO7", channel_identifier=made_order().channel_identifier)
