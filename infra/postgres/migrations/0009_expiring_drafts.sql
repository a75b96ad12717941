-- Drafts by partner, in the order in which they were issued: which of them are over follows from that and from the
-- partner's draftTtlSeconds, which may change at any time (projections/expiring_drafts.py asks).
--
-- An index on what the row holds already, and no column: so the rows that are there have it at once, and so have those
-- that a projector of the release before writes while an upgrade rolls, and those of a rebuild.

-- Immutable, though the cast is not in general: the moment in the document is RFC 3339 with its offset, which no
-- setting of a session reads in another way.
create function draft_issued_at(summary bytea) returns timestamptz
language sql immutable strict parallel safe
return (convert_from(summary, 'UTF8')::json #>> '{issuance,issuedAt}')::timestamptz;

-- It is made while the projector waits; all else goes on meanwhile, and lists are stale for some three seconds where
-- there are a million orders, 200,000 of them Drafts.
create index orders_drafts on orders (partner_id, draft_issued_at(summary)) where status = 'Draft';
