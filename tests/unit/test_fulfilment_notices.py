"""The notices of one order: tables of (state, message) -> decision."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from flows.fulfilment_watcher.keeping import Notice, OrderShipments, Progress, Seen, Withdrawal, progress, units_told
from flows.fulfilment_watcher.notices import decide
from flows.fulfilment_watcher.parts import (
    Component,
    NoticeRefused,
    NoticeSent,
    NoticeTold,
    OrderedLine,
    Overdue,
    Parcel,
    PartLine,
    ShipmentCancelled,
    ShipmentPart,
    ShipmentSeen,
)
from flows.model.fulfilments import FulfilmentSettings
from flows.model.messages import Recheck
from flows.model.outgoing import FlowTarget
from runtime.decision import Decision

NOW = datetime(2026, 11, 20, 15, 42, tzinfo=UTC)
KEY = "web/1001"
SETTINGS = FulfilmentSettings(
    flow=FlowTarget(flow_id="4331"),
    carriers={"UPS": "ups", "DPD": "dpd"},
    services={"UPS Ground": "Ground"},
    locations={"4": "LEEDS"},
)
UPS = {"carrier": "UPS", "service": "UPS Ground"}
MUG, CAP = OrderedLine("11", "MUG", Decimal(3)), OrderedLine("12", "CAP", Decimal(2))


def line(line_id: str, sku: str, quantity: int) -> PartLine:
    return PartLine(line_id, sku, Decimal(quantity))


def part(id_: int = 1, *lines: PartLine, parcels: tuple[str, ...] = ("1Z1",), **more: Any) -> ShipmentPart:
    fields: dict[str, Any] = {
        "shipment": f"out-{id_}",
        "number": f"CS{id_}",
        "changed_at": NOW,
        "shipped_on": NOW.date(),
        "warehouse": 4,
        "parcels": tuple(Parcel(number) for number in parcels),
        "lines": lines or (line("11", "MUG", 3),),
        "ordered": (MUG, CAP),
        "reference": "#UK1001",
        "sale": 77,
        **UPS,
    }
    return ShipmentPart(**{**fields, **more})


class Order:
    """The decisions on one order, and what was sent of it, one after the other."""

    def __init__(self, settings: FulfilmentSettings = SETTINGS) -> None:
        self.settings, self.state, self.now = settings, OrderShipments(key=KEY), NOW
        self.sent: list[dict[str, Any]] = []
        self.facts: list[str] = []
        self.last = Decision(state=self.state)

    def takes(self, message: Any) -> Order:
        self.now += timedelta(seconds=1)
        self.last = decide(self.state, message, self.now, self.settings)
        self.state = msgspec.json.decode(msgspec.json.encode(self.last.state), type=OrderShipments)
        self.sent += [
            msgspec.json.decode(write.row[3]) for write in self.last.writes if write.statement == "put_outgoing"
        ]
        self.facts += [fact.kind for fact in self.last.facts]
        return self

    def sees(
        self, what: ShipmentPart, *, known: bool = True, left: dict[str, int] | None = None, old: bool = False
    ) -> Order:
        units = {line_id: Decimal(units) for line_id, units in (left or {}).items()}
        return self.takes(Seen(message=ShipmentSeen(part=what, old=old), is_known=known, left=units))

    def rechecks(self, because: str = "later", *, known: bool = True) -> Order:
        return self.takes(Seen(message=Recheck(because=because), is_known=known))

    def is_sent(self, id_: int = 1) -> Order:
        return self.takes(NoticeSent(notice=f"out-{id_}-1001", run_id="r", at=self.now))

    def is_told(self, id_: int = 1, *numbers: str) -> Order:
        return self.takes(NoticeTold(notice=f"out-{id_}-1001", numbers=numbers, at=self.now))

    def notice(self, id_: int = 1) -> Notice:
        return self.state.notices[f"out-{id_}"]

    @property
    def status(self) -> str:
        return self.notice().status

    @property
    def cases(self) -> list[tuple[str, str]]:
        return [(case.kind, case.cause) for case in self.state.cases]

    @property
    def told_units(self) -> list[dict[str, int]]:
        return [{each["order_line_id"]: each["quantity"] for each in sent["lines"]} for sent in self.sent]


def settings(**changes: Any) -> FulfilmentSettings:
    return msgspec.structs.replace(SETTINGS, **changes)


# -- what is told ------------------------------------------------------------------------------------------------------


def test_a_notice_says_what_the_sales_channel_calls_things() -> None:
    """Carrier, service and place are mapped; lines carry the sales channel's ids; the key is shipment and order."""
    order = Order().sees(part(55310, parcels=("1Z5R89390357567127",)))
    assert order.sent == [
        {
            "fulfilment_id": "out-55310-1001",
            "order": {"source": "web", "id": "1001", "name": "#UK1001"},
            "shipped_at": "2026-11-20T15:42:00Z",
            "location": "LEEDS",
            "carrier": "ups",
            "lines": [{"order_line_id": "11", "sku": "MUG", "quantity": 3}],
            "service": "Ground",
            "tracking": [
                {
                    "number": "1Z5R89390357567127",
                    "url": "https://wwwapps.ups.com/WebTracking/track?track=yes&trackNums=1Z5R89390357567127",
                }
            ],
            "version_id": "out-55310-1001@1",
        }
    ]
    assert (order.notice(55310).status, order.facts, order.cases) == ("waiting", ["shipped"], [])


def test_the_same_facts_again_are_no_news() -> None:
    """Rule 13: a later read brings another time of change, and nothing that is told."""
    order = Order().sees(part()).sees(part(changed_at=NOW + timedelta(minutes=3)))
    assert len(order.sent) == 1
    order.is_sent().sees(part(changed_at=NOW + timedelta(days=1)))
    assert (len(order.sent), order.status) == (1, "sent")


def test_a_tracking_number_that_is_corrected_is_an_update_and_no_repeat() -> None:
    """Rule 13: the same id, a higher version, the same units; it has to be told again."""
    order = Order().sees(part()).is_sent().is_told().sees(part(parcels=("1Z2",)))
    first, second = order.sent
    assert (first["fulfilment_id"], first.get("version", 1)) == ("out-1-1001", 1)
    assert (second["fulfilment_id"], second["version"], second["version_id"]) == ("out-1-1001", 2, "out-1-1001@2")
    assert (second["lines"], second["shipped_at"]) == (first["lines"], first["shipped_at"])
    assert order.status == "waiting"
    assert order.is_sent().is_told().status == "sent", "that the sales channel has it does not prove the new number"
    assert order.is_told(1, "1Z1").status == "sent"
    assert order.is_told(1, "1Z2").status == "told"


def test_partial_shipments_three_parcels_and_two_carriers_are_kept_apart() -> None:
    """Failure case 26: each fulfilment has its lines, numbers and carrier; the sums are what was ordered."""
    order = Order()
    order.sees(part(1, line("11", "MUG", 2), parcels=("1Z1", "1Z2", "1Z3")))
    order.sees(part(2, line("11", "MUG", 1), line("12", "CAP", 2), carrier="DPD", service="", parcels=("D1",)))
    assert order.told_units == [{"11": 2}, {"11": 1, "12": 2}]
    assert [[each["number"] for each in sent["tracking"]] for sent in order.sent] == [["1Z1", "1Z2", "1Z3"], ["D1"]]
    assert [sent["carrier"] for sent in order.sent] == ["ups", "dpd"]
    assert len({sent["fulfilment_id"] for sent in order.sent}) == 2


# -- carriers ----------------------------------------------------------------------------------------------------------


def test_an_unmapped_carrier_holds_the_notice_until_it_is_mapped() -> None:
    """Failure case 27: the notice is held, with operations; after a restart with the mapping it goes by itself."""
    order = Order().sees(part(carrier="DPD Next Day v2"))
    assert (order.sent, order.status, order.cases) == ([], "held", [("carrier.unmapped", "DPD Next Day v2")])
    assert "fulfilments.carriers" in order.state.cases[0].sentence
    order.rechecks()
    assert order.sent == []
    order.settings = settings(carriers={**SETTINGS.carriers, "DPD Next Day v2": "dpd"})
    order.rechecks()
    assert ([sent["carrier"] for sent in order.sent], order.status, order.cases) == (["dpd"], "waiting", [])


def test_what_is_held_was_not_told_and_its_units_are_nobody_elses() -> None:
    """An order whose only shipment is held is shipped, and no more than that; a second shipment has no part of it."""
    order = Order().sees(part(1, line("11", "MUG", 3), line("12", "CAP", 2), carrier="Bob's van"))
    assert (order.status, progress(order.state)) == ("held", Progress("shipped", Decimal(5), Decimal(5)))
    assert order.notice().units == {"11": 3, "12": 2}
    order.sees(part(2, line("12", "CAP", 2)))
    assert (order.sent, order.notice(2).status) == ([], "partial")
    assert progress(order.state).state == "shipped"


def test_what_was_told_is_not_taken_back_by_a_carrier_that_is_not_mapped() -> None:
    """The units of the version that was told stand, whatever the shipment says while it is held."""
    order = Order().sees(part()).is_sent().is_told()
    order.sees(part(1, line("11", "MUG", 1), carrier="Bob's van"))
    assert (order.status, order.notice().units) == ("held", {"11": 3})
    assert progress(order.state).state == "partially shipped"


def test_what_the_sales_channel_has_is_told_still_when_its_carrier_is_as_it_was_again() -> None:
    """Somebody chose another carrier in Fulfil, and took that back: nothing of what was told has changed."""
    order = Order().sees(part()).is_sent().is_told()
    order.sees(part(carrier="Courier of nobody")).sees(part())
    assert (order.status, len(order.sent), order.cases) == ("told", 1, [])


def test_by_policy_it_is_sent_under_fulfils_name_with_an_explicit_address() -> None:
    """Failure case 27: no sales channel guesses an address; without one it is held after all."""
    asked = settings(unmapped="send", tracking_urls={"Bob's van": "https://bob.example/{number}"})
    order = Order(asked).sees(part(carrier="Bob's van", service=""))
    (sent,) = order.sent
    assert (sent["carrier"], sent["tracking"]) == ("Bob's van", [{"number": "1Z1", "url": "https://bob.example/1Z1"}])
    assert not order.notice().mapped
    nowhere = Order(asked).sees(part(carrier="Ann's van"))
    assert (nowhere.sent, nowhere.cases) == ([], [("carrier.unmapped", "Ann's van")])


@pytest.mark.parametrize(
    ("more", "held_for"),
    [
        ({"service": "Express"}, "UPS: Express"),
        ({"carrier": ""}, "no carrier"),
        ({"carrier": "", "pick_up": True, "service": ""}, ""),
        ({"service": ""}, ""),
        ({"service": "?", "service_code": "UPS Ground"}, ""),
    ],
)
def test_services_and_missing_carriers_are_mapped_too(more: dict[str, Any], held_for: str) -> None:
    """A service by code or name, once any is mapped; a pick-up needs no carrier."""
    order = Order().sees(part(**more))
    assert order.cases == ([("carrier.unmapped", held_for)] if held_for else [])
    assert bool(order.sent) is not bool(held_for)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"carrier": "DPD UK"}, "the carrier 'DPD UK' is not mapped: add it under fulfilments.carriers of the"),
        (
            {"carrier": ""},
            'it has no carrier in Fulfil: set one there, or map the empty name "" under fulfilments.carr',
        ),
        ({"service": "", "service_code": "x1"}, "the service 'x1' is not mapped: add it under fulfilments.services of"),
    ],
)
def test_the_case_says_what_can_be_done(more: dict[str, Any], said: str) -> None:
    """Nobody can map what has no name, so for that there is another remedy; both work."""
    order = Order().sees(part(**more))
    assert f"shipment CS1: {said}" in order.state.cases[0].sentence
    order.sees(part())
    assert (order.cases, len(order.sent)) == ([], 1)


def test_shipments_without_a_carrier_go_under_the_name_that_the_empty_one_is_mapped_to() -> None:
    """And by policy without any, unless a parcel has no address."""
    (sent,) = Order(settings(carriers={"": "other"})).sees(part(carrier="")).sent
    assert sent["carrier"] == "other"
    order = Order(settings(unmapped="send")).sees(part(carrier=""))
    assert order.state.cases[0].sentence.endswith("sent without one, since a parcel of it has no tracking address")


def test_services_that_nobody_maps_go_under_fulfils_names() -> None:
    """Where there is no map of services at all."""
    (sent,) = Order(settings(services={})).sees(part(service="Express")).sent
    assert sent["service"] == "Express"


def test_a_number_with_a_wrong_check_digit_warns_and_goes_all_the_same() -> None:
    """Rule 13: it never blocks."""
    order = Order().sees(part(parcels=("1Z5R89390357567128",)))
    assert (len(order.sent), order.notice().suspect) == (1, ("1Z5R89390357567128",))
    assert order.last.facts[0].values["suspect_numbers"] == 1


# -- sums --------------------------------------------------------------------------------------------------------------


def test_lines_that_were_changed_leave_a_residual_and_the_rest_is_sent() -> None:
    """Failure case 28: the sales channel has 1 of 3 left: 1 is told, 2 are a case with their line."""
    order = Order().sees(part(1, line("11", "MUG", 3), line("12", "CAP", 2)), left={"11": 1})
    assert order.told_units == [{"11": 1, "12": 2}]
    assert order.cases == [("fulfilment.residual", "out-1-1001")]
    assert "2 x MUG (line 11)" in order.state.cases[0].sentence


def test_sums_over_shipments_never_exceed_what_was_ordered() -> None:
    """A second shipment brings what is left, and its residual; one that brings nothing that is left tells nothing."""
    order = Order().sees(part(1, line("11", "MUG", 2))).sees(part(2, line("11", "MUG", 2)))
    assert (order.told_units, order.cases) == ([{"11": 2}, {"11": 1}], [("fulfilment.residual", "out-2-1001")])
    order.sees(part(3, line("11", "MUG", 1)))
    assert (len(order.sent), order.notice(3).status) == (2, "partial")


def test_units_that_nobody_ordered_at_the_sales_channel_are_a_residual() -> None:
    """A line that somebody added to the sale in Fulfil."""
    order = Order().sees(part(1, line("11", "MUG", 3), line("sale.line,9", "GIFT", 1)))
    assert (order.told_units, order.cases) == ([{"11": 3}], [("fulfilment.residual", "out-1-1001")])


def test_a_refund_after_the_notice_does_not_make_it_smaller() -> None:
    """Goods that came back were shipped all the same; a tracking edit tells the same units."""
    order = Order().sees(part()).is_sent().sees(part(parcels=("1Z2",)), left={"11": 1})
    assert order.told_units == [{"11": 3}, {"11": 3}]


def test_a_kit_is_told_only_for_complete_sets() -> None:
    """Rule 13: two cups and a pot make a set; what the second shipment completes, it tells."""

    def of(cups: int, pots: int) -> PartLine:
        parts = Component("1", Decimal(cups), Decimal(2)), Component("2", Decimal(pots), Decimal(1))
        return PartLine("13", "TEA", Decimal(0), parts)

    ordered = (OrderedLine("13", "TEA", Decimal(3)),)
    order = Order().sees(part(1, of(5, 0), ordered=ordered))
    assert (order.sent, order.status, order.cases) == ([], "partial", [])
    order.sees(part(2, of(0, 2), ordered=ordered)).sees(part(3, of(1, 1), ordered=ordered))
    assert order.told_units == [{"13": 2}, {"13": 1}]


# -- orders that nobody knows, and shipments of before -----------------------------------------------------------------


def test_a_shipment_of_an_unknown_order_is_held_until_the_order_comes() -> None:
    """An orphan, with what is known of it; it is looked for again."""
    order = Order().sees(part(), known=False)
    assert (order.status, order.cases, order.sent) == ("held", [("fulfilment.orphan", "out-1-1001")], [])
    assert "CS1 brings 3 x MUG of #UK1001 (sale 77)" in order.state.cases[0].sentence
    assert [timer.name for timer in order.last.timers] == ["look"]
    order.now += timedelta(days=3)
    (look,) = order.rechecks(known=False).last.timers
    assert look.due == order.now + timedelta(hours=1), "after a weekend somebody may bring it, too"
    order.rechecks(known=True)
    assert (order.status, order.cases, len(order.sent)) == ("waiting", [], 1)


def test_a_person_or_the_policy_lets_it_be_told_all_the_same() -> None:
    """After a cutover orders of the time before are still shipped."""
    assert len(Order().sees(part(), known=False).rechecks("person", known=False).sent) == 1
    assert len(Order(settings(unknown_orders="send")).sees(part(), known=False).sent) == 1


def test_what_was_shipped_before_anybody_wanted_to_be_told_counts_and_is_not_told() -> None:
    """The sales channel knows it already."""
    order = Order().sees(part(1, line("11", "MUG", 2), shipped_on=date(2026, 1, 2)), old=True)
    order.sees(part(2, line("11", "MUG", 2)))
    assert (order.told_units, order.notice(1).status) == ([{"11": 1}], "known")


# -- sent and told -----------------------------------------------------------------------------------------------------


def test_sent_is_not_told() -> None:
    """Rule 14: it is overdue until the sales channel says that it has it."""
    order = Order().sees(part()).is_sent()
    (timer,) = order.last.timers
    assert (order.status, timer.due - order.now) == ("sent", timedelta(seconds=899))
    order.takes(Overdue())
    assert order.cases == []
    order.now += timedelta(minutes=15)
    order.takes(Overdue())
    assert order.cases == [("fulfilment.untold", "out-1-1001")]
    order.is_told()
    assert (order.status, order.cases, order.facts[-1]) == ("told", [], "told")


def test_what_should_have_been_told_is_a_case_whichever_comes_first_its_timer_or_news_of_another() -> None:
    """News of another one sets the timer anew: after a restart it may come before the timer that was due meanwhile."""
    order = Order().sees(part(1, line("11", "MUG", 1))).is_sent()
    order.sees(part(2, line("11", "MUG", 1)))
    order.now += timedelta(hours=1)
    assert order.is_sent(2).cases == [("fulfilment.untold", "out-1-1001")]


def test_what_a_person_has_seen_to_is_no_case_again_because_of_another_shipment() -> None:
    """A correction that is not told is one."""
    order = Order().sees(part(1, line("11", "MUG", 1))).is_sent()
    order.now += timedelta(hours=1)
    assert order.takes(Overdue()).rechecks("person").cases == []
    order.sees(part(2, line("11", "MUG", 1))).is_sent(2).takes(Overdue())
    assert order.cases == []
    order.sees(part(1, line("11", "MUG", 1), parcels=("1Z9",))).is_sent(1)
    order.now += timedelta(hours=1)
    assert order.takes(Overdue()).cases == [
        ("fulfilment.untold", "out-1-1001"),
        ("fulfilment.untold", "out-2-1001"),
    ]


def test_a_sales_channel_that_cannot_say_what_it_has_is_not_waited_for() -> None:
    """`evidence = "none"`: sent is all that is known."""
    order = Order(settings(evidence="none")).sees(part()).is_sent()
    assert (order.last.timers, order.status) == ((), "sent")


def test_the_sales_channels_word_counts_before_the_run_has_ended() -> None:
    """A manifest may be quicker than the list of runs."""
    order = Order().sees(part()).is_told()
    assert order.status == "told"
    assert order.is_sent().status == "told"


def test_an_update_with_the_numbers_of_before_is_told_only_after_it_was_sent() -> None:
    """What the sales channel names is then what it was told before: more units, or another carrier, are not in that."""
    order = Order().sees(part(1, line("11", "MUG", 2))).is_sent().is_told().sees(part(1, line("11", "MUG", 3)))
    assert order.is_told(1, "1Z1").status == "waiting"
    assert order.is_sent().is_told(1, "1Z1").status == "told"
    order.sees(part(1, line("11", "MUG", 3), parcels=("1Z1", "1Z2")))
    assert order.is_told(1, "1Z1", "1Z2").status == "told", "the numbers of this version, before its run has ended"


def test_a_notice_that_its_flow_fails_with_waits_for_somebody() -> None:
    """And is sent when a later try succeeds."""
    order = Order().sees(part()).takes(NoticeRefused(notice="out-1-1001"))
    assert (order.status, order.is_sent().status) == ("refused", "sent")


# -- cancelled shipments -----------------------------------------------------------------------------------------------


def test_a_shipment_that_is_cancelled_before_it_was_sent_is_withdrawn() -> None:
    """Its units are free for another one."""
    order = Order().sees(part()).takes(ShipmentCancelled(shipment="out-1"))
    assert order.last.writes[0].statement == "keep_back_outgoing"
    assert order.status == "withdrawing"
    order.sees(part(2))
    assert (order.told_units, order.cases) == ([{"11": 3}], [("fulfilment.residual", "out-2-1001")])
    order.takes(Withdrawal(notice="out-1-1001", place=-1))
    assert ([timer.name for timer in order.last.timers], order.status) == (["withdraw out-1-1001"], "withdrawing")
    order.takes(Withdrawal(notice="out-1-1001", place=0)).takes(Withdrawal(notice="out-1-1001", place=2))
    assert "drop_outgoing" in [write.statement for write in order.last.writes]
    assert (order.told_units, order.cases, order.status) == ([{"11": 3}, {"11": 3}], [], "withdrawn")


def test_a_shipment_that_is_cancelled_after_it_was_sent_is_a_case() -> None:
    """The sales channel shows as shipped what is not, and its units stay counted."""
    order = Order().sees(part()).is_sent().takes(ShipmentCancelled(shipment="out-1"))
    assert order.cases == [("fulfilment.cancelled", "out-1-1001")]
    order.sees(part(2))
    assert order.told_units == [{"11": 3}]
    late = Order().sees(part()).takes(ShipmentCancelled(shipment="out-1")).is_sent()
    assert late.cases == [("fulfilment.cancelled", "out-1-1001")], "its start had been under way already"
    assert Order().takes(ShipmentCancelled(shipment="out-9")).state.notices == {}


def test_units_of_a_fulfilment_that_a_person_has_cancelled_there_are_told_with_the_shipment_that_has_them_now() -> None:
    """Before that they are left over: the sales channel still has the first one."""
    order = Order().sees(part()).is_sent().takes(ShipmentCancelled(shipment="out-1")).sees(part(2))
    assert order.cases == [("fulfilment.cancelled", "out-1-1001"), ("fulfilment.residual", "out-2-1001")]
    order.rechecks("person")
    assert (order.told_units, order.cases) == ([{"11": 3}, {"11": 3}], [])
    assert order.notice(2).status == "waiting"
    assert (order.status, units_told(order.state)) == ("withdrawn", {"MUG": 3})


def test_a_shipment_of_which_an_earlier_version_had_been_taken_is_a_case_when_it_is_cancelled() -> None:
    """The newest version is taken back in time; the one before is known, and nobody says so any more."""
    order = Order().sees(part()).sees(part(parcels=("1Z9",))).takes(ShipmentCancelled(shipment="out-1"))
    order.takes(Withdrawal(notice="out-1-1001", place=2, taken=True))
    assert (order.status, order.cases) == ("withdrawn", [("fulfilment.cancelled", "out-1-1001")])
    assert order.sees(part(2)).told_units == [{"11": 3}, {"11": 3}], "nothing is left for another one"


def test_a_line_that_is_on_its_way_to_another_flow_is_looked_for_again() -> None:
    """The flow was corrected while the notice was being taken back."""
    order = Order().sees(part()).takes(ShipmentCancelled(shipment="out-1"))
    order.takes(Withdrawal(notice="out-1-1001", place=None))
    assert [timer.name for timer in order.last.timers] == ["withdraw out-1-1001"]


def test_news_of_the_version_before_does_not_count_for_the_one_that_waits() -> None:
    """A run had ended with the first one just before the second was made."""
    order = Order().sees(part())
    ended_at = order.now
    order.sees(part(parcels=("1Z9",))).takes(NoticeSent(notice="out-1-1001", run_id="r", at=ended_at))
    assert (order.status, order.notice().sent_version) == ("waiting", 1)
    order.takes(ShipmentCancelled(shipment="out-1"))
    assert (order.status, order.cases) == ("withdrawing", [("fulfilment.cancelled", "out-1-1001")])
    assert order.last.writes[0].statement == "keep_back_outgoing"
    late = Order().sees(part()).sees(part(parcels=("1Z9",))).takes(ShipmentCancelled(shipment="out-1"))
    late.takes(NoticeSent(notice="out-1-1001", run_id="r", at=ended_at))
    assert (late.status, late.cases) == ("withdrawing", [("fulfilment.cancelled", "out-1-1001")])


# -- how far the order is ----------------------------------------------------------------------------------------------


def test_the_order_follows_its_shipments() -> None:
    """Nothing, partially shipped, shipped, told."""
    order = Order()
    seen = [progress(order.state).state]
    seen.append(progress(order.sees(part(1)).state).state)
    seen.append(progress(order.is_sent().is_told().state).state)
    seen.append(progress(order.sees(part(2, line("12", "CAP", 2))).state).state)
    seen.append(progress(order.is_sent(2).is_told(2).state).state)
    assert seen == ["", "partially shipped", "partially shipped", "shipped", "told"]


def test_a_sales_channel_that_is_no_longer_told_anything_changes_nothing() -> None:
    """Its settings are gone; what it was told stays."""
    order = Order().sees(part())
    order.settings = None  # type: ignore[assignment]
    assert order.sees(part(2)).state.notices.keys() == {"out-1"}
    assert order.is_sent().status == "sent"


# -- what a sales channel may know to be shipped -----------------------------------------------------------------------


def test_units_count_as_told_as_soon_as_a_flow_may_have_them_and_for_good_once_it_has() -> None:
    """A held shipment has told nothing; one that is withdrawn in time neither; one that was sent stays told."""
    unmapped = Order().sees(part(1, carrier="Nobody"))
    assert units_told(unmapped.state) == {}
    order = Order().sees(part(1, line("11", "MUG", 2))).sees(part(2, line("11", "MUG", 1), line("12", "CAP", 2)))
    assert units_told(order.state) == {"MUG": 3, "CAP": 2}
    order.is_sent(1).takes(ShipmentCancelled(shipment="out-1")).takes(ShipmentCancelled(shipment="out-2"))
    assert units_told(order.state) == {"MUG": 3, "CAP": 2}
    order.takes(Withdrawal(notice="out-2-1001", place=2))
    assert (order.notice(2).status, units_told(order.state)) == ("withdrawn", {"MUG": 2})


def test_what_was_shipped_before_anybody_was_to_be_told_and_the_parts_of_a_kit_count_as_told() -> None:
    """The sales channel knows the former from elsewhere; of a kit it knows what every set is made of."""
    kit = PartLine(
        "11", "BOX", Decimal(0), (Component("CUP", Decimal(4), Decimal(2)), Component("POT", Decimal(2), Decimal(1)))
    )
    order = Order().sees(part(1, kit, ordered=(OrderedLine("11", "BOX", Decimal(3)), CAP)))
    assert units_told(order.state) == {"BOX": 2, "CUP": 4, "POT": 2}
    assert units_told(Order().sees(part(1, line("12", "CAP", 2)), old=True).state) == {"CAP": 2}
