"""What is many searches: restarts, a cascade, the best of several; and what is made of them."""
