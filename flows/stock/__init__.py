"""Stock: what each sales channel may sell, from Fulfil's figure to what it is told, and back to what it shows.

`moves`, `reader`      what Fulfil says is there, read again when something moved
`backlog`, `sightings` what orders need, and whether Fulfil has reserved it
`figures`, `unsettled` what follows for each sales channel, worked out from the store
`publisher`, `pull`    telling it: through a flow, or when it asks
`drift`, `standing`    what it shows instead, and how all of that stands

What decides (`flows.model.stock`, `flows.model.units`, `flows.model.drift`) is pure and lives in the model.
"""
