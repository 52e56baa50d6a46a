-- The application's role: no superuser, who would be above every REVOKE and every trigger of the ledger. It migrates, and so
-- owns its tables.
create role tollgate login nosuperuser nocreatedb nocreaterole noreplication nobypassrls password :'password';
create database tollgate owner tollgate;
-- Nobody else has any business there.
revoke connect, temporary on database tollgate from public;
