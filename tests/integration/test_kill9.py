#!/usr/bin/env python3
"""The slice of the kill -9 campaign that every run does. EG_CAMPAIGN=long does 300 cycles."""

import os
import pathlib
import sys

import gateway_fixture as fixture

CAMPAIGN = pathlib.Path(__file__).resolve().parent.parent / "campaigns" / "kill9.py"
cycles = 300 if fixture.long_campaign() else 40 if fixture.is_release() else 15
os.execv(sys.executable, [sys.executable, str(CAMPAIGN), "--cycles", str(cycles)])
