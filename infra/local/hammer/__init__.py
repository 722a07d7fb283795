"""
The hammer: kill processes of the local stack while data flows, and see that nothing is lost.

Killed with SIGKILL, at random: the step host, the Supabase stand-in, PostgreSQL, pg_net. Webhooks
are lost, repeated and late. What faces Pub/Sub is the step host, which publishes and takes the
pushes, and pg_net, whose hints wake its relays. The Pub/Sub emulator is spared: it keeps messages
in memory only, which the real service does not lose. So are the Firebase emulators, whose state is
in memory too.
"""

from __future__ import annotations
