"""One file per result: the claim, the command, the budget, the rows."""
