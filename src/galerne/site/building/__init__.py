"""The building over a year, hour by hour: climate, power chain, cooling, electricity, connection."""
