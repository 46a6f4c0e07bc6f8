"""Evidence that is made by running: each script keeps a dated file that the product shows."""
