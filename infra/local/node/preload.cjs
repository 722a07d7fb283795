// Loaded before the Firebase CLI, for two reasons.
//
// Speed: the emulators are ready in 4 s instead of 10 s (two cores). At its start the Auth emulator
// compiles a validator for every parameter of its whole API, of which a run uses a handful. The
// library behind it can compile each on first use, but the CLI does not pass that option on. What
// requests are checked for stays the same.
"use strict";

const options = require("exegesis/lib/options");
const { compileOptions } = options;
options.compileOptions = (given) =>
  compileOptions({ ...given, lazyCompileValidationSchemas: true });

// No lost events: Node keeps connections by default, and a function's server ends one that was idle
// for two seconds. A request sent in that very moment fails ("socket hang up"), and the CLI drops
// the event, or fails the sign-in. A new connection for each request cannot be ended under it.
const http = require("http");
http.globalAgent = new http.Agent({ keepAlive: false });
