"""Runs a program at a terminal of its own and answers its questions.

Usage: terminal.py ANSWERS PROGRAM ARGUMENTS...; ANSWERS are separated by '|', one for each prompt that ends in '? ' or '] '.
Standard output of the program goes to the file of the variable OUTPUT; what it shows at the terminal is printed.
"""
import os
import pty
import re
import select
import sys
import time

answers = sys.argv[1].split("|") if sys.argv[1] else []
pid, terminal = pty.fork()
if pid == 0:
    if os.environ.get("OUTPUT"):
        os.dup2(os.open(os.environ["OUTPUT"], os.O_WRONLY | os.O_CREAT, 0o600), 1)
    os.execvp(sys.argv[2], sys.argv[2:])
shown = b""
seen = 0
deadline = time.monotonic() + 60
while time.monotonic() < deadline:
    ready, _, _ = select.select([terminal], [], [], 1)
    if not ready:
        continue
    try:
        piece = os.read(terminal, 65536)
    except OSError:
        break
    if not piece:
        break
    shown += piece
    if re.search(rb"(\? |\] )$", shown[seen:]):
        seen = len(shown)
        if answers:
            os.write(terminal, answers.pop(0).encode() + b"\n")
        else:
            os.write(terminal, b"\x04")
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(status))
