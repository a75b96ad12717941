-- A delivery of a webhook: queue and record in one row (projections/webhook_*.py have every statement on it).
--
-- due_at says when the row may next be taken, by anyone: the next attempt's time while it waits, the end of the lease
-- while a process has it in hand. So a crashed process needs no clean-up: its rows fall due again by themselves.
create table webhook_deliveries (
    id uuid primary key,
    subscription_id uuid not null,
    order_id uuid not null,
    position bigint not null,
    event_name text collate "C" not null,
    body bytea not null,
    status text collate "C" not null check (status in ('pending', 'delivered', 'dead')),
    due_at timestamptz,
    lease_owner text collate "C",
    tried integer not null default 0,
    attempts jsonb not null default '[]',
    created_at timestamptz not null,
    finished_at timestamptz,
    check ((status = 'pending') = (due_at is not null)),
    check ((status = 'pending') = (finished_at is null))
) with (
    -- Every row is written twice within a second. At the default, a fifth of a month's rows would be dead before a vacuum.
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_scale_factor = 0.05
);

comment on column webhook_deliveries.id is 'uuid5(subscription, epoch and event); the webhook-id on the wire is made from it';
comment on column webhook_deliveries.position is 'place in the log of the event that it tells of';
comment on column webhook_deliveries.tried is 'attempts since it was queued or last recovered';

-- By endpoint first: what is due is taken endpoint by endpoint, so that one with a long queue hides no other.
create index webhook_deliveries_due on webhook_deliveries (subscription_id, due_at) where status = 'pending';
create index webhook_deliveries_dead on webhook_deliveries (subscription_id, created_at, position) where status = 'dead';
-- For pruning alone: rows come in the order of their time, and a b-tree would be written to with every row.
create index webhook_deliveries_age on webhook_deliveries using brin (created_at) with (autosummarize = on);

-- Records what came of deliveries in hand and ends their leases; answers the ids recorded. A row that somebody else has
-- leased by now is left alone. A row that became dead meanwhile (its subscription was disabled) still becomes delivered
-- if it was; it is not retried.
--
-- A function because of its plan: it is made once per connection, and on a young table it would be a scan of it, and be
-- kept. Planning it anew each time costs as much as running it.
create function webhook_record_v1(lessee text, kept_attempts integer, outcomes json) returns setof uuid
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
begin
    -- Committed without waiting for the disk. What a crash of the server can lose is that an attempt was made, and then
    -- the delivery is repeated under its id, as after any crash between send and mark.
    perform set_config('synchronous_commit', 'off', true);
    return query
    update webhook_deliveries done
    set status = case when done.status = 'dead' and reported.status = 'pending' then 'dead' else reported.status end,
        due_at = case
            when done.status <> 'dead' and reported.status = 'pending'
            then now() + make_interval(secs => reported.retry_after_seconds)
        end,
        finished_at = case when done.status = 'dead' or reported.status <> 'pending' then now() end,
        lease_owner = null,
        tried = done.tried + (reported.attempt is not null)::integer,
        attempts = case
            when reported.attempt is null then done.attempts
            when jsonb_array_length(done.attempts) >= kept_attempts then (done.attempts - 0) || reported.attempt
            else done.attempts || reported.attempt
        end
    from json_to_recordset(outcomes) as reported (
        id uuid, status text, retry_after_seconds double precision, attempt jsonb
    )
    where done.id = reported.id and done.lease_owner = lessee
    returning done.id;
end
$$;
