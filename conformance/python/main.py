"""Kinde's own Python SDK, unmodified, against a running Allot.

Usage: main.py SUITE... < run.json

Each case prints one line of JSON, {"case","ok","detail"?}; the last line names the
SDK and the number of cases, {"sdk","version","runtime","cases"}.
"""

import sys

# Each adds its cases.
import account
import billing
import organizations
import usage
from cases import main

sys.exit(main(sys.argv[1:]))
