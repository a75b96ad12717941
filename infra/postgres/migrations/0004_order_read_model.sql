-- The read model of orders (projections/orders.py asks it, projections/order_rows.py writes it). It can be made again
-- from the log at any time. Personal fields in summary and document are ciphertext; the text columns hold none.
create table orders (
    order_id uuid primary key,
    partner_id uuid not null,
    sell_to_order_reference text collate "C" not null,
    buy_from_order_reference text collate "C" not null,
    received_at timestamptz not null,
    status text collate "C" not null,
    removed boolean not null,
    version bigint not null,
    row_version bigint not null,
    submitted_at timestamptz not null,
    due_at timestamptz,
    summary bytea not null,
    document bytea not null
) with (
    -- Every order is written three times within a second, then hardly ever again.
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_analyze_scale_factor = 0.02
);

comment on column orders.status is 'as partners see it; a removed order''s is Cancelled';
comment on column orders.version is 'of the order''s stream: how many of its events are in this row';
comment on column orders.row_version is 'position in the log of its last change';
comment on column orders.submitted_at is 'when it was last handed to issuance';
comment on column orders.due_at is 'from when issuance may take it up; null unless the order is in flight';
comment on column orders.summary is 'the state without lines and wallets, JSON';
comment on column orders.document is 'the state, JSON';

-- Compressing what is mostly ciphertext costs more than it saves; a long document lies beside the row, so that lists,
-- which read summaries, do not read past it.
alter table orders alter column document set storage external;
alter table orders alter column summary set storage external;

-- Lists are merged from one ordered scan a status, so that a rare status is never looked for among others.
create index orders_newest on orders (partner_id, status, received_at desc, order_id desc) where not removed;
create index orders_changed on orders (partner_id, removed, status, row_version);
-- One key of two columns (the first of fixed length), so that no plan takes another index for its first column.
create index orders_sell_to_order_reference on orders ((partner_id::text || sell_to_order_reference), removed);
create index orders_buy_from_order_reference on orders (buy_from_order_reference);
create index orders_due on orders (status, due_at) where due_at is not null;

-- Events that a projection could not apply, and the later ones of the same streams: an operator must look at them.
-- A rebuild, once they can be applied, empties this.
create table parked_events (
    projection text collate "C" not null,
    position bigint not null,
    stream uuid not null,
    version bigint not null,
    topic text not null,
    error text not null,
    parked_at timestamptz not null default clock_timestamp(),
    primary key (projection, position)
);

create index parked_events_stream on parked_events (projection, stream);
