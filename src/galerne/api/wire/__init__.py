"""What travels: requests, answers and bills as clients write and read them."""
