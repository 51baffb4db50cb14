#!/usr/bin/env python3
"""The slice of the campaign of breaking lines that every run does. EG_CAMPAIGN=long does 1000
uploads."""

import os
import pathlib
import sys

import gateway_fixture as fixture

CAMPAIGN = pathlib.Path(__file__).resolve().parent.parent / "campaigns" / "cut_lines.py"
uploads = 1000 if fixture.long_campaign() else 40
os.execv(sys.executable, [sys.executable, str(CAMPAIGN), "--uploads", str(uploads)])
