"""A plan for readers and programs: words, tables, pictures, the report, plain data."""
