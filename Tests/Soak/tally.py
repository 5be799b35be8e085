"""What became of requests, counted; what must not be is kept with enough to look into it."""
from collections import Counter

KEPT = 20


class Tally:
    def __init__(self):
        self.counts, self.faults = Counter(), []

    def add(self, what):
        self.counts[what] += 1

    def fault(self, what, text):
        """`wrong`, `hung` or `unexpected`."""
        self.counts[what] += 1
        if len(self.faults) < KEPT:
            self.faults.append(f"{what}: {text}")

    def __iadd__(self, other):
        self.counts += other.counts
        self.faults = (self.faults + other.faults)[:KEPT]
        return self
