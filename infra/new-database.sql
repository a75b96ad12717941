-- The service's own database, and a role that owns it and nothing else. The image of PostgreSQL runs it once, on an
-- empty data folder. Elsewhere, an administrator does the same:
--
--   CHANNEL_MANAGER_DATABASE_PASSWORD=... psql --set=ON_ERROR_STOP=1 --file=infra/new-database.sql postgres
\getenv password CHANNEL_MANAGER_DATABASE_PASSWORD
create role channel_manager login password :'password';
create database channel_manager owner channel_manager template template0
    encoding 'UTF8' locale_provider builtin builtin_locale 'C.UTF-8' locale 'C';
revoke all on database channel_manager from public;
