-- Which trace a delivery belongs to (W3C Trace Context), for every attempt at it. Null where the event names none.
alter table webhook_deliveries add column traceparent text collate "C";
