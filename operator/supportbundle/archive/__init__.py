"""The zip as pure bytes: members, fragments, their validation, and the layout of the whole. No network, no clock.

A collector spools members (`spool`), appends them to its shard's fragment (`fragment`) and describes them in an index
(`index`) behind them. The operator validates each index (`footer`) and the local headers (`headers`), selects members
(`select`), describes the bundle (`manifest`) and lays out the zip (`layout`), whose bytes object storage then copies
together. `records` and `central` know the zip format.
"""
