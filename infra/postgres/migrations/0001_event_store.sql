-- The table of eventsourcing's PostgresApplicationRecorder, so that the library reads what we write and the other
-- way round, with two columns of ours that its cases pass over: recorded_at and command_id.
create table stored_events (
    originator_id uuid not null,
    originator_version bigint not null,
    topic text collate "C",
    state bytea,
    notification_id bigserial,
    recorded_at timestamptz not null default clock_timestamp(),
    command_id uuid,
    primary key (originator_id, originator_version)
) with (
    autovacuum_enabled = true,
    autovacuum_vacuum_threshold = 100000000,
    autovacuum_vacuum_scale_factor = 0.5,
    autovacuum_analyze_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.01
);

create unique index stored_events_notification_id_idx on stored_events (notification_id asc);

-- asOf: the last position recorded by a moment. recorded_at never falls as positions rise.
create index stored_events_recorded_at on stored_events using brin (recorded_at) with (pages_per_range = 16, autosummarize = on);

-- Partners, keys, catalogs, subscriptions: few among very many, followed by every process.
create index stored_events_setup on stored_events (notification_id)
    where topic not like 'order.%' and topic not like 'reference.%';

-- The key of each stream that has sealed fields, wrapped by a master key. Deleting the row erases the person.
create table stream_keys (
    originator_id uuid primary key,
    master_key_id text not null,
    wrapped_key bytea not null
);

-- What an Idempotency-Key was used for. The answer is rendered again from the events: nothing of it is kept here.
create table idempotency_records (
    scope_hash bytea primary key,
    body_hash bytea not null,
    order_id uuid not null,
    order_version bigint not null,
    status smallint not null,
    command_id uuid not null,
    recorded_at timestamptz not null
);

create index idempotency_records_recorded_at on idempotency_records (recorded_at);
