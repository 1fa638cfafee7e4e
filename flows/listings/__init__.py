"""Listings: what a sales channel offers is compared with Fulfil's products: a mismatch is found before the sale.

In: `PageReceived` (durable before the sender gets its 2xx), answers of a callback flow where one is asked, timers, and
`Compare` and `Tidy` to itself. Out: a case at most for each cause (`listing.sku`, `listing.barcode`, `listing.price`),
`listing.unchecked` when no list comes; the statement and the mismatches that `seamline listings` prints. Key:
`listings/<sales channel>`. A list is compared when all its pages are here, some hundred listings a step, and again now
and then; what was found stands until the next comparison is complete. All calls are reads and repeat freely. A page
twice changes nothing; a crash leaves the page in the queue, or its rows, and a comparison goes on where it was.

`messages` is what it is told and what it remembers, `comparing` how a list is taken and compared, `expecting` what
happens where lists are expected, `actor` the one decision and the shell around it.
"""

from flows.listings.actor import Listings, decide
from flows.listings.messages import NAME, ROWS_PER_STEP, Expect, ListingsState, PageReceived, key_of

__all__ = ["NAME", "ROWS_PER_STEP", "Expect", "Listings", "ListingsState", "PageReceived", "decide", "key_of"]
