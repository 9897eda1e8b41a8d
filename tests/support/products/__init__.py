"""Contract servers as they are deployed: objects with each product's own labels, ports, container names and Secrets.

What products call things is from tests/products/README.md; the servers are in tests/products.
"""
