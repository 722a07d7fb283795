"""Both services behind one port, as hosted Supabase's gateway presents them."""

from __future__ import annotations

import psycopg

from infra.local.faults import Faults
from infra.local.loopback import Handler, Request, Response
from infra.local.supabase import auth
from infra.local.supabase.call import Call, preferences
from infra.local.supabase.database import Database, DatabaseAwayError, PoolExhaustedError
from infra.local.supabase.errors import AuthError, GatewayError, RestError, status_of
from infra.local.supabase.identity import Identity, Keys
from infra.local.supabase.rest import serve_table
from infra.local.supabase.rpc import serve_function
from infra.local.supabase.schema_cache import LOGIN_ROLE, SchemaCache

REST, RPC = "/rest/v1/", "rpc/"
HEALTH = auth.PREFIX + "health"
SCHEMAS = ("public",)
REST_CONNECTIONS, AUTH_CONNECTIONS = 12, 4
ADMINS = {"service_role", "supabase_admin"}


class Supabase:
    """Answers requests for /rest/v1 and /auth/v1 of one project."""

    def __init__(self, dsn: str, keys: Keys, max_rows: int) -> None:
        self._keys, self._max_rows = keys, max_rows
        self._rest = Database(dsn, LOGIN_ROLE, REST_CONNECTIONS)
        self._auth = Database(dsn, "supabase_auth_admin", AUTH_CONNECTIONS)
        self._cache = SchemaCache()
        self._cache.follow(dsn)

    def handler(self) -> Handler:
        """Return what answers requests, with the fault switch in front of it."""
        return Faults(_fault_body).around(self._answer)

    def _answer(self, request: Request) -> Response:
        try:
            if request.path == HEALTH:
                return Response(200, b'{"name":"GoTrue","version":"stand-in"}')
            key_role = self._keys.gateway(request.headers, dict(request.query).get("apikey", ""))
            if request.path.startswith(REST):
                return self._answer_rest(request, self._keys.identity(request.headers, key_role))
            if request.path.startswith(auth.PREFIX):
                return self._answer_auth(request, key_role)
            return GatewayError(404, "no Route matched with those values").response()
        except (RestError, GatewayError) as refusal:
            return refusal.response()
        except AuthError as refusal:
            return refusal.response(request.headers.get("x-supabase-api-version", ""))

    def _answer_rest(self, request: Request, identity: Identity) -> Response:
        reading = request.method in {"GET", "HEAD"}
        profile = request.headers.get("accept-profile" if reading else "content-profile")
        schema = profile or SCHEMAS[0]
        if schema not in SCHEMAS:
            hint = f"Only the following schemas are exposed: {', '.join(SCHEMAS)}"
            raise RestError(406, "PGRST106", f"Invalid schema: {schema}", None, hint)
        name = request.path.removeprefix(REST)
        prefer, given = preferences(request.headers), dict(request.query)
        try:
            with self._rest.connection() as connection:
                fixed = (self._cache, identity, schema, self._max_rows)
                call = Call(request, connection, *fixed, prefer, given)
                if name.startswith(RPC):
                    return serve_function(call, name.removeprefix(RPC))
                return serve_table(call, name)
        except PoolExhaustedError:
            message = "Timed out acquiring connection from connection pool."
            raise RestError(504, "PGRST003", message) from None
        except DatabaseAwayError:
            message = "Database client error. Retrying the connection."
            raise RestError(503, "PGRST001", message) from None
        except psycopg.Error as error:
            raise _translated(error, anonymous=identity.role == "anon") from None

    def _answer_auth(self, request: Request, key_role: str) -> Response:
        if "authorization" not in request.headers:
            raise AuthError(401, "no_authorization", "This endpoint requires a Bearer token")
        try:
            identity = self._keys.identity(request.headers, key_role)
        except RestError:
            raise AuthError(403, "bad_jwt", "invalid JWT") from None
        if identity.role not in ADMINS:
            raise AuthError(403, "not_admin", "User not allowed")
        try:
            with self._auth.connection() as connection:
                return auth.serve_users(connection, request)
        except PoolExhaustedError:
            raise AuthError(504, "request_timeout", "Processing this request timed out") from None
        except DatabaseAwayError:
            raise AuthError(503, "unexpected_failure", "The database is away") from None
        except psycopg.Error:  # a trigger of the project on auth.users refused, for example
            raise AuthError(500, "unexpected_failure", "Database error") from None


def _translated(error: psycopg.Error, *, anonymous: bool) -> RestError:
    seen = error.diag
    state, message = error.sqlstate or "XX000", seen.message_primary or ""
    status = status_of(state, message, anonymous=anonymous)
    return RestError(status, state, message, seen.message_detail, seen.message_hint)


def _fault_body(request: Request, status: int) -> tuple[bytes, dict[str, str]]:
    """Return what a refusal looks like: GoTrue's own 429 and 500, else a gateway's plain text."""
    codes = {429: "over_request_rate_limit", 500: "unexpected_failure"}
    if request.path.startswith(auth.PREFIX) and status in codes:
        version = request.headers.get("x-supabase-api-version", "")
        refusal = AuthError(status, codes[status], "Fault of the stand-in").response(version)
        return refusal.body, refusal.headers
    return b"fault of the stand-in\n", {"Content-Type": "text/plain"}
