"""
The operator's command, `./healbridge-sync`: one file per subcommand.

A subcommand returns an Answer: data, the same for eyes, and an exit code. `answers.py` prints it,
as JSON with `--json`, and turns errors into one line that says what to do.
"""
