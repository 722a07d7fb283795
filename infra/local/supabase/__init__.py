"""Local stand-in for hosted Supabase: PostgREST at /rest/v1, GoTrue's admin API at /auth/v1."""
