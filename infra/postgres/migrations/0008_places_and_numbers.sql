-- What is counted and kept unique beside the log: places of a venue's capacity, and the numbers that guests show. Both
-- are written by append_v2 alone, under the writer lock, in the save of the event that they follow from; the events are
-- the truth, from which `channel-manager replay` proves these rows.

-- A row is made when something of a slot is first taken, or when an operator sets its capacity; where there is none,
-- nothing is. It outlives catalogs: a slot that no catalog knows any more keeps its row.
create table allotments (
    admission text collate "C" not null,
    visit_date date not null,
    slot_start time not null,
    held bigint not null default 0 check (held >= 0),
    sold bigint not null default 0 check (sold >= 0),
    overridden boolean not null default false,
    capacity integer check (capacity >= 0),
    primary key (admission, visit_date, slot_start),
    check (overridden or capacity is null)
) with (
    -- A slot on sale is updated with every batch: room for its next versions on its own page, and vacuums by what was
    -- updated and not by the size of the table, which is small.
    fillfactor = 50,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_scale_factor = 0
);

comment on column allotments.slot_start is
    'the venue''s wall clock; 24:00, at which no slot can start, is the whole day: read it as nullif(slot_start, ''24:00'')';
comment on column allotments.held is 'places of Drafts and of orders being issued; without a limit one order may take more than an integer holds';
comment on column allotments.sold is 'places of Issued orders';
comment on column allotments.overridden is 'an operator has set this slot''s capacity, in place of the catalog''s';
comment on column allotments.capacity is 'what the operator has set, null: no limit; null where nothing is set';

-- Ticket and coupon numbers, wallet reference numbers and external reference numbers share one name space.
create table shown_numbers (
    number text collate "C" primary key,
    order_id uuid not null,
    living boolean not null
);

comment on column shown_numbers.order_id is 'whose ticket, coupon or wallet it is on, or was on last';
comment on column shown_numbers.living is
    'only a living number is unique; false: a destroyed ticket''s or coupon''s, which reads Void until another takes it';

-- Takes and gives back all of these places, those of the commands `without` excepted, or does nothing: then `short` is
-- the first slot that cannot be had, from 1, and `short_left` how many places it had left. Only where held and sold
-- together rise must there be room: an order that gives back, or whose held places are sold, is never refused.
--
-- Of many commands that share slots it looks at the sums of what they take, and not at what they give back meanwhile:
-- what fits so fits in whatever order. Of one command, whose slots are each there once, it is exact.
create function append_v2_places(
    slot_command int[], slot_admission text[], slot_date date[], slot_start time[],
    slot_held bigint[], slot_sold bigint[], slot_capacity int[], without int[],
    out short int, out short_left int
)
language plpgsql
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
begin
    select w.place, greatest(w.allowed - w.taken, 0)
        into short, short_left
        from (
            select r.place, r.rise, coalesce(a.held + a.sold, 0) as taken,
                case when a.overridden then a.capacity else r.capacity end as allowed
            from (
                select u.admission, u.visit_date, u.starts, min(u.place) as place,
                    sum(u.held + u.sold) as rise, min(u.capacity) as capacity
                from unnest(slot_command, slot_admission, slot_date, slot_start, slot_held, slot_sold, slot_capacity)
                    with ordinality as u(command, admission, visit_date, starts, held, sold, capacity, place)
                where u.held + u.sold > 0 and u.command <> all (without)
                group by u.admission, u.visit_date, u.starts
            ) r
            left join allotments a
                on a.admission = r.admission and a.visit_date = r.visit_date and a.slot_start = r.starts
        ) w
        where w.taken + w.rise > w.allowed -- null: no limit
        order by w.place limit 1;
    if found then
        return;
    end if;

    merge into allotments a
        using (
            select u.admission, u.visit_date, u.starts, sum(u.held) as held, sum(u.sold) as sold
            from unnest(slot_command, slot_admission, slot_date, slot_start, slot_held, slot_sold)
                as u(command, admission, visit_date, starts, held, sold)
            where u.command <> all (without)
            group by u.admission, u.visit_date, u.starts
        ) w
        on a.admission = w.admission and a.visit_date = w.visit_date and a.slot_start = w.starts
        when matched then update set held = a.held + w.held, sold = a.sold + w.sold
        when not matched then
            insert (admission, visit_date, slot_start, held, sold)
            values (w.admission, w.visit_date, w.starts, w.held, w.sold);
end
$$;

comment on function append_v2_places is 'part of append_v2, which holds the lock that it needs';

-- As append_v1, and with places and numbers. What keeps a command out is looked for in this order, and at the first
-- find it is judged no further and takes nothing: an idempotency record, a version of a stream, a number that another
-- order shows, a capacity set below what is taken, places. `refused_at` and `refused_left` say which of the command's
-- own numbers or slots it was, from 0, and how many places were left.
--
-- The rows of a command stand together in their arrays, commands in their order.
create function append_v2(
    command_ids uuid[],
    event_command int[], event_stream uuid[], event_version bigint[], event_topic text[], event_state bytea[],
    key_command int[], key_stream uuid[], key_master text[], key_wrapped bytea[],
    record_command int[], record_scope bytea[], record_body bytea[], record_order uuid[], record_version bigint[],
    record_status int[],
    slot_command int[], slot_admission text[], slot_date date[], slot_start time[],
    slot_held bigint[], slot_sold bigint[], slot_capacity int[],
    override_command int[], override_admission text[], override_date date[], override_start time[],
    override_capacity int[],
    shown_command int[], shown_number text[], shown_order uuid[],
    destroyed_command int[], destroyed_number text[], destroyed_order uuid[], destroyed_remembered boolean[],
    out base bigint, out refused int[], out refused_kind text[], out refused_to uuid[],
    out refused_at int[], out refused_left int[]
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
    reused boolean;
    fits boolean := false;
    short int;
    short_left int;
    one record;
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

    -- Versions before all that is only of v2: a call sent twice must know its commands again before it judges them by
    -- the numbers and places that they have taken themselves.
    select refused || array_agg(c.command), refused_kind || array_agg('version'::text), refused_to || array_agg(c.stored_by)
        into refused, refused_kind, refused_to
        from (
            select distinct on (u.command) u.command, e.command_id as stored_by
            from unnest(event_command, event_stream, event_version) as u(command, stream, version)
            join stored_events e on e.originator_id = u.stream and e.originator_version = u.version
            where u.command <> all (refused)
        ) c;
    refused := coalesce(refused, '{}');
    refused_at := array_fill(0, array[cardinality(refused)]);
    refused_left := refused_at;

    if cardinality(shown_command) > 0 then
        select refused || array_agg(c.command) filter (where c.living),
                refused_kind || array_agg('number'::text) filter (where c.living),
                refused_to || array_agg(null::uuid) filter (where c.living),
                refused_at || array_agg(c.at) filter (where c.living),
                refused_left || array_agg(0) filter (where c.living),
                bool_or(not c.living)
            into refused, refused_kind, refused_to, refused_at, refused_left, reused
            from (
                select distinct on (u.command) u.command, n.living,
                    u.place::int - array_position(shown_command, u.command) as at
                from unnest(shown_command, shown_number) with ordinality as u(command, number, place)
                join shown_numbers n on n.number = u.number
                where u.command <> all (refused)
                order by u.command, n.living desc, u.place
            ) c;
    end if;

    -- All places at once where all of them can be had, which is nearly always. Else, and where a capacity is set, one
    -- command after the other, in the order in which the log will tell of them.
    if cardinality(override_command) = 0 then
        fits := cardinality(slot_command) = 0;
        if not fits then
            select p.short is null
                into fits
                from append_v2_places(slot_command, slot_admission, slot_date, slot_start, slot_held, slot_sold,
                    slot_capacity, refused) p;
        end if;
    end if;
    if not fits then
        for one in
            select u.command, false as sets, array_agg(u.command) as own, array_agg(u.admission order by u.place) as admission,
                array_agg(u.visit_date order by u.place) as visit_date, array_agg(u.starts order by u.place) as starts,
                array_agg(u.held order by u.place) as held, array_agg(u.sold order by u.place) as sold,
                array_agg(u.capacity order by u.place) as capacity
            from unnest(slot_command, slot_admission, slot_date, slot_start, slot_held, slot_sold, slot_capacity)
                with ordinality as u(command, admission, visit_date, starts, held, sold, capacity, place)
            where u.command <> all (refused)
            group by u.command
            union all
            select o.command, true, array[o.command], array[o.admission], array[o.visit_date], array[o.starts],
                null, null, array[o.capacity]
            from unnest(override_command, override_admission, override_date, override_start, override_capacity)
                as o(command, admission, visit_date, starts, capacity)
            where o.command <> all (refused)
            order by command
        loop
            if one.sets then
                insert into allotments as a (admission, visit_date, slot_start, overridden, capacity)
                    values (one.admission[1], one.visit_date[1], one.starts[1], true, one.capacity[1])
                    on conflict on constraint allotments_pkey do update
                        set overridden = true, capacity = excluded.capacity
                        where excluded.capacity is null or a.held + a.sold <= excluded.capacity;
                if not found then
                    refused := refused || one.command;
                    refused_kind := refused_kind || 'taken'::text;
                    refused_to := refused_to || null::uuid;
                    refused_at := refused_at || 0;
                    refused_left := refused_left || 0;
                end if;
            else
                select p.short, p.short_left
                    into short, short_left
                    from append_v2_places(one.own, one.admission, one.visit_date, one.starts, one.held, one.sold,
                        one.capacity, '{}') p;
                if short is not null then
                    refused := refused || one.command;
                    refused_kind := refused_kind || 'places'::text;
                    refused_to := refused_to || null::uuid;
                    refused_at := refused_at || short - 1;
                    refused_left := refused_left || short_left;
                end if;
            end if;
        end loop;
    end if;

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

    if cardinality(shown_command) > 0 then
        if reused then
            delete from shown_numbers n
                using unnest(shown_command, shown_number) as u(command, number)
                where n.number = u.number and u.command <> all (refused);
        end if;
        insert into shown_numbers (number, order_id, living)
            select u.number, u.order_id, true
            from unnest(shown_command, shown_number, shown_order) as u(command, number, order_id)
            where u.command <> all (refused);
    end if;

    -- A number that is not this order's, or no longer, is another's by now: left alone.
    if cardinality(destroyed_command) > 0 then
        merge into shown_numbers n
            using (
                select u.number, u.order_id, u.remembered
                from unnest(destroyed_command, destroyed_number, destroyed_order, destroyed_remembered)
                    as u(command, number, order_id, remembered)
                where u.command <> all (refused)
            ) d
            on n.number = d.number
            when matched and n.order_id = d.order_id and n.living and d.remembered then update set living = false
            when matched and n.order_id = d.order_id and n.living then delete;
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

comment on function append_v1 is
    'Kept for the processes of the release before, which still call it while an upgrade rolls; dropped one release later. '
    'They know no places and no numbers: what they issue takes none, is not known at the gate and may show a number that '
    'another order shows; what they confirm, cancel or remove leaves its places and numbers as they were. So replace first '
    'what confirms and cancels (api), and issuers last, the old ones ended before new ones begin: then they never meet an '
    'order that has places. channel-manager replay tells whether the rows are right.';
