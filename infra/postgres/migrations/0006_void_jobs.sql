-- Jobs whose minted assets must be destroyed, asked of the issuer until it acknowledges; derived from the log.
create table void_jobs (
    job_id uuid primary key,
    order_id uuid not null,
    attempts int not null default 0,
    next_attempt_at timestamptz not null default clock_timestamp()
);

create index void_jobs_next_attempt_at on void_jobs (next_attempt_at);

create index stored_events_void_requested on stored_events (notification_id) where topic = 'order.void_requested.v1';
