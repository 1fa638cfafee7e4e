"""What `seamline check` says about settings that are right one by one, and wrong together."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.terminal import Type


def checked(seamline: Type, tmp_path: Path, more: str = "", **ports: str) -> list[str]:
    """The lines of `check` about a good file with these intake and ops sections."""
    (tmp_path / "key").write_text("secret-0123456789")
    (tmp_path / "key").chmod(0o600)
    config = tmp_path / "seamline.toml"
    config.write_text(
        "[fulfil]\ntoken = 'file:key'\n[fulfil.api]\nbase_url = 'http://127.0.0.1:8000'\n"
        "[sales_channels.web]\nformat = 'shopify'\n[sales_channels.web.sale]\nchannel_id = 3\n"
        f"[intake]\nkeys = ['file:key']\n{ports.get('intake', '')}\n[ops]\n{ports.get('ops', '')}\n{more}"
    )
    said = seamline("check", "--config", str(config))
    *lines, last = said.out.splitlines()
    assert (said.status == 0) == (not lines), said.err
    assert last.endswith("no problems" if not lines else f"{len(lines)} problem{'' if len(lines) == 1 else 's'}")
    return lines


@pytest.mark.parametrize(
    ("intake", "ops", "place"),
    [
        ("port = 9090", "", "line 11, intake.port"),
        ("", "port = 8080", "line 13, ops.port"),
        ("port = 9001", "port = 9001", "line 11, intake.port"),
        ("port = 9090; host = 'localhost'", "", "line 11, intake.port"),
        ("port = 9090; host = '0.0.0.0'", "", "line 11, intake.port"),
        ("port = 9090; host = '127.0.0.2'", "", ""),
        ("port = 9090; host = '::1'", "", ""),
        ("port = 0", "port = 0", ""),
    ],
)
def test_check_refuses_two_listeners_at_one_address(
    seamline: Type, tmp_path: Path, intake: str, ops: str, place: str
) -> None:
    """With the line of one of them, not at the first start."""
    lines = checked(seamline, tmp_path, intake=intake.replace("; ", "\n"), ops=ops)
    assert len(lines) == (1 if place else 0)
    if place:
        assert lines[0].startswith(f"{place}: intake.port and ops.port are both ")


def test_check_names_the_variable_that_makes_listeners_clash(
    seamline: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is right; the environment is not."""
    monkeypatch.setenv("SEAMLINE__INTAKE__PORT", "9090")
    (line,) = checked(seamline, tmp_path)
    assert line.startswith("intake.port: ")
    assert line.endswith("(set by the environment variable SEAMLINE__INTAKE__PORT)")


def test_check_names_each_flow_of_an_unknown_sales_channel(seamline: Type, tmp_path: Path) -> None:
    """With its line, and the sales channels that there are; a missing [patchworks] does not hide it."""
    lines = checked(seamline, tmp_path, "[recovery.flows]\n1201 = 'webb'\n1202 = 'web'\n1203 = 'shop'\n")
    assert lines == [
        "line 14, recovery.flows: their runs are asked for at Patchworks: say under [patchworks] how to call it",
        "line 15, recovery.flows.1201: there is no sales channel 'webb'; there are web",
        "line 17, recovery.flows.1203: there is no sales channel 'shop'; there are web",
    ]


def test_check_names_what_is_wrong_with_the_check_of_listings(seamline: Type, tmp_path: Path) -> None:
    """An unknown sales channel, a callback that is not there, prices without a currency, lists that are always late."""
    more = (
        "[listings.webb]\n[listings.web]\ncallback = 'offers'\n",
        "[listings.web]\ncompare_prices = true\n",
        "[listings.web]\ncallback = 'offers'\ndue_within_s = 3600\n",
    )
    unknown, lost = checked(seamline, tmp_path, more[0])
    assert "listings.webb: listings names a sales channel that is not configured: webb" in unknown
    assert "listings.web.callback: there is no [patchworks.callbacks.offers]" in lost
    (line,) = checked(seamline, tmp_path, more[1])
    assert "listings.web.price_currency: compare_prices needs price_currency" in line
    (line,) = checked(seamline, tmp_path, more[2])
    assert "listings.web.due_within_s: due_within_s must be above every_s" in line


def test_check_refuses_a_sales_channel_that_subtracts_its_own_units_and_is_told_of_no_shipment(
    seamline: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody would know which of its units it still counts as unshipped."""
    monkeypatch.setenv("SEAMLINE_PATCHWORKS", "a-key")
    more = (
        "[patchworks]\ntoken = 'env:SEAMLINE_PATCHWORKS'\n"
        "[sales_channels.shop]\nformat = 'shopify'\n[sales_channels.shop.sale]\nchannel_id = 4\n"
        "[sales_channels.shop.stock]\nlocations = [4]\nquantity_semantics = 'on_hand'\nflow.flow_id = '4711'\n"
    )
    (line,) = checked(seamline, tmp_path, more)
    assert "sales_channels.shop.stock.quantity_semantics: on_hand has its unshipped units added" in line
    assert line.endswith("say how under [sales_channels.shop.fulfilments]")
    told = "[sales_channels.shop.fulfilments]\ncarriers = { UPS = 'ups' }\nflow.flow_id = '4712'\n"
    assert checked(seamline, tmp_path, more + told) == []


_FLOWS = """
[patchworks]
token = "file:key"
[patchworks.webhooks.hook]
url = "file:key"
flow_id = "{hook}"
[patchworks.probe]
flow_id = "{probe}"
disabled_flow_id = "{disabled}"
webhook = "hook"
[recovery.flows]
{recovered} = "shop"
[sales_channels.shop]
format = "shopify"
sale = {{ channel_id = 4 }}
[sales_channels.shop.stock]
locations = [4]
flow.flow_id = "{stock}"
[sales_channels.shop.fulfilments]
flow.flow_id = "{told}"
"""


@pytest.mark.parametrize(
    ("place", "flow", "said"),
    [
        ("told", "1", "sales_channels.shop.fulfilments: the flow 1 takes stock already"),
        (
            "recovered",
            "2",
            "recovery.flows.2: the flow 2 takes fulfilments already, and those that are recovered deliver",
        ),
        ("probe", "1", "patchworks.probe.flow_id: the flow 1 takes stock already, and a probe would start it"),
        ("disabled", "2", "patchworks.probe.disabled_flow_id: the flow 2 takes fulfilments already, and a probe would"),
        ("hook", "1", "patchworks.probe.webhook: the flow 1 takes stock already, and a probe would start it"),
        ("", "", ""),
    ],
)
def test_check_refuses_one_flow_for_two_purposes(
    seamline: Type, tmp_path: Path, place: str, flow: str, said: str
) -> None:
    """What was meant for one would go into the other, and its run may end well all the same."""
    flows = {"stock": "1", "told": "2", "recovered": "3", "probe": "4", "disabled": "5", "hook": "6"}
    lines = checked(seamline, tmp_path, _FLOWS.format(**{**flows, **({place: flow} if place else {})}))
    assert len(lines) == (1 if place else 0), lines
    assert not place or said in lines[0]


def test_check_notes_prices_that_would_not_be_compared(seamline: Type, tmp_path: Path) -> None:
    """Nothing is wrong, and nothing would be found."""
    checked(seamline, tmp_path, "[listings.web]\ncompare_prices = true\nprice_currency = 'EUR'\n")
    said = seamline("check", "--config", str(tmp_path / "seamline.toml"))
    assert "note: listings.web.compare_prices compares nothing" in said.err


@pytest.mark.parametrize(
    ("content", "said"), [(None, "there is no file {path} yet; make it with"), ("a =", "{path} is not TOML")]
)
def test_check_says_how_the_file_of_capabilities_is_made(
    seamline: Type, tmp_path: Path, content: str | None, said: str
) -> None:
    """The whole command, for whoever has named the file before probing; it needs no such file itself."""
    path = tmp_path / "caps of acme.toml"
    if content is not None:
        path.write_text(content)
    checked(seamline, tmp_path)
    config = tmp_path / "seamline.toml"
    config.write_text(config.read_text().replace("[fulfil]\n", f"[fulfil]\ncapabilities = '{path}'\n"))
    answered = seamline("check", "--config", str(config))
    assert answered.status == 78
    assert f"fulfil.capabilities: {said.format(path=path)}" in answered.out
    assert f"`seamline probe fulfil --to '{path}'`" in answered.out
    assert seamline("probe", "fulfil", "--plan", "--config", str(config)).status == 0


def test_check_notes_returns_that_the_tenant_is_not_known_to_take(seamline: Type, tmp_path: Path) -> None:
    """It starts all the same; what comes back is a case."""
    more = "[sales_channels.shop]\nformat = 'shopify'\nreturns = 'create'\n[sales_channels.shop.sale]\nchannel_id = 4\n"
    assert checked(seamline, tmp_path, more) == []
    said = seamline("check", "--config", str(tmp_path / "seamline.toml"))
    assert 'note: sales_channels.shop.returns is "create", and fulfil.capabilities does not say' in said.err
    assert "sales_channels.web" not in said.err


def test_check_says_which_later_payments_would_be_cases(seamline: Type, tmp_path: Path) -> None:
    """Nothing is known of the tenant, a gateway has no table, a table is of no gateway."""
    more = (
        "[sales_channels.shop]\nformat = 'seamline'\n[sales_channels.shop.sale]\nchannel_id = 4\n"
        "gateways = { card = 'stripe', cod = 'cod' }\n"
        "[payments]\n[payments.gateways.stripe]\n[payments.gateways.adyen]\n"
    )
    assert checked(seamline, tmp_path, more) == []
    said = seamline("check", "--config", str(tmp_path / "seamline.toml")).err
    assert "note: [payments] is set, and fulfil.capabilities does not say that payments can be read" in said
    assert "note: later payments through cod are cases" in said
    assert "note: payments.gateways.adyen is the target of no sales channel's gateways" in said
    twice = more + "[payments.gateways.stripe.fee]\nfield = 'fee'\nmetafield = 7\n"
    (line,) = checked(seamline, tmp_path, twice.replace("[payments]\n", "[payments]\ntime_zone = 'Utopia'\n"))[:1]
    assert "Utopia" in line or "not into both" in line


def test_check_says_what_keeps_postings_from_being_made(seamline: Type, tmp_path: Path) -> None:
    """Nothing is known of the tenant's ledger, an event is nobody's, the company has two zones."""
    more = (
        "[sales_channels.shop]\nformat = 'seamline'\n[sales_channels.shop.sale]\nchannel_id = 4\n"
        "[payments]\ntime_zone = 'Europe/Berlin'\n"
        "[postings]\nmode = 'live'\ncurrency = 'EUR'\n[[postings.rows]]\nevent = 'fee'\n"
        "debit = '6100'\ncredit = '1200'\n"
    )
    assert checked(seamline, tmp_path, more) == []
    said = seamline("check", "--config", str(tmp_path / "seamline.toml")).err
    assert "nothing is posted, and that is a case (ledger.refused)" in said
    assert "note: nobody posts payout: [postings] has no row for it" in said
    assert "payments have their day in Europe/Berlin" in said
    assert "note: [payments] and [postings] are set, and [reconciliation] is not: nothing of it is proven" in said
    (line,) = checked(seamline, tmp_path, more.replace("currency = 'EUR'\n", ""))
    assert "to post, say in which currency the ledger is kept" in line
    more += "[reconciliation]\ntime_zone = 'UTC'\n"
    more = more.replace("[payments]\ntime_zone = 'Europe/Berlin'\n", "")
    assert checked(seamline, tmp_path, more) == []
    assert "[reconciliation] is not" not in seamline("check", "--config", str(tmp_path / "seamline.toml")).err


_POSTINGS = """
[sales_channels.shop]
format = "seamline"
[sales_channels.shop.sale]
channel_id = 4
gateways = {{ card = "stripe_eu", gift = "gift_card" }}
[payout_formats.adyen]
currency = "EUR"
columns = {{ payout = "P", amount = "A", status = "S" }}
statuses = {{ Done = "paid" }}
[postings]
providers = {providers}
[[postings.rows]]
event = "fee"
gateway = "{gateway}"
currency = "{currency}"
debit = "6100"
credit = "1200"
"""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"gateway": "stirpe"},
            "line 28, postings.rows[0].gateway: no payouts and no payments go to a gateway 'stirpe'",
        ),
        ({"gateway": "stirpe"}, "so this row never counts, and the one for all gateways does; did you mean `stripe`?"),
        ({"providers": "{ payple = 'x' }"}, "line 25, postings.providers.payple: no payouts of a provider 'payple'"),
        ({"providers": "{ payple = 'x' }"}, "[payout_formats.payple]; did you mean `paypal`?"),
        (
            {"providers": "{ stripe = 'stirpe' }"},
            "line 25, postings.providers.stripe: no payments and no row go to a gateway 'stirpe'",
        ),
        ({"providers": "{ 'shpo/paypal' = 'x' }"}, "there is no sales channel 'shpo'; did you mean `shop`?"),
        ({"currency": "XXQ"}, "line 29, postings.rows[0].currency: there is no currency 'XXQ' (ISO 4217)"),
        ({"currency": "eur"}, "there is no currency 'eur' (ISO 4217); did you mean `EUR`?"),
        ({"gateway": "stripe"}, ""),
        ({"gateway": "adyen"}, ""),
        ({"gateway": "eu", "providers": "{ 'shop/stripe' = 'eu' }"}, ""),
        ({"gateway": "eu", "providers": "{ adyen = 'eu' }"}, ""),
    ],
)
def test_check_refuses_a_mistyped_name_by_which_the_general_row_would_be_posted_by(
    seamline: Type, tmp_path: Path, given: dict[str, str], said: str
) -> None:
    """A gateway that is nowhere, a provider whose payouts nobody reads, a sales channel or a currency that is none."""
    lines = checked(seamline, tmp_path, _POSTINGS.format(**{"gateway": "", "currency": "", "providers": "{}", **given}))
    assert len(lines) == (1 if said else 0), lines
    assert not said or said in lines[0]


def test_check_notes_a_posting_row_of_a_gateway_that_no_payouts_lead_to(seamline: Type, tmp_path: Path) -> None:
    """It takes payments, and yet nothing of it is ever posted by its own row until a provider is named for it."""
    more = _POSTINGS.format(gateway="stripe_eu", currency="", providers="{}")
    assert checked(seamline, tmp_path, more) == []
    said = seamline("check", "--config", str(tmp_path / "seamline.toml")).err
    assert "note: [postings] has a row of the gateway stripe_eu, to which no provider's payouts lead" in said
    assert checked(seamline, tmp_path, more.replace("providers = {}", "providers = { stripe = 'stripe_eu' }")) == []
    said = seamline("check", "--config", str(tmp_path / "seamline.toml")).err
    assert "to which no provider's payouts lead" not in said


def test_check_notes_a_map_that_can_never_say_that_a_payout_was_paid(seamline: Type, tmp_path: Path) -> None:
    """Its payouts would be on their way for ever; words of a type that nobody maps are a problem."""
    more = "[payout_formats.odd]\ncurrency = 'EUR'\ncolumns = { payout = 'P', amount = 'A', status = 'S' }\n"
    assert checked(seamline, tmp_path, more) == []
    said = seamline("check", "--config", str(tmp_path / "seamline.toml")).err
    assert "note: payout_formats.odd can never say that a payout was paid" in said
    assert checked(seamline, tmp_path, more + "statuses = { Done = 'paid' }\n") == []
    assert "never say" not in seamline("check", "--config", str(tmp_path / "seamline.toml")).err
    (line,) = checked(seamline, tmp_path, more + "payout_types = ['Payout']\n")
    assert "these are words of the column `type`, which is not under columns" in line
