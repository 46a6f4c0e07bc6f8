"""What answers cost, in words: receipts, sums, differences, budgets."""
