"""One bundle, one step: gather what is, decide (pure), act, say so in the status."""
