"""Contract servers as they are deployed: objects with each product's own labels, ports, container names and Secrets.

The servers are in tests/products, with a page on how to make each fail.
"""
