-- Who of several processes does a job that only one may do. The row stays when a lease ends, because the epoch must
-- rise at each new tenure: what an earlier holder still does is known by its lower epoch.
CREATE TABLE leases (
    name       text COLLATE "C" PRIMARY KEY,
    owner      text NOT NULL,
    epoch      bigint NOT NULL CHECK (epoch > 0),
    expires_at timestamptz NOT NULL
);

-- A consumer's place in the log: the last position whose effects are committed. It moves in the transaction of the
-- effects, guarded by its old value. `halted` says why a consumer stands still until an operator acts.
CREATE TABLE consumer_positions (
    name     text COLLATE "C" PRIMARY KEY,
    position bigint NOT NULL CHECK (position >= 0),
    halted   text
);
