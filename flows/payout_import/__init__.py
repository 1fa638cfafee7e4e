"""An import of payouts in the process of whoever asks for it, beside the running one.

`file`                the file, read as a whole and cut into pages
`meeting`             how its payouts meet what the store has
`importing`           sent, and followed until it is judged
`rehearsal`           the same, of which nothing is kept
`outcome`, `summary`  what came of it, and how that is told

What becomes of its pages in the running process is `flows.payout_importer`.
"""
