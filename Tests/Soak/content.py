"""What is sent: every byte derives from a request's path, so that whoever reads it knows whose it is."""
import hashlib, random
from dataclasses import dataclass


def stream(key, count):
    """The first bytes of the endless stream of a key."""
    return hashlib.shake_128(key.encode()).digest(count)


@dataclass(frozen=True)
class Wish:
    """A request, all of which stands in its path: `/SERVICE/NONCE/ANSWER-BYTES/UPLOAD-BYTES`."""
    service: str
    nonce: int
    answer: int
    upload: int

    @property
    def path(self):
        return f"/{self.service}/{self.nonce}/{self.answer}/{self.upload}"

    @property
    def method(self):
        return "POST" if self.upload else "GET"

    @property
    def host(self):
        return f"{self.service}.test"

    def answer_bytes(self):
        return stream("answer " + self.path, self.answer)

    def upload_bytes(self):
        return stream("upload " + self.path, self.upload)

    @staticmethod
    def read(path):
        _, service, nonce, answer, upload = path.split("/")
        return Wish(service, int(nonce), int(answer), int(upload))


SIZES = [0, 1, 100, 1000, 16_384, 65_536, 70_000, 200_000]
UPLOADS = [0, 0, 0, 10, 5000, 66_000, 150_000]


def choose(random: random.Random, services, nonce):
    service = random.choice(services)
    return Wish(service, nonce, random.choice(SIZES), random.choice(UPLOADS))


def difference(got, wanted):
    """Where two byte strings part, in words."""
    at = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b), min(len(got), len(wanted)))
    return f"{len(got)} of {len(wanted)} bytes, first difference at {at}: {got[at:at + 24]!r} for {wanted[at:at + 24]!r}"
