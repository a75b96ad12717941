"""What a venue's gate asks: whom a ticket lets in. Operations over tickets, and a page for a phone or a scanner."""
