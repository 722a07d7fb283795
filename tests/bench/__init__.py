"""
The benchmark: `make bench`, about eight minutes on two cores; `make bench QUICK=1` shows that it
works.

Every figure stands beside a floor or a rival measured in the same run, taking turns with it, on the
same servers with the same durability settings. One file per subject; KEYS in report.py names the
figures and their aims.
"""
