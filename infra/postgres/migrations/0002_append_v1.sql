-- One call saves a batch of commands (design: group commit). Each command is stored whole or not at all; the answer
-- names those that were left out, why, and the command that stands in their place. Sent twice, every command is left
-- out the second time and names itself: that is how a batch whose answer was lost is recognised.
--
-- The planner settings: on a young database the plan would be a sequential scan, and it would be kept.
create function append_v1(
    command_ids uuid[],
    event_command int[], event_stream uuid[], event_version bigint[], event_topic text[], event_state bytea[],
    key_command int[], key_stream uuid[], key_master text[], key_wrapped bytea[],
    record_command int[], record_scope bytea[], record_body bytea[], record_order uuid[], record_version bigint[],
    record_status int[],
    out base bigint, out refused int[], out refused_kind text[], out refused_to uuid[]
)
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
    moment timestamptz;
    stored bigint;
    kinds text;
begin
    -- The table lock first: a writer that uses the library's own recorder holds the table exclusively before it
    -- takes a position, and must be done before ours are counted. It stands in no other writer's way.
    lock table stored_events in row exclusive mode;
    perform pg_advisory_xact_lock(779501);

    select e.notification_id, greatest(clock_timestamp(), e.recorded_at)
        into base, moment
        from stored_events e order by e.notification_id desc limit 1;
    if not found then
        base := 0;
        moment := clock_timestamp();
    end if;

    -- Idempotency records first, so that a retry meets its own record before it meets its own order.
    if cardinality(record_command) > 0 then
        select array_agg(u.command), array_agg('record'::text), array_agg(r.command_id)
            into refused, refused_kind, refused_to
            from unnest(record_command, record_scope) as u(command, scope)
            join idempotency_records r on r.scope_hash = u.scope
            where r.recorded_at > moment - interval '24 hours';
    end if;
    refused := coalesce(refused, '{}');
    refused_kind := coalesce(refused_kind, '{}');
    refused_to := coalesce(refused_to, '{}');

    select refused || array_agg(c.command), refused_kind || array_agg('version'::text), refused_to || array_agg(c.stored_by)
        into refused, refused_kind, refused_to
        from (
            select distinct on (u.command) u.command, e.command_id as stored_by
            from unnest(event_command, event_stream, event_version) as u(command, stream, version)
            join stored_events e on e.originator_id = u.stream and e.originator_version = u.version
            where u.command <> all (refused)
        ) c;
    refused := coalesce(refused, '{}');

    insert into stored_events (originator_id, originator_version, topic, state, command_id, notification_id, recorded_at)
        select u.stream, u.version, u.topic, u.state, command_ids[u.command], base + row_number() over (order by u.place), moment
        from unnest(event_command, event_stream, event_version, event_topic, event_state)
            with ordinality as u(command, stream, version, topic, state, place)
        where u.command <> all (refused);
    get diagnostics stored = row_count;

    if cardinality(key_command) > 0 then
        insert into stream_keys (originator_id, master_key_id, wrapped_key)
            select u.stream, u.master, u.wrapped
            from unnest(key_command, key_stream, key_master, key_wrapped) as u(command, stream, master, wrapped)
            where u.command <> all (refused);
    end if;

    if cardinality(record_command) > 0 then
        insert into idempotency_records
                (scope_hash, body_hash, order_id, order_version, status, command_id, recorded_at)
            select u.scope, u.body, u.order_id, u.version, u.status, command_ids[u.command], moment
            from unnest(record_command, record_scope, record_body, record_order, record_version, record_status)
                as u(command, scope, body, order_id, version, status)
            where u.command <> all (refused)
        on conflict (scope_hash) do update set -- only ever one that is past its 24 hours
            body_hash = excluded.body_hash, order_id = excluded.order_id, order_version = excluded.order_version,
            status = excluded.status, command_id = excluded.command_id, recorded_at = excluded.recorded_at;
    end if;

    if stored > 0 then
        -- The library's writer takes its positions from the sequence: keep it at the log's end.
        perform setval('stored_events_notification_id_seq', base + stored);
        -- What was stored, so that only those wake whom it concerns.
        select string_agg(distinct case
                when t in ('order.submitted.v1', 'order.replaced.v1', 'order.reprocessed.v1') then 'submitted'
                when t in ('order.issued.v1', 'order.drafted.v1', 'order.failed.v1') then 'settled'
                when t not like 'order.%' and t not like 'reference.%' then 'setup'
                else 'other' end, ' ')
            into kinds from unnest(event_topic) t;
        perform pg_notify('stored_events', kinds);
    end if;
end
$$;
