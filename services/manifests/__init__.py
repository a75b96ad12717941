"""What a guest opens and prints: an order's or a wallet's tickets as a page and as a PDF, at an address of its own."""
