"""A bundle becomes its components by rule: with exact shares of every figure, under ids that stay, or not at all."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.fulfil.wire import CreateOrder
from flows.config import Config
from flows.model.bundles import (
    Bundle,
    Component,
    bundles_in,
    bundles_kept,
    divided,
    exploded,
    part_of,
    pieces,
    rules_broken,
    skus_of,
    told,
)
from flows.model.content import content_of
from flows.model.order import FulfilmentStatus, Order
from flows.model.order_state import OrderState, Status
from flows.model.proof import prove
from flows.model.sale import sale_for
from flows.order_importer import presented
from flows.order_importer.parts import Policy
from runtime.config import check
from runtime.rule import RuleBroken
from tests.unit.made_orders import SETTINGS, both, line, order, shipping, usd, vat
from tests.unit.order_messages import NOW, V2, kinds, only_case, shown, weighed

replace = msgspec.structs.replace


def bundle(**components: int | tuple[int, str]) -> Bundle:
    """A rule: quantities, or quantities and shares; an underscore in a name is a hyphen of the SKU."""
    rows = {
        sku.replace("_", "-"): each if isinstance(each, tuple) else (each, None) for sku, each in components.items()
    }
    return Bundle(
        components={
            sku: Component(quantity=quantity, share=None if share is None else Decimal(share))
            for sku, (quantity, share) in rows.items()
        }
    )


SET = bundle(MUG=(2, "60"), TEA=(1, "40"))
"""Two mugs that bear sixty of a hundred, and a tea."""
RULES = {"SET": SET}


def a_set(gross: str = "30.00", /, **changes: Any) -> Order:
    """An order of one set and what else is said."""
    fields: dict[str, Any] = {"id": "L1", "sku": "SET", "title": "Gift set", **changes}
    return order(gross, lines=(line(gross, **fields),))


def shares(order_: Order, rules: dict[str, Bundle] = RULES) -> list[tuple[str | None, str, str]]:
    """SKU, quantity and gross of every line after the explosion."""
    return [(each.sku, f"{each.quantity:f}", f"{each.gross.shop.amount:f}") for each in exploded(order_, rules).lines]


# -- one line ----------------------------------------------------------------------------------------------------------


def test_a_bundle_becomes_its_components_in_its_place() -> None:
    """Sixty to forty of 30.00, for two mugs and a tea, under the title that the customer bought; nothing else moves."""
    mixed = order(
        "50.00", lines=(line("10.00"), line("30.00", id="L2", sku="SET", title="Gift set"), line("10.00", id="L3"))
    )
    made = exploded(mixed, RULES)
    assert [(each.id, each.sku, each.title, each.quantity, each.gross.shop.amount) for each in made.lines] == [
        ("L1", "MUG-BLUE", "Mug", 1, Decimal("10.00")),
        ("L2:MUG", "MUG", "Gift set", 2, Decimal("18.00")),
        ("L2:TEA", "TEA", "Gift set", 1, Decimal("12.00")),
        ("L3", "MUG-BLUE", "Mug", 1, Decimal("10.00")),
    ]
    assert made.lines[1].unit_price.shop.amount == Decimal("9.000000")
    assert replace(made, lines=mixed.lines) == mixed


@pytest.mark.parametrize(
    ("rule", "gross", "expected"),
    [
        (bundle(A=1, B=1), "10.00", ["5.00", "5.00"]),
        (bundle(A=1, B=1, C=1), "10.00", ["3.34", "3.33", "3.33"]),
        (bundle(A=6, B=1), "70.00", ["60.00", "10.00"]),
        (bundle(A=(6, "1"), B=(1, "1")), "70.00", ["35.00", "35.00"]),
        (bundle(A=(1, "33.3"), B=(1, "66.7")), "10.00", ["3.33", "6.67"]),
        (bundle(A=(1, "0"), B=(1, "5")), "9.99", ["0.00", "9.99"]),
        (bundle(A=(1, "0.1"), B=(1, "2e2")), "20.01", ["0.01", "20.00"]),
        (bundle(A=3), "10.00", ["10.00"]),
        (bundle(A=1, B=1), "0.01", ["0.01", "0.00"]),
        (bundle(A=1, B=1), "0.00", ["0.00", "0.00"]),
        (bundle(A=1, B=1), "-10.01", ["-5.01", "-5.00"]),
    ],
)
def test_shares_are_those_of_the_rule_or_the_same_for_each_piece(rule: Bundle, gross: str, expected: list[str]) -> None:
    """Whoever loses most by rounding down gets the cent, and of equals the first."""
    assert [gross for _, _, gross in shares(a_set(gross), {"SET": rule})] == expected


def test_every_figure_is_divided_and_adds_up_on_both_sides() -> None:
    """Gross, discount and two taxes of three sets; quantities are integers times integers, what is left is, too."""
    sold = line(
        "100.01", id="L1", sku="SET", quantity=Decimal(3), quantity_left=Decimal(2), gross=both("100.01", "92.03"),
        discount=both("10.00", "9.20"),
        taxes=(vat("18.01", amount=both("18.01", "16.57")), vat("0.03", name="City", amount=both("0.03", "0.02"))),
    )  # fmt: skip
    mug, tea = exploded(order("1", lines=(sold,), presentment_currency="EUR"), RULES).lines
    assert [(each.quantity, each.quantity_left) for each in (mug, tea)] == [(6, 4), (3, 2)]
    assert (mug.gross, tea.gross) == (both("60.01", "55.22"), both("40.00", "36.81"))
    assert (mug.discount, tea.discount) == (both("6.00", "5.52"), both("4.00", "3.68"))
    assert [tax.amount for tax in mug.taxes] == [both("10.81", "9.94"), both("0.02", "0.01")]
    assert [tax.amount for tax in tea.taxes] == [both("7.20", "6.63"), both("0.01", "0.01")]
    assert [(tax.name, tax.rate) for tax in tea.taxes] == [("VAT", Decimal("0.2")), ("City", Decimal("0.2"))]


def test_no_component_is_sold_for_less_than_nothing() -> None:
    """Dividing price and discount each on its own would: 0.11 gives the third 0.01, and 0.10 gives it 0.02."""
    assert divided(Decimal("0.11"), (6, 6, 2), 2)[2] < divided(Decimal("0.10"), (6, 6, 2), 2)[2]
    rule = {"SET": bundle(A=(1, "6"), B=(1, "6"), C=(1, "2"))}
    made = exploded(a_set("0.11", discount=usd("0.10")), rule).lines
    assert [each.gross.shop.amount - each.discount.shop.amount for each in made] == [Decimal("0.01"), 0, 0]
    assert sum(each.gross.shop.amount for each in made) == Decimal("0.11")


def test_prices_that_contain_their_taxes_are_divided_net_first() -> None:
    """30.01 with 5.00 of tax: what is kept is 25.01, which is 15.01 and 10.00."""
    inclusive = replace(a_set("30.01", taxes=(vat("5.00"),)), taxes_included=True)
    mug, tea = exploded(inclusive, RULES).lines
    assert [(each.gross.shop.amount, each.taxes[0].amount.shop.amount) for each in (mug, tea)] == [
        (Decimal("18.01"), Decimal("3.00")),
        (Decimal("12.00"), Decimal("2.00")),
    ]


@pytest.mark.parametrize(
    ("amount", "digits", "expected"),
    [
        ("2.222", 2, ["1.112", "1.11"]),
        ("0.005", 2, ["0.005", "0.00"]),
        ("0.015", 2, ["0.015", "0.00"]),
        ("0.025", 2, ["0.005", "0.02"]),
        ("-0.025", 2, ["-0.005", "-0.02"]),
        ("1000.5", 0, ["500.5", "500"]),
        ("1002.5", 0, ["500.5", "502"]),
        ("0.0009", 3, ["0.0009", "0.000"]),
        ("999999999999999999.99", 2, ["500000000000000000.00", "499999999999999999.99"]),
    ],
)
def test_what_is_finer_than_money_stays_in_one_piece(amount: str, digits: int, expected: list[str]) -> None:
    """So that the parts, rounded half to even, add up to the whole, rounded half to even."""
    assert [f"{part:f}" for part in divided(Decimal(amount), (1, 1), digits)] == expected


@pytest.mark.parametrize(("line_id", "ids"), [("7", ["7:MUG", "7:TEA"]), ("", ["line:MUG", "line:TEA"])])
def test_ids_of_components_stay_and_are_unique_in_the_sale(line_id: str, ids: list[str]) -> None:
    """They name the line of the sales channel; where that has no id, the sale numbers them as it numbers lines."""
    assert [each.id for each in exploded(a_set(id=line_id), RULES).lines] == ids
    twice = order("60.00", lines=tuple(line("30.00", id=line_id, sku="SET") for _ in range(2)))
    answer = sale_for(exploded(twice, RULES), SETTINGS)
    assert isinstance(answer, CreateOrder)
    assert [each.channel_identifier for each in answer.sale_lines] == [*ids, *(f"{each}-2" for each in ids)]


@pytest.mark.parametrize("quantity", ["0", "-1", "1.5"])
def test_odd_quantities_are_left_to_the_sale(quantity: str) -> None:
    """Nothing is raised, and what could not be sold whole cannot be sold in parts."""
    made = a_set(quantity=Decimal(quantity))
    assert [each.quantity for each in exploded(made, RULES).lines] == [Decimal(quantity) * 2, Decimal(quantity)]
    whole, parts = sale_for(made, SETTINGS), sale_for(exploded(made, RULES), SETTINGS)
    assert isinstance(parts, CreateOrder) is isinstance(whole, CreateOrder) is (quantity == "1.5")


# -- an order ----------------------------------------------------------------------------------------------------------


def test_without_a_rule_everything_is_passed_through() -> None:
    """The very same order; a SKU is compared exactly."""
    made = a_set()
    assert exploded(made, {}) is made
    for sku in ("set", "SET ", None):
        other = a_set(sku=sku)
        assert exploded(other, RULES) == other
        assert bundles_in(other, RULES) == {}
        assert skus_of(other, RULES) == [sku or ""]


def test_what_is_taken_from_the_shelf_is_asked_by_sku_and_quantity() -> None:
    """For whoever counts stock: no order is needed for it."""
    assert pieces("SET", Decimal(3), RULES) == (("MUG", Decimal(6)), ("TEA", Decimal(3)))
    assert pieces("MUG", Decimal(3), RULES) == (("MUG", Decimal(3)),)
    assert skus_of(a_set(), RULES) == ["MUG", "TEA"]


def test_an_explosion_changes_no_total_and_no_proof() -> None:
    """The proof is that of the published order, and would be the same of the other."""
    made = order(
        "41.20",
        lines=(line("30.00", sku="SET", discount=usd("0.01"), taxes=(vat("6.01"),)),),
        shipping_lines=(shipping("5.20"),),
    )
    parts = exploded(made, RULES)
    assert prove(made).holds
    assert prove(parts) == prove(made)
    answer = sale_for(parts, SETTINGS)
    assert isinstance(answer, CreateOrder)
    assert [(each.sku, each.amount, each.tax_lines[0].amount) for each in answer.sale_lines] == [
        ("MUG", Decimal("17.99"), Decimal("3.61")),
        ("TEA", Decimal("12.00"), Decimal("2.40")),
    ]
    assert answer.amount == Decimal("41.20")


# -- the decision ------------------------------------------------------------------------------------------------------


def test_a_sale_is_made_of_components_and_the_timeline_says_so() -> None:
    """An alias of a component is applied like any other; the order itself stays what the sales channel said."""
    made = a_set()
    message = replace(shown(), order=made, proof=prove(made), bundles=RULES, aliases={"TEA": "TEA-GREEN"})
    decision = weighed(OrderState(), message)
    (effect,) = decision.effects
    (_, sent) = msgspec.json.decode(effect.body)
    assert [(each["sku"], each["quantity"]) for each in sent["sale_lines"]] == [("MUG", 2), ("TEA-GREEN", 1)]
    assert [(fact.kind, fact.values) for fact in decision.facts] == [
        ("exploded", {"bundles": "'SET' as 2 'MUG' and 1 'TEA'"}),
        ("aliased", {"skus": "'TEA' as 'TEA-GREEN'"}),
        ("decided", {"lines": 2}),
    ]
    assert decision.state.content == content_of(made)


def test_what_a_sale_cannot_be_made_of_holds_the_bundle() -> None:
    """A component that is missing is told with the bundle that it comes from: no line of the order has its SKU."""
    made = a_set()
    hints = {"TEA": f"; 'tea' differs only in case or spaces{part_of('TEA', RULES)}"}
    message = replace(shown(), order=made, proof=prove(made), bundles=RULES, missing=("TEA",), hints=hints)
    decision = weighed(OrderState(), message)
    assert (decision.state.status, kinds(decision.state)) == (Status.HELD, ["sku.unknown"])
    assert only_case(decision).sentence == (
        "the SKU 'TEA' is not in Fulfil; 'tea' differs only in case or spaces; it is a part of the bundle 'SET'"
    )
    assert part_of("MUG-BLUE", RULES) == ""


OLD, TODAY = bundle(MUG=1), bundle(TEA=3)


@pytest.mark.parametrize(
    ("before", "after", "made", "kept"),
    [
        (["SET"], ["SET"], {"SET": OLD}, {"SET": OLD}),
        (["SET"], ["SET"], {}, {}),
        (["MUG"], ["MUG", "SET"], {}, {"SET": TODAY}),
        (["SET"], ["MUG"], {"SET": OLD}, {"SET": OLD}),
        (["MUG"], ["SET"], {"SET": OLD}, {"SET": OLD}),
        (["MUG"], ["MUG"], {}, {}),
    ],
)
def test_a_sale_stays_divided_as_it_was_made(
    before: list[str], after: list[str], made: dict[str, Bundle], kept: dict[str, Bundle]
) -> None:
    """Whatever the rule has become: only a bundle that an edit adds follows the rule of today."""
    one, other = (order(lines=tuple(line("10.00", sku=sku) for sku in skus)) for skus in (before, after))
    assert bundles_kept(one, other, made, {"SET": TODAY}) == kept


def test_an_edit_of_a_bundle_changes_the_components_that_the_sale_has() -> None:
    """Under their own ids; that a part was shipped meanwhile is what we did, and no reason against it."""
    first = a_set(quantity=Decimal(3))
    state = weighed(OrderState(), replace(shown(), order=first, proof=prove(first), bundles=RULES)).state
    assert state.bundles == RULES
    imported = replace(state, status=Status.IMPORTED, sale=9)
    second = replace(a_set("20.00", quantity=Decimal(2)), fulfilment_status=FulfilmentStatus.PARTIAL)
    message = replace(shown(V2), order=second, proof=prove(second), before=first, bundles=RULES)
    work = presented(imported, message, NOW, SETTINGS, policy=Policy(amends="keyed_upsert")).state.work
    assert work is not None
    assert work.amendment is not None
    sent = msgspec.json.decode(work.amendment.body)[1]["sale_lines"]
    assert [(each["channel_identifier"], each["quantity"], each["quantity_canceled"]) for each in sent] == [
        ("L1:MUG", 6, 2),
        ("L1:TEA", 3, 1),
    ]
    assert "6 x MUG became 4 x MUG" in work.told


def test_several_bundles_are_told_in_one_sentence() -> None:
    """With the pieces of each."""
    assert told({"SET": SET, "TWO": bundle(MUG=2)}) == "'SET' as 2 'MUG' and 1 'TEA', 'TWO' as 2 'MUG'"


# -- configuration -----------------------------------------------------------------------------------------------------

BASE = Path(__file__).parents[2] / "deploy" / "seamline.example.toml"
SECRETS = {"FULFIL_TOKEN": "token", "SEAMLINE_INTAKE_KEY": "0123456789abcdef", "SEAMLINE_CONTROL_KEY": "control"}


def problems(text: str) -> list[tuple[str, int, str]]:
    """What `check` says of these bundles of the sales channel `web`: place, line below the first of them, sentence."""
    base = BASE.read_text(encoding="utf-8").rstrip("\n") + "\n"
    first = base.count("\n")
    return [
        (each.path.removeprefix("sales_channels.web.bundles."), (each.line or 0) - first, each.sentence)
        for each in check(base + text, Config, env=SECRETS)
    ]


def test_bundles_are_configured_by_sku() -> None:
    """In one line or in sections of their own; shares as decimals, exactly."""
    assert (
        problems("""\
[sales_channels.web.bundles.GIFT-SET]
components = { "MUG-BLUE" = { quantity = 2, share = 60 }, "TEA 1/2" = { share = 40.5 } }
[sales_channels.web.bundles."SET/2".components.MUG-BLUE]
quantity = 2
""")
        == []
    )


def test_every_problem_of_the_bundles_is_named_with_its_place() -> None:
    """All of them in one run."""
    found = problems("""\
[sales_channels.web.bundles]
A = { components = { B = {} } }
B = { components = { "MUG " = {}, TEA = {} } }
C = { components = { C = {}, MUG = {} } }
" D" = { components = { MUG = {} } }
""")
    again = "say here what it is made of, in the end"
    no_sku = "is no SKU: no order has one that is empty, or has spaces around it"
    assert found == [
        ("A.components.B", 2, f"is a bundle itself; {again}"),
        ('B.components."MUG "', 3, no_sku),
        ("C.components.C", 4, f"a bundle cannot contain itself; {again}"),
        ('" D"', 5, no_sku),
    ]
    found = problems("""\
[sales_channels.web.bundles]
E = { components = { MUG = { share = 1 }, TEA = {} } }
F = { components = { MUG = { share = 0 }, TEA = { share = 0 } } }
G = { components = {} }
H = { components = { MUG = { quantity = 0 } } }
I = { components = { MUG = { quantity = 1.5 } } }
J = { components = { MUG = { share = -1 } } }
K = { parts = {} }
L = { components = { MUG = { share = 0.1234567 } } }
""")
    assert [(place, n) for place, n, _ in found] == [
        ("E.components.TEA", 2),
        ("F.components", 3),
        ("G.components", 4),
        ("H.components.MUG.quantity", 5),
        ("I.components.MUG.quantity", 6),
        ("J.components.MUG.share", 7),
        ("K.parts", 8),
        ("K.components", 8),
        ("L.components.MUG.share", 9),
    ]
    assert "has no share of the price, and others have one" in found[0][2]
    assert "give one a share above 0" in found[1][2]


def test_a_rule_that_is_made_in_code_is_held_to_the_same() -> None:
    """The tests' own rules are sound."""
    assert rules_broken(RULES) == {}
    with pytest.raises(RuleBroken, match="has no share"):
        bundle(MUG=(1, "1"), TEA=1)
