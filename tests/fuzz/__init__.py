"""
Hostile input: whatever strangers, patients or a scanner can send, thrown at every door and decoder.

    make fuzz SECONDS=600     # guided by coverage (atheris, on Linux), else by chance

Each target (targets.py) takes bytes and complains by raising `Breach`, or by any other exception.
Findings go to build/fuzz.json; each has a reproducer file beside it, made as small as it gets:

    python -m tests.fuzz --reproduce build/fuzz/push-crash-1a2b3c

Seeds lie in seeds/<target>/; what is found and mended becomes another seed there.
"""
