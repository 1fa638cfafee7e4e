"""The sales channels behind the sandbox: they sell, change, take back, count stock, and hear what was shipped."""
