#!/usr/bin/env python3
"""The slice of the kill -9 campaign under resumable uploads that every run does. EG_CAMPAIGN=long
does 300 uploads."""

import os
import pathlib
import sys

import gateway_fixture as fixture

CAMPAIGN = pathlib.Path(__file__).resolve().parent.parent / "campaigns" / "kill9_resumable.py"
uploads = 300 if fixture.long_campaign() else 20
os.execv(sys.executable, [sys.executable, str(CAMPAIGN), "--uploads", str(uploads)])
