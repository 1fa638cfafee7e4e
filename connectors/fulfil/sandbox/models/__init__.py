"""The ERP's models, a file for each part of it. Each has a function `models(books, fields)` that answers them."""
