"""The parts of Magento's order JSON that Seamline reads, typed for one quick decode; of version 1 and of version 2.

Both publish the columns of the same tables, so one struct serves both; where version 2 renamed a column, both names are
here. Amounts, ids, flags and texts are `Json`: version 1 sends everything as text, version 2 sends numbers, and either
sends null or an empty text where there is nothing. PHP writes an empty object as `[]`, so objects may be lists.
A repeated key counts with its last value, as in every JSON reader of the field.
Source of names: Adobe Commerce REST reference 2.3 to 2.4, OrderInterface and its extension attributes; Magento 1 SOAP
API, `sales_order.info` (`salesOrderEntity`, `salesOrderItemEntity`, `salesOrderPaymentEntity`).
"""

from __future__ import annotations

import msgspec

from flows.formats.parts import Empty, Json
from flows.model.money import JsonNumber


class Head(msgspec.Struct, gc=False):
    """What names an item: the fields of a bare order, those that show another kind, and the envelopes."""

    entity_id: Json = None
    order_id: Json = None
    updated_at: Json = None
    status: Json = None
    shipment_id: Json = None
    invoice_id: Json = None
    creditmemo_id: Json = None
    entity: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    order: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    items: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    search_criteria: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class AppliedTaxIn(msgspec.Struct, gc=False):
    """A tax by its name: of the order, or the share of one item. `percent` 20 is 20 %."""

    code: Json = None
    title: Json = None
    percent: Json = None
    amount: Json = None
    base_amount: Json = None


class ItemTaxesIn(msgspec.Struct, gc=False):
    """The taxes of one taxable thing. `type` is product, shipping, weee, quote_gw, item_gw or printed_card_gw."""

    type: Json = None
    item_id: Json = None
    applied_taxes: list[AppliedTaxIn] | None = None


class ItemizedTaxIn(msgspec.Struct, gc=False):
    """The share of one tax in an item's tax (2.4.7): `amount` is the item's whole tax, `real_amount` the share."""

    tax_code: Json = None
    tax_percent: Json = None
    real_amount: Json = None
    real_base_amount: Json = None


class ItemExtensionIn(msgspec.Struct, gc=False):
    """What version 2 adds to an item."""

    itemized_taxes: list[ItemizedTaxIn] | None = None


class ItemIn(msgspec.Struct, gc=False):
    """An entry of `items`. A child of a configurable product or a bundle names its parent, and may embed it whole."""

    item_id: Json = None
    parent_item_id: Json = None
    parent_item: ItemIn | Empty | None = None
    product_type: Json = None
    sku: Json = None
    name: Json = None
    is_virtual: Json = None
    qty_ordered: Json = None
    qty_canceled: Json = None
    qty_refunded: Json = None
    qty_shipped: Json = None
    price: Json = None
    base_price: Json = None
    row_total: Json = None
    base_row_total: Json = None
    tax_percent: Json = None
    tax_amount: Json = None
    base_tax_amount: Json = None
    discount_amount: Json = None
    base_discount_amount: Json = None
    discount_tax_compensation_amount: Json = None
    base_discount_tax_compensation_amount: Json = None
    hidden_tax_amount: Json = None
    base_hidden_tax_amount: Json = None
    weee_tax_applied_row_amount: Json = None
    base_weee_tax_applied_row_amount: Json = None
    base_weee_tax_applied_row_amnt: Json = None
    extension_attributes: ItemExtensionIn | Empty | None = None


class AddressIn(msgspec.Struct, gc=False):
    """A billing or shipping address. `street` is text with line breaks, or a list of lines."""

    firstname: Json = None
    middlename: Json = None
    lastname: Json = None
    company: Json = None
    street: Json = None
    city: Json = None
    postcode: Json = None
    region: Json = None
    region_code: Json = None
    country_id: Json = None
    telephone: Json = None
    email: Json = None


class ShippingIn(msgspec.Struct, gc=False):
    """Where and how an order is shipped."""

    address: AddressIn | Empty | None = None
    method: Json = None


class AssignmentIn(msgspec.Struct, gc=False):
    """An entry of `shipping_assignments`; its items repeat those of the order and are skipped."""

    shipping: ShippingIn | Empty | None = None


class GiftCardIn(msgspec.Struct, gc=False):
    """A gift card that pays; its code is as good as money and is not read. Short names are the table's own."""

    id: Json = None
    amount: Json = None
    base_amount: Json = None
    i: Json = None
    a: Json = None
    ba: Json = None


class Extras(msgspec.Struct, gc=False):
    """What Adobe Commerce (Enterprise) adds: extension attributes of version 2, plain fields of version 1."""

    gift_cards: list[GiftCardIn] | str | None = None
    gift_cards_amount: Json = None
    base_gift_cards_amount: Json = None
    gift_cards_refunded: Json = None
    base_gift_cards_refunded: Json = None
    customer_balance_amount: Json = None
    base_customer_balance_amount: Json = None
    customer_balance_refunded: Json = None
    base_customer_balance_refunded: Json = None
    reward_currency_amount: Json = None
    base_reward_currency_amount: Json = None
    gw_price: Json = None
    gw_base_price: Json = None
    gw_items_price: Json = None
    gw_items_base_price: Json = None
    gw_card_price: Json = None
    gw_card_base_price: Json = None
    gw_tax_amount: Json = None
    gw_base_tax_amount: Json = None
    gw_items_tax_amount: Json = None
    gw_items_base_tax_amount: Json = None
    gw_card_tax_amount: Json = None
    gw_card_base_tax_amount: Json = None


class ExtensionIn(Extras, gc=False):
    """The `extension_attributes` of an order."""

    shipping_assignments: list[AssignmentIn] | None = None
    applied_taxes: list[AppliedTaxIn] | None = None
    item_applied_taxes: list[ItemTaxesIn] | None = None
    taxes: list[AppliedTaxIn] | None = None
    company_order_attributes: Json = None
    """Of an order by a company (Adobe Commerce B2B): `{company_id, company_name}`."""


class PaymentIn(msgspec.Struct, gc=False):
    """The one payment of an order."""

    entity_id: Json = None
    payment_id: Json = None
    method: Json = None
    last_trans_id: Json = None
    cc_trans_id: Json = None
    amount_authorized: Json = None
    base_amount_authorized: Json = None
    amount_paid: Json = None
    base_amount_paid: Json = None


class HistoryIn(msgspec.Struct, gc=False):
    """A comment on the order, with the status it then had."""

    status: Json = None
    created_at: Json = None


class OrderIn(Extras, gc=False):
    """An order."""

    entity_id: Json = None
    order_id: Json = None
    increment_id: Json = None
    created_at: Json = None
    updated_at: Json = None
    state: Json = None
    status: Json = None
    base_currency_code: Json = None
    order_currency_code: Json = None
    grand_total: Json = None
    base_grand_total: Json = None
    subtotal: Json = None
    base_subtotal: Json = None
    tax_amount: Json = None
    base_tax_amount: Json = None
    discount_amount: Json = None
    base_discount_amount: Json = None
    coupon_code: Json = None
    discount_description: Json = None
    discount_tax_compensation_amount: Json = None
    base_discount_tax_compensation_amount: Json = None
    hidden_tax_amount: Json = None
    base_hidden_tax_amount: Json = None
    shipping_amount: Json = None
    base_shipping_amount: Json = None
    shipping_tax_amount: Json = None
    base_shipping_tax_amount: Json = None
    shipping_discount_amount: Json = None
    base_shipping_discount_amount: Json = None
    shipping_discount_tax_compensation_amount: Json = None
    base_shipping_discount_tax_compensation_amnt: Json = None
    shipping_hidden_tax_amount: Json = None
    base_shipping_hidden_tax_amount: Json = None
    base_shipping_hidden_tax_amnt: Json = None
    shipping_method: Json = None
    shipping_description: Json = None
    total_paid: Json = None
    base_total_paid: Json = None
    total_due: Json = None
    base_total_due: Json = None
    total_canceled: Json = None
    base_total_canceled: Json = None
    total_refunded: Json = None
    base_total_refunded: Json = None
    subtotal_refunded: Json = None
    base_subtotal_refunded: Json = None
    tax_refunded: Json = None
    base_tax_refunded: Json = None
    discount_refunded: Json = None
    base_discount_refunded: Json = None
    discount_tax_compensation_refunded: Json = None
    base_discount_tax_compensation_refunded: Json = None
    hidden_tax_refunded: Json = None
    base_hidden_tax_refunded: Json = None
    shipping_refunded: Json = None
    base_shipping_refunded: Json = None
    adjustment_positive: Json = None
    base_adjustment_positive: Json = None
    adjustment_negative: Json = None
    base_adjustment_negative: Json = None
    customer_id: Json = None
    customer_is_guest: Json = None
    customer_email: Json = None
    customer_firstname: Json = None
    customer_middlename: Json = None
    customer_lastname: Json = None
    billing_address: AddressIn | Empty | None = None
    shipping_address: AddressIn | Empty | None = None
    items: list[ItemIn] | None = None
    payment: PaymentIn | Empty | None = None
    status_histories: list[HistoryIn] | None = None
    status_history: list[HistoryIn] | None = None
    extension_attributes: ExtensionIn | Empty | None = None


decode_head = msgspec.json.Decoder(Head, float_hook=JsonNumber).decode
decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
decode_order = msgspec.json.Decoder(OrderIn, float_hook=JsonNumber).decode
