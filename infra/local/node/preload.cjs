// Loaded before the Firebase CLI: the emulators are ready in 4 s instead of 10 s (two cores).
//
// At its start the Auth emulator compiles a validator for every parameter of its whole API, of
// which a run uses a handful. The library behind it can compile each on first use, but the CLI
// does not pass that option on. What requests are checked for stays the same.
"use strict";

const options = require("exegesis/lib/options");
const { compileOptions } = options;
options.compileOptions = (given) =>
  compileOptions({ ...given, lazyCompileValidationSchemas: true });
