"""What Galerne costs and gains, compared in one run with what one would otherwise pick."""
