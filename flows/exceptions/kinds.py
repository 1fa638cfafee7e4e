"""The one catalogue of exceptions: everything that can be held, wrong or late, and whose it is.

A kind says for people what code cannot: who owns it, how soon, what it blocks, how it ends by itself, and what to do.
Console, CLI, alerts and the operator's pages all read it from here.
"""

from __future__ import annotations

import enum
import hashlib
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec


class Owner(enum.StrEnum):
    """The team that has to act."""

    OPERATIONS = "operations"
    FINANCE = "finance"
    ECOMMERCE = "ecommerce"
    SRE = "sre"


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of exception."""

    name: str
    title: str
    owner: Owner
    deadline: timedelta
    blocks: str
    """What does not happen while a case of this kind is open."""
    ends: str
    """How a case ends by itself."""
    remedy: str
    """What a person does about it."""


NEVER = "never by itself"
"""`Kind.ends` of a kind whose cases somebody has to end."""

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            name="sku.unknown",
            title="A SKU of the order is not in Fulfil",
            owner=Owner.ECOMMERCE,
            deadline=timedelta(hours=4),
            blocks="the import of the whole order",
            ends="when a product with exactly this SKU is active in Fulfil",
            remedy="create or activate the product in Fulfil, or give the SKU an alias, or correct it there and resend",
        ),
        Kind(
            name="sku.ambiguous",
            title="A SKU of the order is that of several products in Fulfil",
            owner=Owner.ECOMMERCE,
            deadline=timedelta(hours=4),
            blocks="the import of the whole order",
            ends="when only one product with this SKU is active in Fulfil",
            remedy="archive all but one of the named products in Fulfil, or give them codes of their own",
        ),
        Kind(
            name="order.contradiction",
            title="The figures of the order contradict each other",
            owner=Owner.FINANCE,
            deadline=timedelta(hours=24),
            blocks="the import of the order",
            ends="when the sales channel sends a version whose figures add up",
            remedy="correct the named difference in the sales channel and resend the order, or patch it here",
        ),
        Kind(
            name="order.unreadable",
            title="The order cannot be read",
            owner=Owner.ECOMMERCE,
            deadline=timedelta(hours=4),
            blocks="the import of the order",
            ends="when the sales channel sends a version that can be read",
            remedy="check the mapping of the Patchworks flow, or the configured format, and resend; or patch the order",
        ),
        Kind(
            name="tax.unmapped",
            title="A tax of the order is not mapped",
            owner=Owner.FINANCE,
            deadline=timedelta(hours=8),
            blocks="the import of the order",
            ends=NEVER,
            remedy="map the tax under the taxes of the sales channel, restart, then release the order",
        ),
        Kind(
            name="gateway.unmapped",
            title="A payment gateway of the order is not mapped",
            owner=Owner.FINANCE,
            deadline=timedelta(hours=8),
            blocks="the import of the order",
            ends=NEVER,
            remedy="map the gateway under the gateways of the sales channel, restart, then release the order",
        ),
        Kind(
            name="order.unmapped",
            title="Something in the order has no place in Fulfil yet",
            owner=Owner.OPERATIONS,
            deadline=timedelta(hours=8),
            blocks="the import of the order",
            ends=NEVER,
            remedy="configure the carrier service, or the SKU for tips, fees, duties or rounding; restart; release it",
        ),
        Kind(
            name="order.unshippable",
            title="The order cannot be shipped as one sale",
            owner=Owner.OPERATIONS,
            deadline=timedelta(hours=4),
            blocks="the import of the order",
            ends="when the sales channel sends a version that is whole, and goes to one address",
            remedy="make its sale by hand in Fulfil, of what is left or for each address; or cancel it and order anew",
        ),
        Kind(
            name="order.edited",
            title="The order was changed after it went to Fulfil",
            owner=Owner.OPERATIONS,
            deadline=timedelta(hours=4),
            blocks="nothing: the sale stands as it was, unless the case says that its shipments are on hold",
            ends="when the sales channel sends the version that is in Fulfil again, or one that can be applied",
            remedy="compare both versions, change the sale in Fulfil by hand before it is picked, then release it",
        ),
        Kind(
            name="order.cancelled",
            title="The order was cancelled after it went to Fulfil",
            owner=Owner.OPERATIONS,
            deadline=timedelta(hours=1),
            blocks="nothing: the sale stands, and may be shipped",
            ends=NEVER,
            remedy="cancel the sale in Fulfil, or treat it as a return if it has shipped; then release the order",
        ),
        Kind(
            name="order.unpaid",
            title="The order has waited too long",
            owner=Owner.OPERATIONS,
            deadline=timedelta(hours=24),
            blocks="the import of the order",
            ends="when the sales channel says that it is paid, or cancels it",
            remedy="ask the customer, or cancel it in the sales channel; to import it unpaid, release it",
        ),
        Kind(
            name="payment.expiring",
            title="The authorisation of a payment is about to end",
            owner=Owner.FINANCE,
            deadline=timedelta(hours=24),
            blocks="nothing: the order goes on; afterwards its money may not be there",
            ends="when the sales channel says that it is captured or voided, or cancels the order",
            remedy="capture the payment, or cancel the order in the sales channel",
        ),
        Kind(
            name="order.on_hold",
            title="The sale is in Fulfil, and nothing of it is to be shipped yet",
            owner=Owner.OPERATIONS,
            deadline=timedelta(hours=24),
            blocks="the shipping of the order",
            ends="when a version comes that the import gate lets pass, or everything has been shipped",
            remedy="look at the order in the sales channel, then release it, or cancel it there",
        ),
        Kind(
            name="sale.mismatch",
            title="The sale in Fulfil has another total than the order",
            owner=Owner.FINANCE,
            deadline=timedelta(hours=8),
            blocks="nothing: the sale exists; after an edit, the shipping of the order, as the case says",
            ends="when the sales channel sends a later version that is applied and comes to the order's total",
            remedy="compare the sale in Fulfil with the order, correct it before it is invoiced, then release it",
        ),
        Kind(
            name="order.returned",
            title="Goods come back, and Fulfil has no return of them",
            owner=Owner.OPERATIONS,
            deadline=timedelta(hours=24),
            blocks="nothing: the goods can arrive, but Fulfil does not expect them",
            ends="when Fulfil has a return of these units, which is looked for every six hours",
            remedy="make the return in Fulfil; where none is needed, release the order",
        ),
        Kind(
            name="refund.uncredited",
            title="Money went back of which Fulfil knows nothing",
            owner=Owner.FINANCE,
            deadline=timedelta(hours=24),
            blocks="nothing: the customer has the money, and Fulfil's books show it as kept",
            ends=NEVER,
            remedy="credit it in Fulfil with the reason that the case names, then release the order",
        ),
        Kind(
            name="refund.failed",
            title="Money that was to go back did not reach the customer",
            owner=Owner.FINANCE,
            deadline=timedelta(hours=24),
            blocks="nothing: the customer waits for the money",
            ends="when the sales channel no longer calls the refund failed",
            remedy="refund it again in the sales channel or at the gateway",
        ),
        Kind(
            name="refund.contradiction",
            title="The refunds of the order contradict it",
            owner=Owner.FINANCE,
            deadline=timedelta(hours=24),
            blocks="nothing: the money is on its way or gone",
            ends="when the sales channel sends a version whose refunds add up",
            remedy="look at the named refunds there, claim back what was refunded twice, then release the order",
        ),
        Kind(
            name="sale.stalled",
            title="Fulfil made the sale, and does not go on with it",
            owner=Owner.OPERATIONS,
            deadline=timedelta(hours=4),
            blocks="shipping and invoicing: the sale exists, and stands still",
            ends=NEVER,
            remedy="open the sale in Fulfil, settle what its exceptions say there, then release the order",
        ),
        Kind(
            name="fulfil.refused",
            title="Fulfil refused the order",
            owner=Owner.OPERATIONS,
            deadline=timedelta(hours=4),
            blocks="the import of the order",
            ends="when the sales channel resends the order, or somebody releases it, and Fulfil accepts it",
            remedy="correct what Fulfil's sentence names, there or in the configuration, then release the order",
        ),
        Kind(
            name="fulfil.unsettled",
            title="Fulfil kept losing the answer for this order",
            owner=Owner.SRE,
            deadline=timedelta(hours=4),
            blocks="the import of the order",
            ends="when somebody releases it and Fulfil answers, or the sale is found ten minutes later",
            remedy="look at Fulfil's errors for this order, and release it when they are over",
        ),
        Kind(
            name="catalogue.refused",
            title="Fulfil refuses to tell its products",
            owner=Owner.SRE,
            deadline=timedelta(hours=1),
            blocks="orders with new SKUs; before the first sync, the import of every order",
            ends="when a read of the products succeeds",
            remedy="give the API user access to products in Fulfil; check fulfil.api.sellable_field",
        ),
        Kind(
            name="catalogue.shrunk",
            title="Many products are no longer told by Fulfil",
            owner=Owner.SRE,
            deadline=timedelta(hours=8),
            blocks="nothing: the products are taken to be there, and Fulfil refuses orders of those that are not",
            ends="when a full read of the products misses fewer",
            remedy="check what the API user may see in Fulfil; if they were deleted, raise fulfil.catalogue_gone_max",
        ),
        Kind(
            name="alias.broken",
            title="An alias stands for a SKU that Fulfil does not sell",
            owner=Owner.ECOMMERCE,
            deadline=timedelta(hours=24),
            blocks="the import of orders that name the alias",
            ends="when exactly one product with that SKU is active in Fulfil, or the alias is changed or removed",
            remedy="restore the product in Fulfil, or give the alias another SKU with `seamline alias add`",
        ),
        Kind(
            name="customer.conflict",
            title="A customer is two parties in Fulfil, or two customers are one",
            owner=Owner.OPERATIONS,
            deadline=timedelta(hours=24),
            blocks="nothing: the sales stand, each with the party that it has",
            ends="when Fulfil tells one party for both sales, or two for both customers; it is asked every hour",
            remedy="merge the parties in Fulfil if they are one, or name the address that is shared; else release it",
        ),
        Kind(
            name="customers.refused",
            title="Fulfil refuses to tell whose its sales are",
            owner=Owner.SRE,
            deadline=timedelta(hours=24),
            blocks="the comparison of customers; orders are imported all the same",
            ends="when a read of the sales succeeds",
            remedy="give the API user access to sales and their parties in Fulfil",
        ),
        Kind(
            name="run.lost",
            title="A failed Patchworks run could not be recovered",
            owner=Owner.OPERATIONS,
            deadline=timedelta(hours=4),
            blocks="orders of that run that came no other way: nobody here has seen them",
            ends="when its payloads can be fetched after all",
            remedy="look at the run in Patchworks, resend what Fulfil does not have, then release the run",
        ),
        Kind(
            name="recovery.refused",
            title="Patchworks does not tell which runs have failed",
            owner=Owner.SRE,
            deadline=timedelta(hours=12),
            blocks="the recovery of failed runs; their payloads are kept for 72 hours",
            ends="when a sweep succeeds",
            remedy="give the API key access to flow runs, logs and payloads in Patchworks; check [patchworks]",
        ),
        Kind(
            name="poll.refused",
            title="The orders of a sales channel cannot be polled",
            owner=Owner.SRE,
            deadline=timedelta(hours=1),
            blocks="nothing that is pushed; orders that no push brings are not found",
            ends="when a poll reads to its end",
            remedy="look at the callback flow in Patchworks; compare [on_demand] with what the flow expects",
        ),
        Kind(
            name="order.unidentified",
            title="No order can be made of what a flow answered",
            owner=Owner.ECOMMERCE,
            deadline=timedelta(hours=4),
            blocks="that one item, which may be an order nobody here has seen; all others go on",
            ends=NEVER,
            remedy="look at the callback flow and the sales channel's format; release the poll when it is mended",
        ),
        Kind(
            name="order.orphan",
            title="The sales channel has an order that never arrived here",
            owner=Owner.OPERATIONS,
            deadline=timedelta(minutes=15),
            blocks="the import of the order: nobody here has seen it, or not in its newest version",
            ends="when the order arrives, whichever way",
            remedy="have the order sent again from the sales channel, or run its flow in Patchworks",
        ),
        Kind(
            name="manifest.unlisted",
            title="Orders are here that the sales channel does not list",
            owner=Owner.OPERATIONS,
            deadline=timedelta(hours=8),
            blocks="nothing: the orders stand as they are",
            ends="when a later manifest of the same window lists them",
            remedy="look the named orders up in the sales channel: deleted, of another shop, or left out by its flow",
        ),
        Kind(
            name="listing.sku",
            title="Listings of a sales channel whose orders would be held",
            owner=Owner.ECOMMERCE,
            deadline=timedelta(hours=24),
            blocks="nothing yet: an order of one of them is held when it comes",
            ends="when a later check finds no listing of this cause",
            remedy="see `seamline listings`; correct the SKUs, or create or activate the products, or add aliases",
        ),
        Kind(
            name="listing.barcode",
            title="Listings of a sales channel with another barcode than their product",
            owner=Owner.ECOMMERCE,
            deadline=timedelta(hours=72),
            blocks="nothing: orders are imported by their SKU, which may be that of another product",
            ends="when a later check finds no listing of this cause",
            remedy="see `seamline listings`; find out which of SKU and barcode is wrong, there or in Fulfil",
        ),
        Kind(
            name="listing.price",
            title="Listings of a sales channel at another price than Fulfil's list price",
            owner=Owner.ECOMMERCE,
            deadline=timedelta(hours=24),
            blocks="nothing: orders are imported at the price that the customer paid",
            ends="when a later check finds no listing of this cause",
            remedy="see `seamline listings`; correct the price there or in Fulfil, or the tolerance in [listings]",
        ),
        Kind(
            name="listing.unchecked",
            title="What a sales channel offers is not checked",
            owner=Owner.ECOMMERCE,
            deadline=timedelta(hours=24),
            blocks="nothing: what is wrong with a listing shows when its first order is held",
            ends="when a complete list with active listings has been compared",
            remedy="look at the flow that posts or answers the list in Patchworks; some of its pages may be missing",
        ),
        Kind(
            name="stock.refused",
            title="Fulfil refuses to tell its stock",
            owner=Owner.SRE,
            deadline=timedelta(hours=1),
            blocks="nothing that orders take: it is still subtracted at once; nothing else that changes is published",
            ends="when a read succeeds",
            remedy="give the API user access to products, stock moves and sales in Fulfil; check the stock's locations",
        ),
        Kind(
            name="stock.drift",
            title="A sales channel shows other stock than it was told",
            owner=Owner.ECOMMERCE,
            deadline=timedelta(hours=8),
            blocks="nothing: figures are published as before",
            ends="when a later list of the sales channel shows no difference of this cause",
            remedy="see `seamline stock drift`; look at the named SKUs in the sales channel and in its flow",
        ),
        Kind(
            name="stock.undersold",
            title="A sales channel shows nothing of what could be sold",
            owner=Owner.ECOMMERCE,
            deadline=timedelta(hours=4),
            blocks="the sale of the named SKUs there",
            ends="when a later list of the sales channel shows them again",
            remedy="see `seamline stock drift`; activate the SKUs in the sales channel, or look at its flow",
        ),
        Kind(
            name="stock.loop",
            title="A figure is changed at a sales channel as often as it is corrected",
            owner=Owner.ECOMMERCE,
            deadline=timedelta(hours=4),
            blocks="further corrections of these SKUs at this sales channel; changes are still published",
            ends="when a later list of the sales channel shows what it was told",
            remedy="find out what else writes stock there (an app, a person, a second flow), and stop it",
        ),
        Kind(
            name="flow.refused",
            title="A flow of Patchworks cannot be started",
            owner=Owner.OPERATIONS,
            deadline=timedelta(hours=1),
            blocks="everything that goes through that flow; it waits, and is tried every five minutes",
            ends="when a start is taken",
            remedy="deploy and enable the flow in Patchworks, and compare its id with the configuration",
        ),
        Kind(
            name="flow.failing",
            title="All runs of a flow fail",
            owner=Owner.OPERATIONS,
            deadline=timedelta(hours=1),
            blocks="everything that goes through that flow; it waits, and is tried every five minutes",
            ends="when a run ends well",
            remedy="look at the run's log in Patchworks: usually its sales channel or its credentials there",
        ),
        Kind(
            name="flow.line",
            title="A flow fails with one line alone",
            owner=Owner.ECOMMERCE,
            deadline=timedelta(hours=8),
            blocks="that one line; all others go on",
            ends=NEVER,
            remedy="look at the run's log in Patchworks, mend what it names, then release the flow",
        ),
        Kind(
            name="flow.unsettled",
            title="Nobody can say whether a flow was started",
            owner=Owner.OPERATIONS,
            deadline=timedelta(hours=1),
            blocks="everything that goes through that flow, until somebody has looked",
            ends="when its run is found after all",
            remedy="look for the named batch in the flow's runs; to send it once more, release the flow",
        ),
        Kind(
            name="carrier.unmapped",
            title="A shipment went by a carrier that its sales channel has no name for",
            owner=Owner.OPERATIONS,
            deadline=timedelta(hours=1),
            blocks="telling the sales channel of the shipment; it has left all the same",
            ends="when the carrier and the service are mapped, after a restart",
            remedy="add the named carrier or service under the fulfilments of the sales channel, and restart",
        ),
        Kind(
            name="fulfilment.orphan",
            title="A shipment is of an order that was never received",
            owner=Owner.OPERATIONS,
            deadline=timedelta(hours=4),
            blocks="telling the sales channel of the shipment; it has left all the same",
            ends="when the order is received",
            remedy="find the order in the sales channel, and back-fill it; to tell it without that, release the order",
        ),
        Kind(
            name="fulfilment.residual",
            title="More was shipped than is left of the order",
            owner=Owner.OPERATIONS,
            deadline=timedelta(hours=8),
            blocks="telling the sales channel of the named units; all others are told",
            ends="when the order or the shipment is changed so that they go together",
            remedy="compare the shipment with the order in the sales channel, get the units back or have them paid",
        ),
        Kind(
            name="fulfilment.untold",
            title="A shipment was sent to its sales channel, which has not said that it knows of it",
            owner=Owner.OPERATIONS,
            deadline=timedelta(hours=2),
            blocks="nothing; the customer may not know that the order is on its way",
            ends="when the sales channel says that it has it",
            remedy="look at the run in Patchworks and at the order in the sales channel; tell it there by hand",
        ),
        Kind(
            name="fulfilment.cancelled",
            title="A shipment was cancelled after its sales channel had been sent it",
            owner=Owner.OPERATIONS,
            deadline=timedelta(hours=4),
            blocks="nothing; the sales channel shows as shipped what is not",
            ends=NEVER,
            remedy="cancel the fulfilment in the sales channel by hand, then release the order",
        ),
        Kind(
            name="shipment.overdue",
            title="An order has not left by the time that was promised",
            owner=Owner.OPERATIONS,
            deadline=timedelta(hours=24),
            blocks="nothing; the customer waits",
            ends="when all of it that is still wanted has left, or was taken off or cancelled in the sales channel",
            remedy="see `seamline shipments overdue`: allocate, buy or release by its cause, or tell the customer",
        ),
        Kind(
            name="units.cancelled",
            title="Units that the customer has paid for were cancelled in Fulfil, and nobody refunded them",
            owner=Owner.OPERATIONS,
            deadline=timedelta(hours=24),
            blocks="nothing; the customer has paid for what will not come",
            ends="when the sales channel refunds or removes the units, or they are shipped after all",
            remedy="refund or remove the units in the sales channel, or ship them; what is done already, release",
        ),
        Kind(
            name="shipments.refused",
            title="Fulfil refuses to tell its shipments",
            owner=Owner.SRE,
            deadline=timedelta(hours=1),
            blocks="telling sales channels what was shipped; nothing is lost, it is read when Fulfil tells again",
            ends="when a page of shipments has been read",
            remedy="give the API user access to shipments, moves, sale lines, packages and trackings in Fulfil",
        ),
        Kind(
            name="step.parked",
            title="A message could not be decided on",
            owner=Owner.SRE,
            deadline=timedelta(hours=1),
            blocks="everything for this order",
            ends="when a restarted process decides on it",
            remedy="this is a defect of ours: report the reason; a restart tries the message again",
        ),
        Kind(
            name="api.unavailable",
            title="An outside system does not answer",
            owner=Owner.SRE,
            deadline=timedelta(minutes=30),
            blocks="all calls to that system; orders are still accepted and wait on disk",
            ends="when the system answers again",
            remedy="nothing is lost: check the other side, and the disk budget if it lasts",
        ),
        Kind(
            name="api.credentials",
            title="An outside system refuses our credentials",
            owner=Owner.SRE,
            deadline=timedelta(minutes=30),
            blocks="all calls to that system; orders are still accepted and wait on disk",
            ends="when the credentials are accepted again",
            remedy="renew the token that the configuration refers to, and restart",
        ),
    )
}


class ExceptionCase(msgspec.Struct, frozen=True, kw_only=True):
    """One open exception of one subject. The same kind and cause at the same subject is the same case."""

    kind: str
    cause: str
    sentence: str
    opened_at: datetime
    amount: Decimal | None = None
    currency: str | None = None

    @property
    def deadline_at(self) -> datetime:
        """When it should have ended."""
        return self.opened_at + KINDS[self.kind].deadline

    def fingerprint(self, subject: str) -> str:
        """Stable over restarts and repeats: what the case is about, hashed."""
        return hashlib.sha256(f"{self.kind}\n{subject}\n{self.cause}".encode()).hexdigest()[:24]
