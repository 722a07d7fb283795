"""Local stand-in for pg_net: the tables and functions (pg_net.sql) and the worker that sends."""
