"""The history of the ledger's tables, oldest first. A migration that was released is never edited."""
