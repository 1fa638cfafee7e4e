-- How many units of which SKUs a sale is to have on its lines: JSON, exact decimals by Fulfil's SKUs. NULL: not known, as
-- of a sale that a person has made, and of those from before.
ALTER TABLE expected_sale ADD COLUMN units TEXT;
