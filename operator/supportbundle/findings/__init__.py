"""Checks: pure functions from the objects of a namespace, as the API server tells them, to what is wrong with them."""
