"""Gingham: a retailer's three tables in, recommendations worth showing out."""
