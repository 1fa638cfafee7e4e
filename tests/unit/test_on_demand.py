"""What is asked of a callback flow, and what the configuration refuses before anybody asks."""

from __future__ import annotations

from datetime import datetime

import msgspec
import pytest

from connectors.patchworks.requests import CallCallback
from flows.config import Config
from flows.model.on_demand import OnDemandSettings, changed, moment_of, one
from runtime.config import check
from runtime.decision import Effect, Repeat

FLOW = OnDemandSettings(callback="orders", page_size=50)
EXAMPLE = """
[fulfil]
token = "env:T"
[fulfil.api]
base_url = "https://acme.fulfil.io"
[intake]
keys = ["env:T"]
[sales_channels.web]
format = "shopify"
[sales_channels.web.sale]
channel_id = 3
"""
PATCHWORKS = """
[patchworks]
token = "env:T"
[patchworks.callbacks.orders]
url = "env:T"
"""


def question_of(effect: Effect) -> object:
    return msgspec.json.decode(bytes(msgspec.json.decode(effect.body, type=CallCallback).question))


def test_the_question_is_in_utc_and_in_whole_seconds() -> None:
    """Whatever zone the instant came in, the flow compares with UTC."""
    effect = changed(FLOW, datetime.fromisoformat("2026-11-20T14:30:00.9+05:30"), 2)
    assert question_of(effect) == {"since": "2026-11-20T09:00:00Z", "page": 2, "limit": 50}
    assert (effect.api, effect.repeat) == ("patchworks_callbacks", Repeat.SAFE)


def test_one_order_is_asked_for_by_its_id_as_text() -> None:
    """Ids are opaque: they are neither numbers nor cursors."""
    assert question_of(one(FLOW, "0042")) == {"id": "0042"}


def test_a_version_that_is_no_time_of_change_has_none() -> None:
    """It is taken all the same, and moves no watermark."""
    assert moment_of("") is None
    assert moment_of("v7") is None
    assert moment_of("2026-11-20T09:00:00.000000Z") == datetime.fromisoformat("2026-11-20T09:00:00+00:00")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[on_demand.web]\ncallback = "orders"', "there is no [patchworks.callbacks.orders]"),
        (PATCHWORKS + '[on_demand.web]\ncallback = "other"', "there is no [patchworks.callbacks.other]"),
        (PATCHWORKS + '[on_demand.outlet]\ncallback = "orders"', "a sales channel that is not configured: outlet"),
    ],
)
def test_a_flow_that_cannot_be_asked_is_refused(text: str, problem: str) -> None:
    """No such callback, or no such sales channel: `check` says which."""
    problems = check(EXAMPLE + text, Config, env={"T": "0123456789abcdef0123"})
    assert [problem in str(each) for each in problems] == [True]
    assert check(EXAMPLE + PATCHWORKS + '[on_demand.web]\ncallback = "orders"', Config, env={"T": "0" * 20}) == []
