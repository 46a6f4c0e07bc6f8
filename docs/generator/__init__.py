"""Writers of the reference: each module turns one part of the code into one page."""
