"""The role `issuer`: the issuance saga run over a feed, and the sweeper that leaves nothing stuck."""
